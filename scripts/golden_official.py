"""Golden numbers for tests/optimizers from the code that the authors of a rule published, in float64.

Their repositories are no dependency of PADL, so the numbers are made once and kept. With torch (see golden_values.py),
colorama and tabulate installed, and the repositories named below cloned into one folder, each under its own name:

    python scripts/golden_official.py FOLDER

Ten steps on the problem of golden_values.py, whose gradients span six decades.
"""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import golden_values
import torch  # pyright: ignore[reportMissingImports]


class Official(NamedTuple):
    """A rule of PADL and its hyperparameters; the repository, file and class of its authors, and its arguments."""

    padl: str
    hyperparameters: dict[str, Any]
    repository: str
    file: str
    name: str
    arguments: dict[str, Any]


MOMENTS = {"learning_rate": 0.1, "b1": 0.8, "b2": 0.9, "eps": 1e-3}
DECAYING = {**MOMENTS, "weight_decay": 0.2}
THEIRS = {"lr": 0.1, "betas": [0.8, 0.9], "eps": 1e-3}
THEIRS_DECAYING = {**THEIRS, "weight_decay": 0.2}
FREE = {**THEIRS_DECAYING, "lr": 0.5, "d0": 0.01, "growth_rate": 1.05}
FREELY = {"momentum": 0.8, "weight_decay": 0.2, "step_power": 1.5}
CASES = [
    Official(
        "adan",
        {**DECAYING, "b2": 0.7, "b3": 0.9},
        *("sail-sg/Adan", "adan.py", "Adan"),
        {**THEIRS_DECAYING, "betas": [0.8, 0.7, 0.9], "foreach": False},
    ),
    Official(
        "ademamix",
        {**DECAYING, "b3": 0.98, "alpha": 3.0, "alpha_warmup": 4.0, "b3_warmup": 7.0},
        *("apple/ml-ademamix", "pytorch/ademamix.py", "AdEMAMix"),
        {**THEIRS_DECAYING, "betas": [0.8, 0.9, 0.98], "alpha": 3.0, "alpha_warmup": 4, "beta3_warmup": 7},
    ),
    Official(
        "simplified_ademamix",
        {**DECAYING, "learning_rate": 0.01, "b1": 0.97, "alpha": 3.0, "b1_warmup": 7.0},
        *("DepenM/Simplified-AdEMAMix", "simplified_AdEMAMix.py", "SimAdEMAMix"),
        {**THEIRS_DECAYING, "lr": 0.01, "betas": [0.97, 0.9], "alpha": 3.0, "beta1_warmup": 7},
    ),
    Official(
        "mars",
        {**DECAYING, "gamma": 0.3},
        *("AGI-Arena/MARS", "MARS/optimizers/mars.py", "MARS"),
        {**THEIRS_DECAYING, "gamma": 0.3, "optimize_1d": True},
    ),
    Official("adam_mini", DECAYING, "zyushun/Adam-mini", "adam_mini/adam_mini.py", "Adam_mini", THEIRS_DECAYING),
    Official(
        "adopt", {**MOMENTS, "eps": 0.1}, "iShohei220/adopt", "src/adopt/adopt.py", "ADOPT", {**THEIRS, "eps": 0.1}
    ),
    Official("laprop", MOMENTS, "Z-T-WANG/LaProp-Optimizer", "laprop.py", "LaProp", THEIRS),
    Official(
        "adabelief",
        MOMENTS,
        *("juntang-zhuang/Adabelief-Optimizer", "pypi_packages/adabelief_pytorch0.2.0/adabelief_pytorch/AdaBelief.py"),
        "AdaBelief",
        {**THEIRS, "rectify": False, "print_change_log": False},
    ),
    Official(
        "prodigy",
        {**DECAYING, "learning_rate": 0.5, "d0": 0.01, "d_coef": 2.0, "growth": 1.05, "bias_correction": True},
        *("konstmish/prodigy", "prodigyopt/prodigy.py", "Prodigy"),
        {**FREE, "d_coef": 2.0, "use_bias_correction": True},
    ),
    Official(
        "dadapt_adam",
        {**DECAYING, "learning_rate": 0.5, "d0": 0.01, "growth": 1.05},
        *("facebookresearch/dadaptation", "dadaptation/dadapt_adam.py", "DAdaptAdam"),
        {**FREE, "decouple": True, "use_bias_correction": True},
    ),
    Official(
        "dog",
        {"learning_rate": 0.5, "r0": 0.01, "eps": 0.1},
        *("formll/dog", "src/dog/dog.py", "DoG"),
        {"lr": 0.5, "reps_rel": 0.01, "eps": 0.1},
    ),
    Official(
        "schedule_free_sgd",
        {**FREELY, "learning_rate": 0.02},
        *("facebookresearch/schedule_free", "schedulefree/sgd_schedulefree_reference.py", "SGDScheduleFreeReference"),
        {"lr": 0.02, "momentum": 0.8, "weight_decay": 0.2, "r": 1.5, "foreach": False},
    ),
    Official(
        "schedule_free_adamw",
        {**FREELY, "learning_rate": 0.1, "b2": 0.9, "eps": 1e-3},
        *("facebookresearch/schedule_free", "schedulefree/adamw_schedulefree_reference.py"),
        "AdamWScheduleFreeReference",
        {**THEIRS_DECAYING, "r": 1.5, "foreach": False},
    ),
    Official("dowg", {"r0": 0.1, "eps": 0.01}, "rka97/dowg", "dowg/dowg.py", "DoWG", {"eps": 0.01}),
]


def clone_of(case: Any, folder: Path) -> Path:
    """Where the authors' repository of a case is."""
    return folder / case.repository.split("/")[1]


def class_of(case: Any, folder: Path) -> Any:
    """The authors' class of a case, from their file."""
    spec: Any = importlib.util.spec_from_file_location(case.name, clone_of(case, folder) / case.file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, case.name)


def optimizer(case: Official, folder: Path, theta: torch.Tensor) -> Any:
    """Make the authors' optimizer of one array."""
    parameters = [("block", theta)] if case.padl == "adam_mini" else [theta]
    return class_of(case, folder)(parameters, **case.arguments)


def path(case: Official, folder: Path) -> list[list[float]]:
    """θ after each step."""
    h, c, start = (torch.tensor(golden_values.PROBLEM[k]) for k in ("curvature", "minimum", "start"))
    theta = torch.nn.Parameter(start.clone())
    stepper, points = optimizer(case, folder, theta), []
    getattr(stepper, "train", bool)()  # of what keeps other parameters to be judged
    for _ in range(golden_values.STEPS):
        theta.grad = h * (theta.detach() - c)
        stepper.step()
        points.append(theta.tolist())
    return points


def commit(case: Any, folder: Path) -> str:
    """The commit of the authors' code."""
    words = ["git", "-C", str(clone_of(case, folder)), "rev-parse", "--short", "HEAD"]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()


def write(name: str, head: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> None:
    """Write golden numbers to a file of tests/, a case a line."""
    cases = ",\n".join(map(json.dumps, rows))
    file = golden_values.GOLDEN / name
    file.write_text(f'{json.dumps(head)[:-1]}, "cases": [\n{cases}\n]}}\n')
    print(f"{file}: {len(rows)} cases, {file.stat().st_size} bytes")


def main(folder: Path) -> None:
    torch.set_default_dtype(torch.float64)
    head = {"made by": "scripts/golden_official.py", "torch": torch.__version__, "problem": golden_values.PROBLEM}
    rows = [{**case._asdict(), "commit": commit(case, folder), "path": path(case, folder)} for case in CASES]
    write("official_optimizers.json", head, rows)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
