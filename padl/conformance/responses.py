"""How an optimizer answers to gradients: how far it moves, how long it remembers, how far a NaN spreads.

Responses, responses. All in float64, without weight decay.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

import jax
import numpy as np

from padl.conformance.checked_optimizer import RATE, CheckedOptimizer, at_step
from padl.conformance.invariances import without_decay
from padl.conformance.problems import STEPS, Stream, constant, given
from padl.types import PyTree

Spread = Literal["nothing", "that number", "that array", "all arrays", "other arrays"]
LARGE = {  # parameters of the size that those of a layer have, and names from which roles follow
    "kernel": np.random.default_rng(0).normal(size=(64, 32)) / 8,
    "bias": np.random.default_rng(1).normal(size=32) / 8,
}
MANY = 48  # steps
REMEMBERED = 996  # steps without a gradient that are waited for


class Responses(NamedTuple):
    """What was measured.

    Attributes:
        rate: its default learning rate; NaN where it has none. rms: root mean square of its updates at its defaults,
            over gradients of independent normal numbers, as those of a small batch are; of the last half of `steps`.
        tenfold_rms: that of its updates where gradients are ten times as large.
        adamw_rms: that of AdamW's at a learning rate of `adamw_rate`, over the same gradients. steps: there were.
        first: root mean square of its first update, of gradients whose own is 1, over the rate (over 1 without one).
        grows: of a gradient that stays, the twelfth update over the first, in root mean squares; steady: the largest
            difference of these updates, of the largest of the first.
        remembers: how many updates are above a tenth of the last one when gradients have become 0; `REMEMBERED` is that
            or more. nan_spreads: where a NaN in one number of a gradient leads to parameters that are none.
    """

    rate: float
    rms: float
    tenfold_rms: float
    adamw_rms: float
    adamw_rate: float
    steps: int
    first: float
    grows: float
    steady: float
    remembers: int
    nan_spreads: Spread

    @property
    def sees_size(self) -> bool:
        """Whether larger gradients make its updates others than an eps does."""
        return not math.isclose(self.tenfold_rms, self.rms, rel_tol=1e-2)

    @property
    def times_adamw_rate(self) -> float:
        """By what a learning rate of AdamW's is multiplied so that this optimizer moves as far; NaN without a rate."""
        return (self.adamw_rms / self.adamw_rate) / (self.rms / self.rate) if self.rms else math.nan


def responses(rule: CheckedOptimizer) -> Responses:
    """Measure them."""
    rule = rule.usual
    numbers = without_decay(rule.numbers)
    rate = float(rule.own_numbers.get(RATE, math.nan))
    start = rule.start if rule.is_for_heads else LARGE
    stream = given(start, MANY)
    walked = lambda stream: rms_of(_late(rule.course(stream, numbers, start=start).updates))  # noqa: E731
    held, gone = _constant_then_nothing(rule, numbers)
    of_size_1 = given(rule.start).scaled(1 / rms_of(at_step(given(rule.start).c, 0)))
    first = rms_of(at_step(rule.course(of_size_1, numbers).updates, 0))
    return Responses(
        rate,
        walked(stream),
        walked(stream.scaled(10.0)),
        rms_of(_late(adamw(stream))),
        ADAMW_RATE,
        MANY,
        first / (1.0 if math.isnan(rate) else rate),
        _ratio(rms_of(at_step(held, -1)), rms_of(at_step(held, 0))),
        _unsteady(held),
        gone,
        nan_spreads(rule, numbers),
    )


ADAMW_RATE = 1e-3


def adamw(stream: Stream, b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8) -> PyTree:
    """The updates of AdamW at its defaults over given gradients, in NumPy (Loshchilov & Hutter 2019, algorithm 2)."""

    def of_array(gradients: np.ndarray) -> np.ndarray:
        m, v, updates = np.zeros(gradients.shape[1:]), np.zeros(gradients.shape[1:]), []
        for t, g in enumerate(gradients, 1):
            m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
            updates.append(-ADAMW_RATE * m / (1 - b1**t) / (np.sqrt(v / (1 - b2**t)) + eps))
        return np.stack(updates)

    return jax.tree.map(of_array, stream.c)


def nan_spreads(rule: CheckedOptimizer, numbers: Mapping[str, Any]) -> Spread:
    """Tell which parameters are no numbers after a gradient with one NaN, in the first number of a matrix."""
    paths = dict(jax.tree.leaves_with_path(rule.start))
    matrix = max(paths, key=lambda path: np.ndim(paths[path]))

    def broken(path: str, c: np.ndarray) -> np.ndarray:
        if path == jax.tree_util.keystr(matrix):
            c[2].flat[0] = np.nan
        return c

    course = rule.course(given(rule.start).changed(broken), numbers)
    lost = {path: ~np.isfinite(x[2]) for path, x in jax.tree.leaves_with_path(course.path)}
    if not any(each.any() for each in lost.values()):
        return "nothing"
    if any(each.any() for path, each in lost.items() if path != matrix):
        return "all arrays" if all(each.all() for each in lost.values()) else "other arrays"
    return "that number" if lost[matrix].sum() == 1 else "that array"


def _constant_then_nothing(rule: CheckedOptimizer, numbers: Mapping[str, Any]) -> tuple[PyTree, int]:
    """The updates of a gradient that stays for STEPS steps, and how many are not small when it stays away after."""
    held = rule.course(constant(rule.start), numbers)
    small = rms_of(at_step(held.updates, -1)) / 10
    count = 0
    for size in _sizes_without_gradient(rule, numbers, held.params, held.state):
        if not size > small:
            break
        count += 1
    return held.updates, count


def _sizes_without_gradient(
    rule: CheckedOptimizer, numbers: Mapping[str, Any], params: PyTree, state: PyTree
) -> Iterator[float]:
    """The size of REMEMBERED updates, of gradients that are 0."""
    still = given(rule.start).scaled(0.0)
    for _ in range(REMEMBERED // STEPS):
        course = rule.course(still, numbers, start=params, state=state)
        params, state = course.params, course.state
        yield from (rms_of(at_step(course.updates, k)) for k in range(STEPS))


def rms_of(tree: PyTree) -> float:
    """The root mean square of all numbers of a tree."""
    leaves = jax.tree.leaves(tree)
    return float(np.sqrt(sum(np.sum(np.square(x)) for x in leaves) / sum(np.size(x) for x in leaves)))


def _late(tree: PyTree) -> PyTree:
    return jax.tree.map(lambda x: x[len(x) // 2 :], tree)


def _unsteady(updates: PyTree) -> float:
    largest = max(np.max(np.abs(u[0])) for u in jax.tree.leaves(updates))
    apart = max(np.max(np.abs(u - u[:1])) for u in jax.tree.leaves(updates))
    return _ratio(float(apart), float(largest))


def _ratio(one: float, other: float) -> float:
    return one / other if other else math.nan
