"""Makes an Optax transformation of a lifted rule: the only place where the learning rate is a number or a schedule.

descend: the update is -η times the direction. move: the rule is given η, and returns the update itself.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from padl.optimizers.decay import Decay, peak_of, refuse_without_peak
from padl.optimizers.in_place import overwritten_last
from padl.optimizers.leafwise import LEARNING_RATE, PARAMS, Rule, compute_dtype, points_of
from padl.optimizers.transformation import (
    CALLS,
    Calls,
    Measure,
    Readout,
    StepSize,
    Transformation,
    no_measures,
    trained,
)
from padl.types import PyTree, ScalarOrSchedule

Effective = Callable[[Any, Any], Any]  # (slots, learning rate) -> what a wrapper takes for the learning rate


def as_given(slots: Any, rate: Any) -> Any:
    """Tell wrappers the learning rate itself."""
    return rate


def descend(
    rule: Rule,
    learning_rate: ScalarOrSchedule,
    decay: Decay | None = None,
    readout: Readout = trained,
    measure: Measure = no_measures,
    effective: Effective = as_given,
) -> Transformation:
    """Follow a rule downhill: the update is -learning_rate * direction, in the parameter's dtype.

    Args:
        learning_rate: a scalar, or a schedule of the count of updates already applied (0 at the first).
        decay: the rule's weight decay; it reads the parameters.
        readout, measure: as of `Transformation`. effective: of a rule that finds its own step, what wrappers that move
            by the learning rate are told in its place, from the slots before an update.

    Raises:
        PadlError: a decay that follows the peak of the learning rate, and a schedule without one.
    """
    if decay is not None:
        refuse_without_peak(decay, learning_rate)
    downhill = lambda d, rate: -rate * d  # noqa: E731
    return _transformation(rule, learning_rate, downhill, decay, readout, measure, effective)


def move(
    rule: Rule,
    learning_rate: ScalarOrSchedule,
    readout: Readout = trained,
    measure: Measure = no_measures,
    effective: Effective = as_given,
) -> Transformation:
    """Follow a rule whose direction is the update itself: one that needs "learning_rate".

    Args:
        learning_rate, readout, measure, effective: as of `descend`.
    """
    return _transformation(rule, learning_rate, lambda u, rate: u, None, readout, measure, effective)


def _transformation(
    rule: Rule,
    learning_rate: ScalarOrSchedule,
    step: Callable[[jax.Array, jax.Array], jax.Array],
    decay: Decay | None,
    readout: Readout,
    measure: Measure,
    effective: Effective,
) -> Transformation:
    needs = (*rule.needs, PARAMS) if decay is not None else rule.needs

    def init(params: PyTree) -> Any:
        return rule.init(params)

    def rate_at(state: Any, calls: Calls | None) -> Any:
        count = state.count if calls is None else calls.count
        return learning_rate(count) if callable(learning_rate) else learning_rate

    def rates(state: Any, params: PyTree, calls: Calls | None) -> PyTree:
        told, peak = partial(effective, state.slots), peak_of(learning_rate)
        rate = StepSize(told(rate_at(state, calls)), None if peak is None else told(peak))
        return jax.tree.map(lambda _: rate, params)

    def update(updates: PyTree, state: Any, params: PyTree | None = None, **extras: Any) -> tuple[PyTree, Any]:
        rate = rate_at(state, extras.get(CALLS))
        points = points_of(params, jax.tree.structure(updates), needs)
        given = _before(decay, updates, points)
        directions, new = rule.direction(given, state, params, {**extras, LEARNING_RATE: rate})
        moves = _after(step, decay, directions, points, updates, rate, peak_of(learning_rate))
        if rule.overwritten_last and params is not None:
            new = new._replace(slots=overwritten_last(rule.overwritten_last, state.slots, new.slots, params, moves))
        return moves, new

    read = [need for need in rule.needs if need not in (PARAMS, LEARNING_RATE)]
    return Transformation(init, update, needs=read, readout=readout, measure=measure, rates=rates)


def _before(decay: Decay | None, grads: PyTree, points: list[Any]) -> PyTree:
    """The gradients that the rule is given."""
    if decay is None or decay.kind != "coupled":
        return grads
    leaves, tree = jax.tree.flatten(grads)
    pairs = [(jnp.asarray(g), compute_dtype(p), p) for g, p in zip(leaves, points, strict=True)]
    return tree.unflatten([decay.of_gradient(g.astype(dtype), p.astype(dtype)) for g, dtype, p in pairs])


def _after(
    step: Callable[[jax.Array, jax.Array], jax.Array],
    decay: Decay | None,
    directions: PyTree,
    points: list[Any],
    grads: PyTree,
    rate: Any,
    peak: Any,
) -> PyTree:
    """The updates, in the dtypes of the parameters; of the gradients where those are left out."""
    leaves, tree = jax.tree.flatten(directions)
    updates = []
    for d, p, g in zip(leaves, points, jax.tree.leaves(grads), strict=True):
        now = jnp.asarray(rate, d.dtype)
        u = step(d, now)
        if decay is not None:
            u = decay.of_update(u, p.astype(d.dtype), now, jnp.asarray(now if peak is None else peak, d.dtype))
        updates.append(u.astype(jnp.result_type(g if p is None else p)))
    return tree.unflatten(updates)
