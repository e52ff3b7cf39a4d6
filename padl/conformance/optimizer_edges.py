"""Checks of an optimizer at gradients that are zero, tiny, huge, not a number; and where numbers are equal."""

import jax
import numpy as np

from padl.conformance.cases import case, steps_of
from padl.conformance.checked_optimizer import CheckedOptimizer, at_step, distance, is_finite, size
from padl.conformance.checks import Failure, check
from padl.conformance.problems import STEPS, Stream, given
from padl.types import PyTree

SPIKE, SINGLE = 1e4, np.float32


def _stays_finite(rule: CheckedOptimizer, stream: Stream, what: str) -> None:
    """Raise `Failure` where a course of float32 has a number that is none."""
    course = rule.course(stream, dtype=SINGLE)
    if is_finite((course.path, course.judged)):
        return
    finite = [is_finite(at_step(course.path, k)) for k in range(stream.steps)]
    step = finite.index(False) if False in finite else 0
    raise Failure(f"{what} gives NaN or infinity at step {step + 1}", case(rule, steps_of(stream.c, step + 1)))


@check("optimizer", "behaviour")
def zero_gradients(rule: CheckedOptimizer) -> None:
    """Gradients of zero leave it finite: all of them from the first step or from the fifth, an array, one number."""
    rule = rule.usual
    stream = given(rule.start)
    first = next(iter(jax.tree.leaves(rule.start)))

    def from_fifth(path: str, c: np.ndarray) -> np.ndarray:
        c[4:] = 0
        return c

    def one_number(path: str, c: np.ndarray) -> np.ndarray:
        c.reshape(len(c), -1)[:, :1] = 0
        return c

    def one_array(path: str, c: np.ndarray) -> np.ndarray:
        return 0 * c if c.shape[1:] == first.shape else c

    _stays_finite(rule, stream.scaled(0.0), "a gradient of zero")
    _stays_finite(rule, stream.changed(from_fifth), "a gradient of zero from the fifth step on")
    _stays_finite(rule, stream.changed(one_number), "a gradient of zero in one number")
    _stays_finite(rule, stream.changed(one_array), "a gradient of zero in one array")


@check("optimizer", "behaviour")
def zero_parameters(rule: CheckedOptimizer) -> None:
    """Parameters of zero leave it finite."""
    rule = rule.usual
    zeros = jax.tree.map(np.zeros_like, rule.start)
    course = rule.course(given(rule.start), start=zeros, dtype=SINGLE)
    if not is_finite(course.path):
        raise Failure("parameters of zero give NaN or infinity", case(rule.at(zeros), [rule.start]))


@check("optimizer", "behaviour")
def extreme_gradients(rule: CheckedOptimizer) -> None:
    """Gradients of 1e-30 and 1e-20 in float32 leave it finite; 1e15 gives no NaN."""
    rule = rule.usual
    for factor in (1e-30, 1e-20):
        _stays_finite(rule, given(rule.start).scaled(factor), f"a gradient of {factor:g}")
    course = rule.course(given(rule.start).scaled(1e15), dtype=SINGLE)
    if any(np.isnan(x).any() for x in jax.tree.leaves(course.path)):
        raise Failure("a gradient of 1e15 gives NaN", case(rule, steps_of(given(rule.start).scaled(1e15).c, 2)))


@check("optimizer", "behaviour")
def spike(rule: CheckedOptimizer) -> None:
    """One gradient that is 10,000 times as large leaves it finite, and it moves again afterwards."""
    rule = rule.usual
    factors = np.where(np.arange(STEPS) == 4, SPIKE, 1.0)
    stream = given(rule.start).scaled(factors)
    _stays_finite(rule, stream, f"a gradient {SPIKE:g} times as large")
    course = rule.course(stream, dtype=SINGLE)
    if not size(jax.tree.map(lambda u: u[-1], course.updates)):
        raise Failure(
            f"{STEPS - 5} steps after a gradient {SPIKE:g} times as large it stands still",
            case(rule, steps_of(stream.c, 6)),
        )


@check("optimizer", "behaviour")
def nan_gradient(rule: CheckedOptimizer) -> None:
    """A gradient that is not a number is not hidden: the array becomes one that is none either, or nothing moves."""
    rule = rule.usual
    key = jax.tree_util.keystr(jax.tree.leaves_with_path(rule.start)[0][0])

    def broken(path: str, c: np.ndarray) -> np.ndarray:
        if path == key:
            c[2] = np.nan
        return c

    course = rule.course(given(rule.start).changed(broken), dtype=SINGLE)
    updates = {jax.tree_util.keystr(path): u[2] for path, u in jax.tree.leaves_with_path(course.updates)}[key]
    if is_finite(updates) and np.any(updates):
        code = case(rule, [jax.tree.map(lambda x: np.full_like(x, np.nan), rule.start)], ending="print(updates)")
        raise Failure("a gradient of NaN gives a step like any other: a broken run goes on unseen", code)


@check("optimizer", "behaviour")
def deterministic(rule: CheckedOptimizer) -> None:
    """Equal numbers, rows and gradients of both signs of zero give one course, twice to the bit, and a finite one."""
    rule = rule.usual

    def tied(path: str, c: np.ndarray) -> np.ndarray:
        c[:] = np.round(c[:, :1] if c.ndim > 1 else c)
        c[1] = -0.0
        return c

    stream = given(rule.start).changed(tied)
    ones = jax.tree.map(np.ones_like, rule.start)
    one, other = (rule.course(stream, start=ones, dtype=SINGLE) for _ in range(2))
    if distance(one.path, other.path) or not is_finite(one.path):
        raise Failure(
            "equal numbers give a course that is not finite, or another one each time",
            case(rule.at(ones), steps_of(stream.c, 3)),
        )


@check("optimizer", "behaviour")
def every_array_moves(rule: CheckedOptimizer) -> None:
    """Every array with a gradient moves within a few steps."""
    rule = rule.usual
    course = rule.course(given(rule.start))
    for path, end in jax.tree.leaves_with_path(course.path):
        start = _at(rule.start, path)
        if not np.any(end != start):
            raise Failure(
                f"params{jax.tree_util.keystr(path)} stays where it is over {STEPS} steps",
                case(rule, [rule.start] * 3, ending="print(params)"),
            )


def _at(tree: PyTree, path: tuple[object, ...]) -> np.ndarray:
    return dict(jax.tree.leaves_with_path(tree))[path]
