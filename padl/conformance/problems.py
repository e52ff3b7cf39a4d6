"""Parameters and gradients that optimizers are checked on. START, SMALLER, Stream and makers of streams.

A stream is one loss a step, f(θ) = 100 + <c, θ> + a/2 (|θ|² + s²/2), s the sum of an array, so that values, gradients
and Hessians belong together, and no Hessian is diagonal. With a = 0 the gradients are c, whatever the parameters are.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from padl.types import PyTree

STEPS = 12
LEVEL = 100.0  # of every loss, above the 0 that rules which read values take for the least there is
START = {  # names from which roles follow
    "kernel": np.array([[1.0, -2.0, 0.5], [0.1, 3.0, -1.0], [-0.7, 0.4, 1.5], [0.3, -0.6, 0.8]]),
    "bias": np.array([0.5, -0.25, 2.0]),
}
SMALLER = (  # from the least on
    {"bias": np.array([0.5])},
    {"bias": np.array([0.5, -0.25])},
    {"kernel": np.array([[1.0, -2.0], [0.1, 3.0]])},
    {"kernel": START["kernel"]},
)
HEADS = {name: {"kernel": START["kernel"][:3]} for name in ("query", "key")}  # three, for what reads attention logits
LOGITS = {"largest_logits": np.array([200.0, 120.0, 1.0])}


class Stream(NamedTuple):
    """c: {parameter: (steps, ...)}, a: (steps,)."""

    c: PyTree
    a: np.ndarray

    @property
    def steps(self) -> int:
        return len(self.a)

    def scaled(self, by: Any) -> "Stream":
        """Multiply every loss, by a number or by one for each step."""
        by = np.asarray(by, float)
        each = lambda c: c * (by.reshape(-1, *[1] * (c.ndim - 1)) if by.ndim else by)  # noqa: E731
        return Stream(jax.tree.map(each, self.c), self.a * by)

    def changed(self, change: Callable[[str, np.ndarray], np.ndarray]) -> "Stream":
        """Change c of each parameter, by its name."""
        named = jax.tree_util.tree_map_with_path(lambda path, c: change(jax.tree_util.keystr(path), c.copy()), self.c)
        return self._replace(c=named)


def noisy(start: PyTree, steps: int = STEPS, curvature: float = 0.5, seed: int = 0) -> Stream:
    """Draw losses with a minimum that jumps about: gradients of changing sign and size."""
    rng = np.random.default_rng(seed)
    return Stream(jax.tree.map(lambda p: rng.normal(size=(steps, *p.shape)), start), np.full(steps, curvature))


def given(start: PyTree, steps: int = STEPS, seed: int = 0) -> Stream:
    """Draw gradients that do not depend on where the parameters are."""
    return noisy(start, steps, 0.0, seed)


def constant(start: PyTree, steps: int = STEPS, seed: int = 0) -> Stream:
    """Draw one gradient and repeat it."""
    one = noisy(start, 1, 0.0, seed)
    return Stream(jax.tree.map(lambda c: np.repeat(c, steps, 0), one.c), np.zeros(steps))


def bowl(start: PyTree, steps: int = STEPS) -> Stream:
    """Return (|θ|² + s²/2)/2 at every step."""
    return Stream(jax.tree.map(lambda p: np.zeros((steps, *p.shape)), start), np.ones(steps))


def flat(start: PyTree, steps: int = STEPS) -> Stream:
    """Return losses without a gradient."""
    return bowl(start, steps)._replace(a=np.zeros(steps))


def loss_of(c: PyTree, a: Any) -> Callable[[PyTree], jax.Array]:
    """Return f of one step."""

    def f(params: PyTree) -> jax.Array:
        lines = jax.tree.map(lambda c, p: jnp.sum(c * p) + a / 2 * (jnp.sum(p * p) + jnp.sum(p) ** 2 / 2), c, params)
        return sum(jax.tree.leaves(lines), start=jnp.full((), LEVEL))

    return f
