"""Curvature from the last steps, with a line search: for losses without noise. lbfgs."""

from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp

from padl.optimizers.descend import descend
from padl.optimizers.leafwise import PARAMS
from padl.optimizers.transformation import Transformation
from padl.optimizers.treewise import treewise
from padl.optimizers.units import ratio
from padl.optimizers.vectors import Vector, dot, each, zeros_like
from padl.registry import optimizer
from padl.types import COUNT, Domain, Scalar, ScalarOrSchedule

MEMORY = Domain(0, search=(3, 20))
DECREASE = Domain(0.0, 1.0, low_open=True, high_open=True, search=(1e-4, 0.3), scale="log")
CURVED = 1e-8  # y·s of at least so much of ‖y‖ ‖s‖ is no rounding, in float32 too


class History(NamedTuple):
    """p, g: of the step before. S, Y: differences of these, the newest last; of zeros where there is none."""

    p: Vector
    g: Vector
    S: Vector
    Y: Vector


@optimizer(
    family="curvature",
    reference="Nocedal 1980, Math. Comput. 35(151); Nocedal & Wright 2006, algorithms 7.4 and 3.1",
    batch="all",
    other_shapes=dict.fromkeys(("S", "Y"), "as many of the parameter as there are pairs"),
    shown_at={"decrease": 0.9},
)
def lbfgs(
    learning_rate: ScalarOrSchedule = 1.0,
    history: Annotated[int, MEMORY] = 10,
    halvings: Annotated[int, COUNT] = 20,
    decrease: Annotated[Scalar, DECREASE] = 1e-4,
) -> Transformation:
    """L-BFGS: Newton's step by a Hessian from the last m pairs of steps and gradients, halved until the loss falls.

        s = θ - θ before      y = g - g before      H: of the last m pairs, from γ I, γ = s·y / y·y of the newest
        θ -= η α H g      α the first of 1, 1/2, 1/4, ... with L(θ - α H g) <= L(θ) - c α g·H g, or 0 where none is

    A pair with s·y <= 0 is left out, so that H stays positive. The loss is that of the step's batch: with batches the
    differences of gradients are noise, so that a run with it takes every row at every step.

    Args:
        learning_rate: η; 1 takes the step of the line search.
        history: m >= 0, in pairs; each takes two copies of the parameters. 0 is `gd` with a line search.
        halvings: the most evaluations of the loss at a step.
        decrease: c in (0, 1), of the decrease that the slope promises.
    """

    def init(p):
        empty = lambda x: jnp.zeros((history, *x.shape), x.dtype)  # noqa: E731
        return History(zeros_like(p) + p, zeros_like(p), each(empty, p), each(empty, p))

    def direction(g, s, p, t, value, value_fn):
        step, change = p - s.p, g - s.g
        known = jnp.logical_and(t > 1, dot(step, change) > CURVED * jnp.sqrt(dot(step, step) * dot(change, change)))
        S, Y = (pushed(pairs, new, known) for pairs, new in ((s.S, step), (s.Y, change)))
        d = two_loops(g, S, Y, history)
        slope = dot(g, d).astype(value.dtype)

        def falls(a):
            there = jnp.asarray(value_fn(p - a * d), value.dtype)
            return there <= value - decrease * a * slope  # not where the loss is NaN

        a = jax.lax.while_loop(lambda a: ~falls(a) & (a > 0.5**halvings), lambda a: a / 2, jnp.ones_like(slope))
        return jnp.where(a > 0.5**halvings, a, 0) * d, History(p, g, S, Y)

    rule = treewise(init, direction, needs=(PARAMS, "value", "value_fn"))
    return descend(rule, learning_rate)


def pushed(pairs: Vector, new: Vector, known: jax.Array) -> Vector:
    """The newest vectors with another behind them and without the oldest, where this one is known."""
    return each(lambda x, n: jnp.where(known, jnp.concatenate([x, n[None]])[1:], x), pairs, new)


def two_loops(g: Vector, S: Vector, Y: Vector, history: int) -> Vector:
    """H g, by two passes over the pairs; a pair of zeros does nothing."""
    pairs = [(each(lambda x, i=i: x[i], S), each(lambda x, i=i: x[i], Y)) for i in range(history)]
    q, shares = g, []
    for s, y in reversed(pairs):
        share = ratio(dot(s, q), dot(s, y))
        q, shares = q - share * y, [share, *shares]
    if pairs:
        s, y = pairs[-1]
        q = jnp.where(dot(y, y) > 0, ratio(dot(s, y), dot(y, y)), 1) * q
    for (s, y), share in zip(pairs, shares, strict=True):
        q = q + (share - ratio(dot(y, q), dot(s, y))) * s
    return q
