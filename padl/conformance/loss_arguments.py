"""What losses are called with, by the words that they declare. drawn, wrong_targets, extreme_predictions.

Every draw has `ROWS` examples of `CLASSES` classes or features: one shape, so that programs of parts are shared.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

ROWS, CLASSES, TOKENS = 8, 3, 5
Array = np.ndarray
WHOLE = {("tokens", 4): (2, 3), ("tokens", 3): (2,), ("keys", 3): (1,)}  # (targets, arguments): without examples


def _log_softmax(x: Array) -> Array:
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


PREDICTIONS: dict[str, Callable[[np.random.Generator], Array]] = {
    **dict.fromkeys(
        ("values", "scores", "logits", "embeddings", "hidden", "rates", "moments"),
        lambda rng: 2 * rng.normal(size=(ROWS, CLASSES)),
    ),
    "log_probabilities": lambda rng: _log_softmax(2 * rng.normal(size=(ROWS, CLASSES))),
    "probabilities": lambda rng: rng.uniform(0.02, 0.98, size=(ROWS, CLASSES)),
    "distances": lambda rng: np.abs(rng.normal(size=(ROWS, CLASSES))),
    "frames": lambda rng: rng.normal(size=(ROWS, 4, CLASSES)),
}
LISTS = np.array([[2, -1, 0], [0, 1, -1], [-1, 1, 1], [1, 2, 0], [0, -1, -1], [2, 0, -1], [1, -1, 2], [0, 2, -1]])


def _signs(rng: np.random.Generator, shape: tuple[int, ...] = (ROWS, CLASSES)) -> Array:
    return 2 * rng.integers(0, 2, size=shape) - 1


def _vectors(rng: np.random.Generator) -> Array:
    return rng.normal(size=(ROWS, CLASSES))


TARGETS: dict[str, Callable[[np.random.Generator, int], tuple[Array, ...]]] = {  # what comes behind the predictions
    "values": lambda rng, n: (2 * _vectors(rng), *[rng.uniform(0.3, 2, size=(ROWS, CLASSES))] * (n > 2)),
    "counts": lambda rng, n: (rng.integers(0, 6, size=(ROWS, CLASSES)),),
    "distributions": lambda rng, n: (rng.dirichlet(np.ones(CLASSES), size=ROWS),),
    "indicators": lambda rng, n: (rng.integers(0, 2, size=(ROWS, CLASSES)),),
    "signs": lambda rng, n: (_signs(rng),),
    "order": lambda rng, n: (2 * _vectors(rng), _signs(rng)),
    "pairs": lambda rng, n: (_vectors(rng), _signs(rng, (ROWS,))),
    "labels": lambda rng, n: (rng.integers(0, CLASSES, size=ROWS),),
    "label_lists": lambda rng, n: (LISTS,),
    "tokens": lambda rng, n: (
        rng.integers(0, TOKENS, size=ROWS), rng.normal(size=(CLASSES, TOKENS)), *[rng.normal(size=TOKENS)] * (n > 3)
    ),
    "sequences": lambda rng, n: (np.tile(np.array([[1, 2], [2, 2], [2, 1], [1, 1]]), (ROWS // 4, 1)),),
    "keys": lambda rng, n: (_vectors(rng), *[rng.integers(0, ROWS, size=ROWS)] * (n > 2)),
    "views": lambda rng, n: (_vectors(rng),),
    "triplets": lambda rng, n: (2 * _vectors(rng), _vectors(rng)),
}  # fmt: skip


def is_real(a: Any) -> bool:
    """Tell whether an array holds real numbers, and no whole ones."""
    return np.issubdtype(np.asarray(a).dtype, np.floating)


def drawn(targets: str, predictions: str, positions: int) -> tuple[Array, ...] | None:
    """Draw the arguments of a loss; None where a word is not known.

    Args:
        positions: how many arguments it takes, where words leave that open.
    """
    if targets not in TARGETS or predictions not in PREDICTIONS:
        return None
    rng = np.random.default_rng(0)
    first = PREDICTIONS[predictions](rng)
    return (first, *TARGETS[targets](rng, positions))


WRONG: dict[str, tuple[int, tuple[float, ...]]] = {  # by the targets: which argument is to be refused with which values
    "counts": (1, (-1,)),
    "distributions": (1, (1.5, np.nan)),
    "indicators": (1, (2, -1)),
    "signs": (1, (0, 2)),
    "order": (2, (0,)),
    "pairs": (2, (0,)),
    "labels": (1, (CLASSES, -1)),
    "label_lists": (1, (CLASSES, -2)),
    "tokens": (1, (TOKENS, -1)),
    "sequences": (1, (CLASSES, 0)),
    "keys": (2, (ROWS, -1)),
}


def spoilt(arguments: tuple[Array, ...], which: int, value: float) -> list[Array]:
    """The arguments, with a value in the first place of the first example of one of them."""
    made = [a.copy() for a in arguments]
    made[which][(0,) * made[which].ndim] = value
    return made


def extremes(predictions: str, targets: str, arguments: tuple[Array, ...]) -> dict[str, list[Array]]:
    """Arguments far out, whose loss is a number all the same: {what they are: arguments}."""
    x, *rest = arguments
    turned = np.where(np.indices(x.shape).sum(0) % 2 == 0, 1.0, -1.0)
    far = {
        **{word: {"±10,000": 1e4 * turned, "zero": 0 * x} for word in ("scores", "logits", "frames", "hidden")},
        "values": {"±1e30": 1e30 * turned},
        "moments": {"±1e15": 1e15 * turned},
        "rates": {"50": 50 + 0 * x, "zero": 0 * x} if (x >= 0).all() else {"±50": 50 * turned, "-10,000": -1e4 + 0 * x},
        "log_probabilities": {"-10,000": np.where(turned > 0, 0.0, -1e4)},
        "probabilities": {"0 and 1": (turned > 0) * 1.0},
        "distances": {"1e30": 1e30 + 0 * x, "zero": 0 * x},
        "embeddings": {"1e30": 1e30 * turned, "1e-30": 1e-30 * turned, "zero": 0 * x},
    }.get(predictions, {})
    found = {f"predictions of {name}": [value, *rest] for name, value in far.items()}
    if len(arguments) > 1 and rest[0].shape == x.shape and is_real(rest[0]) and predictions in ("values", "embeddings"):
        found["predictions that are equal to the targets"] = [rest[0], *rest]
    return found
