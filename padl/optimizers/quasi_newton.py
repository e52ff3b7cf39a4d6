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
CURVATURE = 0.9  # Nocedal & Wright's c₂ for quasi-Newton methods


class History(NamedTuple):
    """p, g: of the step before. S, Y: differences of these, the newest last; of zeros where there is none."""

    p: Vector
    g: Vector
    S: Vector
    Y: Vector


@optimizer(
    family="curvature",
    reference="Nocedal 1980, Math. Comput. 35(151); Nocedal & Wright 2006, algorithm 7.4 and eq. 3.6",
    batch="all",
    other_shapes=dict.fromkeys(("S", "Y"), "as many of the parameter as there are pairs"),
    shown_at={"decrease": 0.9},
    laws=("proportional", "steady", "rotations", "shifted"),
)
def lbfgs(
    learning_rate: ScalarOrSchedule = 1.0,
    history: Annotated[int, MEMORY] = 10,
    trials: Annotated[int, COUNT] = 20,
    decrease: Annotated[Scalar, DECREASE] = 1e-4,
) -> Transformation:
    """L-BFGS: Newton's step by a Hessian from the last m pairs of steps and gradients, with a line search.

        s = θ - θ before      y = g - g before      H: of the last m pairs, from γ I, γ = s·y / y·y of the newest
        θ -= η α H g      α: L(θ - α H g) <= L(θ) - c α g·H g, and the slope there at most 9/10 of g·H g

    α is looked for from 1, by doubling and then by bisection (the weak conditions of Wolfe); the second condition keeps
    s·y positive. Where the trials end first it is the longest step that fulfilled the first condition, or 0.
    A pair with s·y <= 0 is left out, so that H stays positive. The loss is that of the step's batch: with batches the
    differences of gradients are noise, so that a run with it takes every row at every step. Those of clipped gradients
    are no curvature either: leave clip_norm out.

    Args:
        learning_rate: η; 1 takes the step of the line search.
        history: m >= 0, in pairs; each takes two copies of the parameters. 0 is `gd` with a line search.
        trials: the most α that are tried at a step, each a loss and a gradient.
        decrease: c in (0, 1), of the decrease that the slope promises.
    """

    def init(p):
        empty = lambda x: jnp.zeros((history, *x.shape), x.dtype)  # noqa: E731
        return History(zeros_like(p) + p, zeros_like(p), each(empty, p), each(empty, p))

    def direction(g, s, p, t, value, value_fn, grad_fn):
        step, change = p - s.p, g - s.g
        known = jnp.logical_and(t > 1, dot(step, change) > CURVED * jnp.sqrt(dot(step, step) * dot(change, change)))
        S, Y = (pushed(pairs, new, known) for pairs, new in ((s.S, step), (s.Y, change)))
        d = two_loops(g, S, Y, history)
        slope = dot(g, d)

        def tried(bracket):
            low, high, a, n = bracket
            there = jnp.asarray(value_fn(p - a * d), value.dtype)
            long = ~(there <= value - (decrease * a * slope).astype(value.dtype))  # also where the loss is NaN
            low, high = jnp.where(long, low, a), jnp.where(long, a, high)
            return low, high, jnp.where(high < jnp.inf, (low + high) / 2, 2 * a), n + 1

        def goes_on(bracket):
            low, _, _, n = bracket
            steep = dot(grad_fn(p - low * d), d) > CURVATURE * slope
            return (n < trials) & steep

        start = (jnp.zeros_like(slope), jnp.full_like(slope, jnp.inf), jnp.ones_like(slope), 0)
        a = jax.lax.while_loop(goes_on, tried, start)[0]
        return a * d, History(p, g, S, Y)

    rule = treewise(init, direction, needs=(PARAMS, "value", "value_fn", "grad_fn"))
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
