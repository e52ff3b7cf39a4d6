"""How to look at a loss along one axis: `padl show huber --plot huber.png` draws value and gradient over it.

A view turns one number into the arguments of a loss for a single example: (1,) or (1, classes) and so on. Only the
predictions depend on the number, so that the slope along the axis is a gradient with respect to them.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp


class View(NamedTuple):
    """label: of the axis. low, high: its ends. arguments: x, a scalar -> what the loss is called with."""

    label: str
    low: float
    high: float
    arguments: Callable[[jax.Array], tuple[Any, ...]]


def one(x: Any) -> jax.Array:
    """A batch of one number."""
    return jnp.asarray(x, float).reshape(1)


def row(*numbers: Any) -> jax.Array:
    """A batch of one row of numbers."""
    return jnp.stack([jnp.asarray(x, float) for x in numbers])[None]


def label(*numbers: int) -> jax.Array:
    """A batch of one label, or of one row of labels."""
    return jnp.array([numbers[0] if len(numbers) == 1 else numbers], jnp.int32)


def pairs(cosine: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Two queries and their two keys: this cosine between those that belong together, 0 between all others."""
    rest = jnp.sqrt(1 - cosine**2)
    return jnp.concatenate([row(cosine, 0, rest, 0), row(0, cosine, 0, rest)]), jnp.eye(2, 4)


RESIDUAL = View("residual: prediction - target", -3, 3, lambda a: (one(a), one(0)))
SPREAD = View("residual in standard deviations, σ = 1", -3, 3, lambda a: (one(a), one(0), one(1)))
COUNT = View("prediction, by default a log-rate; 2 were counted", -2, 2.5, lambda x: (one(x), one(2)))
MARGIN = View("target × prediction", -3, 3, lambda x: (one(x), one(1)))
DISSIMILAR = View("distance of a dissimilar pair", 0, 3, lambda x: (one(x), one(-1)))
LOGIT = View("logit of what is so", -6, 6, lambda x: (one(x), one(1)))
LOGITS = View("logit of one class, a right one", -6, 6, lambda x: (row(x), row(1)))
PROBABILITY = View("predicted probability of what is so", 0.02, 1, lambda x: (one(x), one(1)))
OVERLAP = View(
    "predicted probability of the target's pixel; of another pixel 0.2", 0, 1, lambda x: (row(x, 0.2), row(1, 0))
)
CLASSES = View("logit of the right class - logit of the other", -6, 6, lambda x: (row(x, 0), label(0)))
SETS = View("score of the right label - score of the other", -3, 3, lambda x: (row(x, 0), label(0, -1)))
LOG_PROBABILITY = View("log-probability of the right class", -6, 0, lambda x: (row(x, 0), label(0)))
DIVERGENCE = View(
    "logit of one of two outcomes, whose share is ¾; the mean over both",
    -4, 6, lambda x: (jax.nn.log_softmax(row(x, 0)), row(0.75, 0.25)),
)  # fmt: skip
DISTANCE = View("difference in one coordinate; 1 in the other", -3, 3, lambda a: (row(a, 1), row(0, 0)))
ORDER = View("score of what is better - score of the other", -3, 3, lambda x: (one(x), one(0), one(1)))
ANGLE = View(
    "angle of a dissimilar pair, radians", -3.1416, 3.1416, lambda x: (row(jnp.cos(x), jnp.sin(x)), row(1, 0), one(-1))
)
TRIPLET = View(
    "anchor (x, 1); its positive (0, 1), its negative (2, 1)", -1, 4, lambda x: (row(x, 1), row(0, 1), row(2, 1))
)
CONTRAST = View("cosine of the right pairs; of the wrong ones 0", -1, 1, pairs)
ONE_FRAME = View(
    "logit of the label - logit of blank, one frame", -6, 6, lambda x: (row(0, x)[:, None], label(1)[None])
)
VOCABULARY = View("logit of the right token - logit of the other", -6, 6, lambda x: (row(x), label(0), row(1, 0)))
