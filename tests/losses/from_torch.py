"""What torch was given in its own tests, and gave: read from tests/golden/losses.npz, and told in PADL's arguments."""

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from padl.losses.distances import norm

ROOT = Path(__file__).parent.parent.parent
FILE = np.load(ROOT / "tests" / "golden" / "losses.npz")
POOLS = {kind: FILE[kind] for kind in ("half", "double", "whole")}
INDEX = json.loads(str(FILE["index"]))
LABELS = {"nll", "cross_entropy"}
ROWS = {"gaussian_nll", "kl_div", "multi_margin", "multilabel_margin", "multilabel_soft_margin"}
ROWS |= {"cosine_embedding", "triplet_margin"}
ELEMENTWISE_WEIGHTS = {"bce", "bce_with_logits", "multilabel_soft_margin"}


class Case(NamedTuple):
    """As in scripts/golden_values.py: inputs and options are torch's, gradients are of the sum of the value."""

    name: str
    loss: str
    inputs: list[np.ndarray]
    options: dict[str, Any]
    value: np.ndarray
    gradients: list[np.ndarray | None]


def load() -> list[Case]:
    def take(ref: Any) -> Any:
        if not isinstance(ref, list):
            return ref
        kind, start, shape = ref
        a = POOLS[kind][start : start + int(np.prod(shape))].reshape(shape)
        return a.astype(np.int32 if kind == "whole" else np.float64)

    return [
        Case(
            row["name"],
            row["loss"],
            [take(x) for x in row["inputs"]],
            {name: take(option) for name, option in row["options"].items()},
            take(row["value"]),
            [take(g) for g in row["gradients"]],
        )
        for row in INDEX["cases"]
    ]


CASES = {case.name: case for case in load()}
LOSSES = sorted({case.loss for case in CASES.values()})


def sketch(g: np.ndarray) -> np.ndarray:
    """What the file keeps of a gradient: see scripts/golden_values.py."""
    weights = FILE["sketch"]
    if g.size <= 64:
        return g
    return np.pad(g.ravel(), (0, -g.size % len(weights))).reshape(-1, len(weights)) @ weights


def pairwise(x: jax.Array, y: jax.Array) -> jax.Array:
    """torch.nn.PairwiseDistance(), which is what torch's samples take for a distance function."""
    return norm(x - y + 1e-6, 2.0)


def translated(case: Case) -> tuple[list[np.ndarray], dict[str, Any]]:
    """PADL's arguments: classes on axis 1 where torch has them, batch first for ctc, torch's eps of a triplet."""
    (x, *rest), options = case.inputs, dict(case.options)
    if case.loss in LABELS and x.ndim > 1:
        options["axis"] = 1
    if case.name.startswith("triplet_margin_with_distance"):
        options["distance"] = pairwise
    elif case.loss == "triplet_margin" and "eps left out" not in case.name:
        options.setdefault("eps", 1e-6)
    if case.loss == "ctc":
        y, frames, lengths = rest
        if y.ndim == 1:
            rows = np.split(y, np.cumsum(lengths)[:-1])
            y = np.array([np.pad(row, (0, max(lengths) - len(row))) for row in rows])
        x, rest = x.swapaxes(0, 1), [y, frames, lengths]
    return [x, *rest], options


def in_layout(case: Case) -> tuple[list[np.ndarray], dict[str, Any]]:
    """The same arguments with fewer axes: (n,), or (rows, n), or (n, classes, n); ctc's as they are."""
    inputs, options = translated(case)
    x = inputs[0]
    if case.loss == "ctc":
        return inputs, options
    if case.loss in LABELS:
        rows = x.shape[0] if x.ndim > 1 else 1
        whole, part = (rows, x.shape[min(x.ndim - 1, 1)], -1), (rows, -1)
        options["axis"] = 1
    elif case.loss in ROWS:
        rows = len(np.atleast_1d(x)) if case.loss == "kl_div" else math.prod(x.shape[:-1])
        whole, part = (rows, -1), (rows, -1) if case.loss == "gaussian_nll" else (rows,)
    else:
        whole = part = (-1,)
    if case.loss in ELEMENTWISE_WEIGHTS:
        options |= {n: np.broadcast_to(w, x.shape).reshape(whole) for n, w in options.items() if "weight" in n}
    return [a.reshape(whole if a.shape == x.shape else part) for a in inputs], options
