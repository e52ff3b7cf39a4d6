"""Which changes of a problem change an optimizer's course as they change the problem. Invariance, invariances.

Each is measured: the course on the problem as it is, and on the problem after the change, both in float64 and without
weight decay, which knows where the parameters are.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np

from padl.conformance.checked_optimizer import DECAY, CheckedOptimizer, Course
from padl.conformance.problems import Stream, given
from padl.types import PyTree

Form = str  # "matrices" or "vectors"
Array = Callable[[np.ndarray], np.ndarray]  # of shape (steps, ...)
EXACT, NEARLY = 1e-9, 1e-4  # of the largest update: rounding in float64, and an eps beside gradients
FACTOR = 1024.0  # of gradients; a power of two, so that it rounds nothing


class Invariance(NamedTuple):
    """What became of the updates when the problem was changed.

    Attributes:
        name: of the change. apart: for each form of arrays, how far the updates are from what they were, changed
            likewise; of the largest update. power: k where gradients times c give updates times c^k, and NaN where it
            was not asked for or there is none.
    """

    name: str
    apart: Mapping[Form, float]
    power: float = float("nan")

    def holds(self, form: Form) -> bool:
        """Whether it is so, but for rounding and an eps."""
        return self.apart[form] <= NEARLY


class Change(NamedTuple):
    """A change of a problem: of parameters, of gradients, and with them of updates, each (steps, ...) -> same.

    Attributes:
        of: the forms of arrays that it is for; others stay as they are.
    """

    name: str
    params: Array
    grads: Array
    updates: Array
    of: tuple[Form, ...] = ("matrices", "vectors")


def form_of(x: Any) -> Form:
    """The form of an array."""
    return "matrices" if np.ndim(x) > 1 else "vectors"


def without_decay(numbers: Mapping[str, Any]) -> dict[str, Any]:
    """Those numbers, with a weight decay of 0 there and in optimizers within it."""
    off = lambda name, x: without_decay(x) if isinstance(x, Mapping) else 0.0 if name == DECAY else x  # noqa: E731
    return {name: off(name, x) for name, x in numbers.items()}


def invariances(rule: CheckedOptimizer) -> tuple[Invariance, ...]:
    """Measure every change of `changes`, and an array split in two."""
    rule = rule.usual
    stream, numbers = given(rule.start), without_decay(rule.numbers)
    usual = rule.course(stream, numbers)
    measured = (_measured(rule, numbers, stream, usual, each) for each in changes())
    return (*measured, _split(rule, numbers, stream, usual))


def changes() -> Iterator[Change]:
    """All changes of arrays by themselves: of the size of gradients, then of the coordinates."""
    same = lambda x: x  # noqa: E731
    yield Change("gradients times one factor", same, lambda g: FACTOR * g, same)
    yield Change("gradients times a factor for each array", same, lambda g: g * 4.0 ** (g.ndim + 1), same)
    yield Change("gradients times a factor for each number", same, lambda g: g * _factors(g), same)
    yield _alike("sign flips", lambda x: x * _signs(x))
    yield _alike("permutation of numbers", _permuted)
    yield _alike("permutation of rows", lambda x: x[:, ::-1], ("matrices",))
    yield _alike("permutation of columns", lambda x: x[..., ::-1], ("matrices",))
    yield _alike("rotation of rows", lambda x: _rotation(x.shape[1]) @ x, ("matrices",))
    yield _alike("rotation of columns", lambda x: x @ _rotation(x.shape[-1]), ("matrices",))
    yield _alike("rotation of all numbers of an array", _rotated)
    yield Change(
        "parameters in other units", lambda p: p / _factors(p), lambda g: g * _factors(g), lambda u: u / _factors(u)
    )


def _alike(name: str, turn: Array, of: tuple[Form, ...] = ("matrices", "vectors")) -> Change:
    """A change of coordinates that keeps lengths: parameters, gradients and updates turn alike."""
    return Change(name, turn, turn, turn, of)


def _measured(rule: CheckedOptimizer, numbers: Any, stream: Stream, usual: Course, change: Change) -> Invariance:
    concerned = lambda turn: lambda x: turn(x) if form_of(x[0]) in change.of else x  # noqa: E731
    one = lambda x: concerned(change.params)(x[None])[0]  # noqa: E731
    start = jax.tree.map(one, rule.start)
    changed = rule.course(Stream(jax.tree.map(concerned(change.grads), stream.c), stream.a), numbers, start=start)
    expected = jax.tree.map(concerned(change.updates), usual.updates)
    apart = {form: x for form, x in apart_by_form(changed.updates, expected).items() if form in change.of}
    power = _power(changed.updates, usual.updates) if change.name == next(changes()).name else float("nan")
    return Invariance(change.name, apart, power)


def apart_by_form(one: PyTree, other: PyTree) -> dict[Form, float]:
    """How far two trees of updates are apart, of the largest number of the other, for each form of arrays."""
    apart: dict[Form, list[float]] = {}
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        largest = np.max(np.abs(b), initial=1e-300)
        far = float(np.max(np.abs(a - b), initial=0.0) / largest)
        apart.setdefault(form_of(b[0]), []).append(far if np.isfinite(far) else np.inf)
    return {form: max(each) for form, each in apart.items()}


def _power(one: PyTree, other: PyTree) -> float:
    """k where one is the other times FACTOR^k; NaN where it is no multiple."""
    a, b = (np.concatenate([x.ravel() for x in jax.tree.leaves(tree)]) for tree in (one, other))
    ratio = np.linalg.norm(a) / max(np.linalg.norm(b), 1e-300)
    is_multiple = np.linalg.norm(a - ratio * b) <= NEARLY * np.linalg.norm(a)
    return float(np.log(ratio) / np.log(FACTOR)) if is_multiple and ratio > 0 else float("nan")


def _split(rule: CheckedOptimizer, numbers: Any, stream: Stream, usual: Course) -> Invariance:
    """What becomes of updates when every array is two, cut along its first axis."""
    parts = {"first": slice(None, 2), "second": slice(2, None)}
    start = {name: jax.tree.map(lambda x, part=part: x[part], rule.start) for name, part in parts.items()}
    c = {name: jax.tree.map(lambda x, part=part: x[:, part], stream.c) for name, part in parts.items()}
    cut = rule.course(Stream(c, stream.a), numbers, start=start).updates
    joined = jax.tree.map(lambda *parts: np.concatenate(parts, axis=1), *cut.values())
    return Invariance("an array split in two", apart_by_form(joined, usual.updates))


def _factors(x: np.ndarray) -> np.ndarray:
    """Powers of two, another one for most numbers of an array."""
    return 2.0 ** (np.arange(x[0].size) % 7 - 3).reshape(x.shape[1:])


def _signs(x: np.ndarray) -> np.ndarray:
    return np.where(np.arange(x[0].size) % 3 == 1, -1.0, 1.0).reshape(x.shape[1:])


def _permuted(x: np.ndarray) -> np.ndarray:
    order = np.random.default_rng(0).permutation(x[0].size)
    return x.reshape(len(x), -1)[:, order].reshape(x.shape)


def _rotated(x: np.ndarray) -> np.ndarray:
    return (x.reshape(len(x), -1) @ _rotation(x[0].size)).reshape(x.shape)


def _rotation(size: int) -> np.ndarray:
    """An orthogonal matrix without a zero."""
    return np.linalg.qr(np.random.default_rng(size).normal(size=(size, size)))[0]
