"""Golden numbers for tests/optimizers from the code that the authors of rules for matrices published, in float64.

As scripts/golden_official.py; the casts to shorter floats, which all of this code has, do nothing here, and nothing is
compiled. With torch installed, and the repositories named below cloned into one folder, each under its own name:

    TORCHDYNAMO_DISABLE=1 python scripts/golden_matrices.py FOLDER

Six steps down W -> ‖A (W - C) B‖²/2 for two matrices W, one with more rows and one with more columns.
"""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import torch  # pyright: ignore[reportMissingImports]
from golden_official import class_of, clone_of, commit, write

STEPS = 6
SHAPES = ((5, 3), (3, 4))
STUBS = ("utils", "utils.optim", "utils.optim.polar_express", "zolopd")  # imported by code that is not run here


class Official(NamedTuple):
    """A rule of PADL and its hyperparameters; the repository, file and class of its authors, and its arguments."""

    padl: str
    hyperparameters: dict[str, Any]
    repository: str
    file: str
    name: str
    arguments: dict[str, Any]
    takes: str = "params"  # the argument by which it is given the matrix


OURS = {"learning_rate": 0.1, "momentum": 0.8, "weight_decay": 0.3}
THEIRS = {"lr": 0.1, "momentum": 0.8}
CASES = [
    *(
        Official(
            "muon_plus",
            {**OURS, "nesterov": True, "normalise": ours},
            *("K1seki221/MuonPlus", "utils/optim/muon_plus.py", "MuonPlus"),
            {**THEIRS, "weight_decay": 0.3, "norm_mode": theirs},
            "named_params",
        )
        for ours, theirs in (("columns", "col"), ("rows_columns", "row_col"))
    ),
    Official(
        "polargrad",
        {**OURS, "learning_rate": 0.01, "polar": "exact"},
        *("timlautk/polargrad", "polar_grad.py", "PolarGrad"),
        {**THEIRS, "lr": 0.01, "weight_decay": 0.3, "inner_steps": 20},
    ),
    Official(
        "namo",
        {**OURS, "learning_rate": 0.01, "b2": 0.9, "eps": 0.1},
        *("minxin-zhg/namo", "src/namo.py", "NAMO"),
        {**THEIRS, "lr": 0.01, "wd": 0.3, "mu2": 0.9, "adamnorm_eps": 0.1},
        "muon_params",
    ),
    Official(
        "mars_m",
        {**OURS, "gamma": 0.3},
        *("AGI-Arena/MARS", "MARS_M/optimizers/mars_m.py", "MARS_M"),
        {**THEIRS, "wd": 0.3, "gamma": 0.3},
        "muon_params",
    ),
    Official(
        "muown",
        {**OURS, "learning_rate": 0.05, "b1": 0.7, "b2": 0.9, "eps": 0.1},
        *("kcc-lion/muown", "optim/muown.py", "Muown"),
        {
            **THEIRS,
            "lr": 0.05,
            "betas": [0.7, 0.9],
            "adam_eps": 0.1,
            "weight_decay": 0.3,
            "backend": "newtonschulz5_torch",
        },
    ),
    Official(
        "normuon",
        {**OURS, "b2": 0.9, "eps": 1e-10},
        *("zichongli5/NorMuon", "normuon.py", "SingleDeviceNorMuon"),
        {**THEIRS, "weight_decay": 0.3, "beta2": 0.9},
    ),
    Official(
        "muoneq",
        {**OURS, "scale": "rms", "sides": "both"},
        *("MaeChd/muon-eq", "llm-opt-baseline-gpu/llm-baselines/src/optim/muoneq.py", "MuonEq"),
        {**THEIRS, "wd": 0.3, "normalize_mode": "rowcol", "rowcol_eps": 1e-30},
        "muon_params",
    ),
]


def keep_float64() -> None:
    """Take the casts to shorter floats out of torch."""
    patched: Any = torch
    kept: Any = torch.Tensor.to
    shorter = (torch.bfloat16, torch.float32)
    longer = lambda x: torch.float64 if x in shorter else x  # noqa: E731

    def to(self: Any, *args: Any, **kwargs: Any) -> Any:
        return kept(self, *map(longer, args), **{name: longer(x) for name, x in kwargs.items()})

    torch.set_default_dtype(torch.float64)
    patched.Tensor.to = to
    patched.Tensor.bfloat16 = patched.Tensor.float = lambda self: self
    patched.float32 = torch.float64


def problem(shape: tuple[int, int]) -> dict[str, list[list[float]]]:
    """Return A, B, C and the start of a matrix of that shape, m x n."""
    rng = np.random.default_rng(0)
    (m, n), draw = shape, lambda *of: np.round(rng.standard_normal(of), 3)
    return {"a": draw(m, m).tolist(), "b": draw(n, n).tolist(), "c": draw(m, n).tolist(), "start": draw(m, n).tolist()}


def optimizer(case: Official, folder: Path, w: torch.Tensor) -> Any:
    """Make the authors' optimizer of one matrix."""
    for name in STUBS:
        stub: Any = ModuleType(name)
        stub.__getattr__ = lambda _: None
        sys.modules[name] = stub
    sys.path.insert(0, str((clone_of(case, folder) / case.file).parent))
    given = [("hidden", w)] if case.takes == "named_params" else [w]
    return class_of(case, folder)(**{case.takes: given}, **case.arguments)


def path(case: Official, folder: Path, shape: tuple[int, int]) -> list[list[list[float]]]:
    """W after each step."""
    a, b, c, start = (torch.tensor(problem(shape)[name]) for name in ("a", "b", "c", "start"))
    w = torch.nn.Parameter(start.clone())
    stepper, points = optimizer(case, folder, w), []
    for _ in range(STEPS):
        w.grad = a.T @ (a @ (w.detach() - c) @ b) @ b.T
        with torch.no_grad():
            stepper.step()
        points.append(w.tolist())
    return points


def main(folder: Path) -> None:
    keep_float64()
    head = {"made by": "scripts/golden_matrices.py", "torch": torch.__version__, "problems": [*map(problem, SHAPES)]}
    rows = [
        {**case._asdict(), "commit": commit(case, folder), "paths": [path(case, folder, shape) for shape in SHAPES]}
        for case in CASES
    ]
    write("official_matrices.json", head, rows)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
