"""Golden numbers for tests/optimizers and tests/losses: what torch computes, in float64. The losses of both are below.

torch is no dependency of PADL, so the numbers are made once and kept. From the root of the repository, about 200 MB:

    python -m venv parity && parity/bin/pip install -e '.[parity]'
    parity/bin/python scripts/golden_values.py

Optimizers: ten steps of every torch.optim rule that PADL shares, on f(θ) = Σ h (θ - c)² / 2 with gradient h (θ - c).
The curvatures h span six decades and one coordinate starts at its minimum, so that a misplaced eps shows; eps is larger
than the default for the same reason.

Losses: value and gradients at the inputs of torch's own tests, and at hard points that those leave out. The inputs are
rounded to half precision, and of a large gradient only a sketch is kept: so the file is small. A hard point has, where
it can, a shape that the samples have, since every shape is a program to compile in the tests.
"""

import json
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch  # pyright: ignore[reportMissingImports]
import torch.nn.functional as F  # pyright: ignore[reportMissingImports]

GOLDEN = Path(__file__).parent.parent / "tests" / "golden"
STEPS = 10
PROBLEM = {
    "curvature": [1e-4, 0.3, 2.0, 60.0, 1.0],
    "minimum": [5.0, -1.0, 0.5, 0.02, -0.7],
    "start": [-3.0, 2.0, -0.25, 0.05, -0.7],
}
CASES = [  # (optimizer of PADL, its hyperparameters, optimizer of torch, its arguments)
    ("sgd", {"learning_rate": 0.01}, "SGD", {"lr": 0.01}),
    ("momentum", {"learning_rate": 0.01, "momentum": 0.8}, "SGD", {"lr": 0.01, "momentum": 0.8}),
    ("nesterov", {"learning_rate": 0.01, "momentum": 0.8}, "SGD", {"lr": 0.01, "momentum": 0.8, "nesterov": True}),
    ("adagrad", {"learning_rate": 0.1, "eps": 1e-3}, "Adagrad", {"lr": 0.1, "eps": 1e-3}),
    ("rmsprop", {"learning_rate": 0.05, "decay": 0.7, "eps": 1e-3}, "RMSprop", {"lr": 0.05, "alpha": 0.7, "eps": 1e-3}),
    (
        "rmsprop",
        {"learning_rate": 0.05, "decay": 0.7, "eps": 1e-3, "momentum": 0.6, "centred": True, "convention": "torch"},
        "RMSprop",
        {"lr": 0.05, "alpha": 0.7, "eps": 1e-3, "momentum": 0.6, "centered": True},
    ),
    (
        "rprop",
        {
            **{"first_step": 0.1, "eta_minus": 0.4, "eta_plus": 1.5, "min_step": 1e-3, "max_step": 0.3},
            "convention": "torch",
        },
        "Rprop",
        {"lr": 0.1, "etas": [0.4, 1.5], "step_sizes": [1e-3, 0.3]},
    ),
    (
        "adafactor",
        {
            **{"learning_rate": 0.05, "power": 0.6, "eps": 0.01, "min_scale": 2.5, "weight_decay": 0.1},
            "convention": "torch",
        },
        "Adafactor",
        {"lr": 0.05, "beta2_decay": -0.6, "eps": [0.01, 2.5], "d": 1.0, "weight_decay": 0.1},
    ),
    ("adadelta", {"learning_rate": 2.0, "decay": 0.7, "eps": 1e-3}, "Adadelta", {"lr": 2.0, "rho": 0.7, "eps": 1e-3}),
    (
        "adam",
        {"learning_rate": 0.1, "b1": 0.8, "b2": 0.9, "eps": 1e-3},
        "Adam",
        {"lr": 0.1, "betas": [0.8, 0.9], "eps": 1e-3},
    ),
    (
        "adamw",
        {"learning_rate": 0.1, "b1": 0.8, "b2": 0.9, "eps": 1e-3, "weight_decay": 0.2},
        "AdamW",
        {"lr": 0.1, "betas": [0.8, 0.9], "eps": 1e-3, "weight_decay": 0.2},
    ),
    (
        "nadam",
        {"learning_rate": 0.1, "b1": 0.8, "b2": 0.9, "eps": 1e-3, "momentum_decay": 0.5},
        "NAdam",
        {"lr": 0.1, "betas": [0.8, 0.9], "eps": 1e-3, "momentum_decay": 0.5},
    ),
    (
        "adamax",
        {"learning_rate": 0.1, "b1": 0.8, "b2": 0.9, "eps": 1e-3, "convention": "torch"},
        "Adamax",
        {"lr": 0.1, "betas": [0.8, 0.9], "eps": 1e-3},
    ),
    (
        "amsgrad",
        {"learning_rate": 0.1, "b1": 0.8, "b2": 0.9, "eps": 1e-3, "convention": "torch"},
        "Adam",
        {"lr": 0.1, "betas": [0.8, 0.9], "eps": 1e-3, "amsgrad": True},
    ),
    (
        "nadamw",
        {"learning_rate": 0.1, "b1": 0.8, "b2": 0.9, "eps": 1e-3, "momentum_decay": 0.5, "weight_decay": 0.2},
        "NAdam",
        {
            **{"lr": 0.1, "betas": [0.8, 0.9], "eps": 1e-3, "momentum_decay": 0.5},
            **{"weight_decay": 0.2, "decoupled_weight_decay": True},
        },
    ),
    (
        "radam",
        {"learning_rate": 0.1, "b1": 0.8, "b2": 0.9, "eps": 1e-3, "convention": "torch"},
        "RAdam",
        {"lr": 0.1, "betas": [0.8, 0.9], "eps": 1e-3},
    ),
]


def path(name: str, arguments: dict) -> list[list[float]]:
    """θ after each step."""
    h, c, start = (torch.tensor(PROBLEM[k], dtype=torch.float64) for k in ("curvature", "minimum", "start"))
    theta = start.clone().requires_grad_()
    optimizer = getattr(torch.optim, name)([theta], **arguments)
    points = []
    for _ in range(STEPS):
        theta.grad = h * (theta.detach() - c)
        optimizer.step()
        points.append(theta.tolist())
    return points


def case(ours: str, hyperparameters: dict, theirs: str, arguments: dict) -> dict:
    names = {"padl": ours, "hyperparameters": hyperparameters, "torch": theirs, "arguments": arguments}
    return {**names, "path": path(theirs, arguments)}


def write_optimizers() -> None:
    torch.set_default_dtype(torch.float64)  # NAdam's running product is kept in this, whatever the parameters are in
    head = json.dumps({"made by": "scripts/golden_values.py", "torch": torch.__version__, "problem": PROBLEM})
    cases = ",\n".join(json.dumps(case(*c)) for c in CASES)  # a line each
    file = GOLDEN / "optimizers.json"
    file.write_text(f'{head[:-1]}, "cases": [\n{cases}\n]}}\n')
    print(f"{file}: {len(CASES)} cases, {file.stat().st_size} bytes")


# Losses

LOSSES = {  # functional of torch: (its class, the loss of PADL)
    "mse_loss": ("MSELoss", "mse"),
    "l1_loss": ("L1Loss", "mae"),
    "huber_loss": ("HuberLoss", "huber"),
    "smooth_l1_loss": ("SmoothL1Loss", "smooth_l1"),
    "cross_entropy": ("CrossEntropyLoss", "cross_entropy"),
    "nll_loss": ("NLLLoss", "nll"),
    "binary_cross_entropy": ("BCELoss", "bce"),
    "binary_cross_entropy_with_logits": ("BCEWithLogitsLoss", "bce_with_logits"),
    "kl_div": ("KLDivLoss", "kl_div"),
    "gaussian_nll_loss": ("GaussianNLLLoss", "gaussian_nll"),
    "poisson_nll_loss": ("PoissonNLLLoss", "poisson_nll"),
    "hinge_embedding_loss": ("HingeEmbeddingLoss", "hinge_embedding"),
    "soft_margin_loss": ("SoftMarginLoss", "soft_margin"),
    "multi_margin_loss": ("MultiMarginLoss", "multi_margin"),
    "multilabel_margin_loss": ("MultiLabelMarginLoss", "multilabel_margin"),
    "multilabel_soft_margin_loss": ("MultiLabelSoftMarginLoss", "multilabel_soft_margin"),
    "margin_ranking_loss": ("MarginRankingLoss", "margin_ranking"),
    "cosine_embedding_loss": ("CosineEmbeddingLoss", "cosine_embedding"),
    "triplet_margin_loss": (None, "triplet_margin"),
    "triplet_margin_with_distance_loss": (None, "triplet_margin"),
    "ctc_loss": ("CTCLoss", "ctc"),
}
EVERY = {"gaussian_nll_loss": 5, "poisson_nll_loss": 5, "ctc_loss": 12}  # of many functional samples only some
SKETCH = np.random.default_rng(0).uniform(1, 2, size=16)


class Case(NamedTuple):
    """name: of torch's class or functional, number, description. loss: of PADL. inputs, options: torch's, in order.

    gradients: of the sum of the value, for each input; None where torch gives none. Of ctc: to what log_softmax took.
    """

    name: str
    loss: str
    inputs: list[Any]
    options: dict[str, Any]
    value: Any
    gradients: list[Any]


X, TWO = [[0.5, -1.25, 2.0], [3.0, 0.0, -0.5]], [2, 0]
POINTS = [[[((7 * i * i + 3 * j + 5 * j * k + k) % 17 - 8) / 4 for j in range(10)] for i in range(3)] for k in range(3)]
REST = [0.0] * 8
FRAMES = [[[0.5, -1.0, 2.0, 0.25], [1.5, 0.0, -0.75, 0.5], [-0.5, 1.0, 0.0, 3.0]][i % 3] for i in range(10)]
FRAMES = [[[a * (t + 1) / 4 for a in FRAMES[t + n]] for n in range(3)] for t in range(6)]  # (6, 3, 4), time first
HARD_POINTS = [  # (name, functional of torch, inputs, options): what torch's own samples leave out
    ("at 0", "l1_loss", [[0.0, 1.0, -2.0], [0.0, 3.0, -2.0]], {}),
    ("at delta", "huber_loss", [[0.5, -0.5, 0.25, 0.0, 4.0], [0.0] * 5], {"delta": 0.5, "reduction": "none"}),
    ("delta", "huber_loss", [[0.5, -3.5, 0.25, 0.0, 4.0], [0.0] * 5], {"delta": 2.0}),
    ("at beta", "smooth_l1_loss", [[0.5, -0.5, 0.25, 0.0, 4.0], [0.0] * 5], {"beta": 0.5, "reduction": "none"}),
    ("beta 0 at 0", "smooth_l1_loss", [[0.0, -0.5], [0.0, 0.0]], {"beta": 0.0}),
    ("smoothed, weighted, mean", "cross_entropy", [X, TWO], {"weight": [1.0, 2.0, 0.5], "label_smoothing": 0.25}),
    (
        "smoothed, weighted, of each",
        "cross_entropy",
        [X, TWO],
        {"weight": [1.0, 2.0, 0.5], "label_smoothing": 0.25, "reduction": "none"},
    ),
    (
        "smoothed, weighted, ignored",
        "cross_entropy",
        [X, TWO],
        {"weight": [1.0, 2.0, 0.5], "label_smoothing": 0.25, "ignore_index": 2},
    ),
    (
        "probabilities, smoothed, weighted",
        "cross_entropy",
        [X, [[0.25, 0.75, 0.0], [0.0, 0.0, 1.0]]],
        {"weight": [1.0, 2.0, 0.5], "label_smoothing": 0.25},
    ),
    ("sure", "cross_entropy", [[[1e4, -1e4, 0.0], [1e4, -1e4, 0.0]], [0, 1]], {"reduction": "none"}),
    ("a class ruled out", "cross_entropy", [[[0.0, -float("inf"), 0.5]], [2]], {}),
    ("the class ruled out came", "cross_entropy", [[[0.0, -float("inf"), 0.5]], [1]], {}),
    ("weight 0 among others", "nll_loss", [X, TWO], {"weight": [0.0, 1.0, 2.0]}),
    ("at 0 and 1", "binary_cross_entropy", [[0.0, 1.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0]], {"reduction": "none"}),
    ("far out", "binary_cross_entropy_with_logits", [[1e4, -1e4, 0.0], [0.0, 0.0, 1.0]], {"reduction": "none"}),
    (
        "a share of yes",
        "binary_cross_entropy_with_logits",
        [X, [[0.25, 1.0, 0.0]] * 2],
        {"pos_weight": [3.0, 0.5, 1.0]},
    ),
    ("batchmean of three axes", "kl_div", [[X, X, X], [[[0.25, 0.5, 0.25]] * 2] * 3], {"reduction": "batchmean"}),
    (
        "variance below eps",
        "gaussian_nll_loss",
        [[1.0, 2.0, 0.0, 0.0, 1.0], [0.5, 2.0, 1.0, 0.0, 3.0], [0.0, 0.5, 0.25, 0.125, 2.0]],
        {"eps": 0.25, "full": True},
    ),
    ("rate 0", "poisson_nll_loss", [[0.0, 2.0], [0.0, 3.0]], {"log_input": False, "full": True}),
    ("count 1", "poisson_nll_loss", [[0.0, 2.0, 1.0], [0.0, 1.0, 2.0]], {"full": True, "reduction": "none"}),
    ("at the margin", "hinge_embedding_loss", [[0.5, 0.5, 2.0, -1.0], [1.0, -1.0, -1.0, 1.0]], {"margin": 0.5}),
    ("at the margin", "margin_ranking_loss", [[0.5, 2.0], [1.0, 1.5], [1.0, -1.0]], {"margin": -0.5}),
    ("at the margin", "multi_margin_loss", [[[1.0, 0.0, 0.5, -1.0, 0.0], [0.0, 2.0, 0.0, 1.0, 1.5]], [0, 1]], {}),
    (
        "at the margin, p 2",
        "multi_margin_loss",
        [[[1.0, 0.0, 0.5, -1.0, 0.0], [0.0, 2.0, 0.0, 1.0, 1.5]], [0, 1]],
        {"p": 2},
    ),
    (
        "at the margin",
        "multilabel_margin_loss",
        [[[1.0, 0.0, 0.5, 0.25, -0.75]] * 2, [[3, 0, -1, 1, 2], [-1, 0, 1, 2, 3]]],
        {},
    ),
    ("margin below 0", "cosine_embedding_loss", [POINTS[0], POINTS[1], [1.0, -1.0, -1.0]], {"margin": -0.5}),
    ("p 1", "triplet_margin_loss", POINTS, {"p": 1.0}),
    ("p 2", "triplet_margin_loss", POINTS, {"p": 2.0, "margin": 3.0}),
    ("p 3", "triplet_margin_loss", POINTS, {"p": 3.0, "margin": 3.0, "reduction": "none"}),
    ("p 3, swapped", "triplet_margin_loss", POINTS, {"p": 3.0, "swap": True, "margin": 3.0}),
    ("p inf", "triplet_margin_loss", POINTS, {"p": float("inf"), "margin": 3.0}),
    (
        "coinciding, eps 0",
        "triplet_margin_loss",
        [[[1.0, 2.0, *REST]], [[1.0, 2.0, *REST]], [[0.5, 0.0, *REST]]],
        {"eps": 0.0, "margin": 4.0},
    ),
    (
        "empty target",
        "ctc_loss",
        [FRAMES, [[1, 0, 0], [2, 0, 0], [3, 0, 0]], [6, 6, 6], [0, 1, 0]],
        {},
    ),
    ("nothing but empty targets", "ctc_loss", [FRAMES, [[1, 2, 3]] * 3, [6, 5, 4], [0, 0, 0]], {}),
    ("repeated labels", "ctc_loss", [FRAMES, [[1, 1, 1], [2, 2, 1], [1, 2, 2]], [6, 6, 6], [3, 3, 3]], {}),
    (
        "repeated labels that just fit",
        "ctc_loss",
        [FRAMES, [[1, 1, 1], [2, 2, 1], [1, 2, 2]], [5, 4, 4], [3, 3, 3]],
        {},
    ),
    ("one frame", "ctc_loss", [FRAMES[:1], [[1], [2], [3]], [1, 1, 1], [1, 0, 1]], {}),
    ("of all lengths", "ctc_loss", [FRAMES, [[1, 2, 3], [3, 1, 0], [2, 0, 0]], [6, 3, 1], [3, 2, 1]], {}),
    (
        "target that does not fit, zero_infinity",
        "ctc_loss",
        [FRAMES, [[1, 1, 2]] * 3, [6, 6, 3], [3, 3, 3]],
        {"zero_infinity": True},
    ),
    # where PADL differs on purpose: see tests/losses/deviations.py
    ("label -100", "cross_entropy", [X, [2, -100]], {}),
    ("nothing kept", "nll_loss", [X, [1, 1]], {"ignore_index": 1}),
    (
        "probability 0 of a class ruled out",
        "cross_entropy",
        [[[0.0, -float("inf"), 0.0]], [[0.5, 0.0, 0.5]]],
        {"reduction": "none"},
    ),
    ("certain and right", "binary_cross_entropy_with_logits", [[float("inf"), -float("inf")], [1.0, 0.0]], {}),
    ("target 0", "kl_div", [[-1.0, -0.5], [0.0, 1.0]], {"reduction": "sum"}),
    ("far out", "soft_margin_loss", [[1000.0, -2.0], [-1.0, -1.0]], {"reduction": "none"}),
    ("zero vector", "cosine_embedding_loss", [[[0.0, 0.0, *REST]], [[3.0, 4.0, *REST]], [1.0]], {}),
    (
        "eps left out",
        "triplet_margin_loss",
        [[[1.0, 2.0, *REST]], [[1.0, 2.0, *REST]], [[0.5, 0.0, *REST]]],
        {"margin": 4.0},
    ),
    ("target that does not fit", "ctc_loss", [FRAMES, [[1, 1, 2]] * 3, [6, 6, 3], [3, 3, 3]], {}),
]


def loss_cases() -> list[Case]:
    """Every case, in a fixed order; torch's databases take ten seconds to import."""
    functionals = {_functional: _loss for _functional, (_, _loss) in LOSSES.items()}
    cases = [evaluated(*c) for c in (*by_class(), *by_functional())]
    for name, functional, inputs, options in HARD_POINTS:
        tensors = [torch.tensor(x, dtype=torch.float64 if _real(x) else torch.int64) for x in inputs]
        loss = functionals[functional]
        cases.append(evaluated(f"{functional} {name}", loss, getattr(F, functional), tensors, _tensors(options)))
    return cases


def by_class() -> Iterator[tuple]:
    """(name, loss, function, inputs, options) of the tests of torch.nn's classes."""
    from torch.testing._internal import common_modules, common_utils  # pyright: ignore[reportMissingImports]

    losses = {cls: loss for cls, loss in LOSSES.values() if cls}
    for info in common_modules.module_db:
        cls = info.module_cls
        if cls.__name__ not in losses:
            continue
        common_utils.set_rng_seed(0)
        arguments = {"device": "cpu", "dtype": torch.float64, "requires_grad": False, "training": True}
        for i, sample in enumerate(info.module_inputs_func(info, **arguments)):
            made, given = sample.constructor_input, sample.forward_input
            if made.args or given.kwargs:
                raise ValueError(f"{cls.__name__} {i} has arguments where no sample had them")
            function = lambda *inputs, cls=cls, **options: cls(**options)(*inputs)  # noqa: E731
            yield f"{cls.__name__} {i} {sample.desc}", losses[cls.__name__], function, given.args, made.kwargs


def by_functional() -> Iterator[tuple]:
    """(name, loss, function, inputs, options) of the tests of torch.nn.functional."""
    from torch.testing._internal import (  # pyright: ignore[reportMissingImports]
        common_methods_invocations,
        common_utils,
    )

    for op in common_methods_invocations.op_db:
        name = op.name.removeprefix("nn.functional.")
        if name not in LOSSES:
            continue
        common_utils.set_rng_seed(0)
        samples = list(op.sample_inputs("cpu", torch.float64, requires_grad=False))
        for i in range(0, len(samples), EVERY.get(name, 1)):
            sample = samples[i]
            yield f"{name} {i}", LOSSES[name][1], op.op, (sample.input, *sample.args), sample.kwargs


def evaluated(name: str, loss: str, function: Callable, inputs: Any, options: dict) -> Case:
    """What torch makes of a sample. ctc takes logits instead of log-probabilities, so that its gradient is one."""
    inputs, options = [_rounded(x) for x in inputs], {k: _rounded(v) for k, v in options.items() if v is not None}
    if loss == "ctc":
        of_log_p, function = function, lambda x, *rest, **options: of_log_p(x.log_softmax(-1), *rest, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of broadcasts, and of what "mean" means for kl_div
        value = function(*inputs, **options)
        gradients = [gradient(partial(function, **options), inputs, i) for i in range(len(inputs))]
    kept = {k: _array(v) for k, v in options.items() if not callable(v)}
    return Case(name, loss, [np.asarray(_array(x)) for x in inputs], kept, value.numpy(), gradients)


def gradient(function: Callable, inputs: list, i: int) -> np.ndarray | None:
    """Of the sum of the function with respect to input i, where torch has one."""
    if not (isinstance(inputs[i], torch.Tensor) and inputs[i].is_floating_point()):
        return None
    x = inputs[i].clone().requires_grad_()
    try:
        value = function(*inputs[:i], x, *inputs[i + 1 :]).sum()
    except RuntimeError as error:
        if "derivative for" in str(error) or "not differentiable" in str(error):
            return None
        raise
    if value.requires_grad:  # of targets that are only compared it does not
        value.backward()
    return None if x.grad is None else sketch(x.grad.numpy())


def sketch(g: np.ndarray) -> np.ndarray:
    """A small array as it is; of a large one a weighted sum of every 16 elements, in which a wrong one shows."""
    if g.size <= 64:
        return g
    return np.pad(g.ravel(), (0, -g.size % len(SKETCH))).reshape(-1, len(SKETCH)) @ SKETCH


def _rounded(x: Any) -> Any:
    return x.half().double() if isinstance(x, torch.Tensor) and x.is_floating_point() else x


def _array(x: Any) -> Any:
    return x.numpy() if isinstance(x, torch.Tensor) else x


def _real(x: Any) -> bool:
    return np.asarray(x).dtype.kind == "f" and np.asarray(x).size > 0


def _tensors(options: dict) -> dict:
    return {k: torch.tensor(v, dtype=torch.float64) if isinstance(v, list) else v for k, v in options.items()}


def write_losses() -> None:
    """One file of four arrays: an index in JSON, and all numbers that are halves, doubles or whole."""
    pools: dict[str, list[np.ndarray]] = {"half": [], "double": [], "whole": []}
    sizes = dict.fromkeys(pools, 0)

    def put(x: Any) -> Any:
        if not isinstance(x, np.ndarray):
            return x
        whole = x.dtype.kind in "iu"
        with np.errstate(over="ignore"):
            kind = "whole" if whole else "half" if np.array_equal(x, x.astype(np.float16), equal_nan=True) else "double"
        start = sizes[kind]
        pools[kind].append(x.ravel().astype({"half": np.float16, "double": np.float64, "whole": np.int16}[kind]))
        sizes[kind] += x.size
        return [kind, start, list(x.shape)]

    rows = [
        {**c._asdict(), "inputs": [put(x) for x in c.inputs], "options": {k: put(v) for k, v in c.options.items()}}
        | {"value": put(c.value), "gradients": [put(g) for g in c.gradients]}
        for c in loss_cases()
    ]
    index = {"made by": "scripts/golden_values.py", "torch": torch.__version__, "cases": rows}
    file = GOLDEN / "losses.npz"
    half, double, whole = (np.concatenate(pool) for pool in pools.values())
    np.savez_compressed(file, index=np.array(json.dumps(index)), sketch=SKETCH, half=half, double=double, whole=whole)
    print(f"{file}: {len(rows)} cases, {file.stat().st_size} bytes")


def main() -> None:
    GOLDEN.mkdir(exist_ok=True)
    write_losses()
    write_optimizers()


if __name__ == "__main__":
    main()
