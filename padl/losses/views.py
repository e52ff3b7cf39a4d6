"""How to look at a loss along one axis: `padl show huber --plot huber.png` draws value and gradient over it.

A view turns one number into the arguments of a loss for a single example: (1,) or (1, classes) and so on.
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
    return jnp.asarray(x, jnp.float32).reshape(1)


def row(*numbers: Any) -> jax.Array:
    """A batch of one row of numbers."""
    return jnp.stack([jnp.asarray(x, jnp.float32) for x in numbers])[None]


FIRST = jnp.zeros  # the label of class 0
RESIDUAL = View("residual: prediction - target", -3, 3, lambda a: (one(a), one(0)))
SPREAD = View("residual in standard deviations, σ = 1", -3, 3, lambda a: (one(a), one(0), one(1)))
COUNT = View("log of the predicted rate; 2 were counted", -2, 2.5, lambda x: (one(x), one(2)))
MARGIN = View("target × prediction", -3, 3, lambda x: (one(x), one(1)))
DISSIMILAR = View("prediction (a distance) of a dissimilar pair", -1, 3, lambda x: (one(x), one(-1)))
LOGIT = View("logit of what is so", -6, 6, lambda x: (one(x), one(1)))
LOGITS = View("logit of one class, the target's", -6, 6, lambda x: (row(x), row(1)))
PROBABILITY = View("predicted probability of what is so", 0, 1, lambda x: (one(x), one(1)))
OVERLAP = View("predicted probability of one of two pixels, the target's", 0, 1, lambda x: (row(x, 0.2), row(1, 0)))
CLASSES = View("logit of the right class - logit of the other", -6, 6, lambda x: (row(x, 0), jnp.zeros(1, jnp.int32)))
SETS = View(
    "score of the one right label - score of the other",
    -3, 3, lambda x: (row(x, 0), jnp.array([[0, -1]], jnp.int32)),
)  # fmt: skip
LOG_PROBABILITY = View("log-probability of the right class", -6, 0, lambda x: (row(x, 0), jnp.zeros(1, jnp.int32)))
DIVERGENCE = View("predicted log-probability; the true one is ½", -5, 0, lambda x: (one(x), one(0.5)))
DISTANCE = View("difference of one coordinate; 1 in the other", -3, 3, lambda a: (row(a, 1), row(0, 0)))
ORDER = View("score of what is better - score of the other", -3, 3, lambda x: (one(x), one(0), one(1)))
ANGLE = View(
    "angle of a similar pair, radians", -3.14, 3.14, lambda x: (row(jnp.cos(x), jnp.sin(x)), row(1, 0), one(1))
)
TRIPLET = View("distance to the positive; the negative is 1 away", -3, 3, lambda x: (row(x), row(0), row(x + 1)))
CONTRAST = View(
    "cosine of the right pair; of the wrong ones 0", -0.99, 0.99,
    lambda x: (jnp.eye(2), jnp.stack([jnp.stack([x, jnp.sqrt(1 - x**2)]), jnp.array([0.0, 1.0])])),
)  # fmt: skip
ONE_FRAME = View(
    "logit of the label - logit of blank, one frame", -6, 6,
    lambda x: (row(0, x)[:, None], jnp.ones((1, 1), jnp.int32)),
)  # fmt: skip
VOCABULARY = View(
    "logit of the right token - logit of the other", -6, 6,
    lambda x: (row(1), jnp.zeros(1, jnp.int32), row(x, 0)),
)  # fmt: skip
