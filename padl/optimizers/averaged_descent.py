"""Descend from between a point and the average of its path, so that no schedule is needed.

schedule_free_sgd, schedule_free_adamw; schedule_free_plus with a step from the value of the loss. The wrapper
`schedule_free` does so around any optimizer.
"""

from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp

from padl.optimizers.descend import Effective, as_given, move
from padl.optimizers.in_place import after
from padl.optimizers.iterate_averaging import INTERPOLATION, average_of
from padl.optimizers.leafwise import LEARNING_RATE, PARAMS, Rule
from padl.optimizers.transformation import Measure, Transformation, no_measures
from padl.optimizers.treewise import slot_measure, treewise
from padl.optimizers.units import ratio
from padl.optimizers.vectors import Vector, dot, each, total, zeros_like
from padl.registry import optimizer
from padl.types import DECAY, FACTOR, NON_NEGATIVE, POSITIVE, Params, PyTree, Scalar, ScalarOrSchedule

BELOW_ONE = INTERPOLATION._replace(high_open=True)
POWER = NON_NEGATIVE._replace(search=(0.0, 4.0))
LARGE = POSITIVE._replace(search=(0.01, 10.0), scale="log")  # learning rates, which are larger than those of `sgd`


class Averaging(NamedTuple):
    """z: the point that descends. peak: the largest learning rate so far. weights: their sum so far. Scalars."""

    z: Vector
    peak: jax.Array
    weights: jax.Array


class ScaledAveraging(NamedTuple):
    """nu: as in `adam`; all else as in `Averaging`."""

    z: Vector
    nu: Vector
    peak: jax.Array
    weights: jax.Array


@optimizer(
    family="iterate averaging",
    reference="Defazio et al. 2024, arXiv:2405.15682, algorithm 1 with SGD; the weights as in its code",
    laws=("proportional", "rotations", "shifted"),
    exempt={"decay_rates": "momentum is a share of the way between two points"},
)
def schedule_free_sgd(
    learning_rate: Annotated[ScalarOrSchedule, LARGE] = 1.0,
    momentum: Annotated[Scalar, INTERPOLATION] = 0.9,
    weight_decay: Scalar = 0.0,
    step_power: Annotated[Scalar, POWER] = 0.0,
    rate_power: Annotated[Scalar, POWER] = 2.0,
) -> Transformation:
    """Schedule-free SGD: descent from a point between z and the average x of its path, which is judged.

        z⁺ = z - η (g + λ y)      w = tʳ ηₘᵖ      c = w / Σ w      x = (1-c) x + c z⁺      y = (1-β) z⁺ + β x

    g is taken at y, the parameters that are trained; ηₘ is the largest η so far, so that the steps of a warm-up weigh
    less. Give it no schedule that goes down. `schedule_free` is the same around any optimizer, where η is in the place
    of ηₘ. What a batch normalisation learns is of y. Defaults as in the authors' code.

    Args:
        learning_rate: η > 0, in units of the parameter over the gradient: larger than that of `sgd`.
        momentum: β in (0, 1]; the smaller, the closer to `sgd`. weight_decay: λ >= 0, coupled, of y.
        step_power: r >= 0; with 2 late steps weigh more, for long trainings. rate_power: p >= 0; 0 is a plain mean.
    """

    def init(p):
        return Averaging(zeros_like(p) + p, jnp.zeros(()), jnp.zeros(()))

    def update(g, s, p, t, learning_rate):
        peak, weights, c = _weight(s, learning_rate, t, step_power, rate_power)
        d = learning_rate * (g + weight_decay * p)
        z = s.z - d
        return _to_next(z, p, d, c, momentum), Averaging(z, peak, weights)

    return _between(treewise(init, update, needs=(PARAMS, LEARNING_RATE)), learning_rate, momentum)


@optimizer(
    family="iterate averaging",
    reference="Defazio et al. 2024, arXiv:2405.15682, algorithm 1 with Adam; corrections and weights as in its code",
    laws=("scale_free", "eps_of_gradient", "shifted"),
    exempt={"decay_rates": "momentum is a share of the way between two points"},
)
def schedule_free_adamw(
    learning_rate: ScalarOrSchedule = 2.5e-3,
    momentum: Annotated[Scalar, INTERPOLATION] = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    weight_decay: Scalar = 0.0,
    step_power: Annotated[Scalar, POWER] = 0.0,
    rate_power: Annotated[Scalar, POWER] = 2.0,
) -> Transformation:
    """Schedule-free AdamW: `schedule_free_sgd` along the direction of Adam without momentum.

        v = b2 v + (1-b2) g²      z⁺ = z - η (g / (√(v / (1-b2ᵗ)) + eps) + λ y)      c, x, y as in `schedule_free_sgd`

    The listing of the paper has √(1-b2ᵗ) in η, and so in the weights; its code has it there no more, and neither has
    this. Defaults as in the code, which calls β beta1.

    Args:
        learning_rate: η > 0, in units of the parameter: larger than that of `adamw`, says the code: up to ten times.
        momentum, step_power, rate_power: as in `schedule_free_sgd`. b2, eps: as in `adam`.
        weight_decay: λ >= 0, decoupled, of y.
    """

    def init(p):
        return ScaledAveraging(zeros_like(p) + p, zeros_like(p), jnp.zeros(()), jnp.zeros(()))

    def update(g, s, p, t, learning_rate):
        peak, weights, c = _weight(s, learning_rate, t, step_power, rate_power)
        nu = b2 * s.nu + (1 - b2) * g**2
        d = lambda nu: learning_rate * (g / (each(jnp.sqrt, nu / (1 - b2**t)) + eps) + weight_decay * p)  # noqa: E731
        z = s.z - d(nu)
        again = each(after, nu, z)  # on CPUs d is computed twice, and not kept for all arrays
        return _to_next(z, p, d(again), c, momentum), ScaledAveraging(z, nu, peak, weights)

    return _between(treewise(init, update, needs=(PARAMS, LEARNING_RATE)), learning_rate, momentum)


class PolyakAveraging(NamedTuple):
    """mu, nu: as in `adam`. norm: of gradients. momentum: β of the last step. step: the last one; else as above."""

    z: Vector
    mu: Vector
    nu: Vector
    peak: jax.Array
    weights: jax.Array
    norm: jax.Array
    momentum: jax.Array
    step: jax.Array


@optimizer(
    family="iterate averaging",
    reference="Defazio 2026, arXiv:2605.19095, ScheduleFree+, as in its code adamc_schedulefree_plus_paper.py",
    shown_at={"momentum_steps": 4.0},
    exempt={
        "momentum_word": "it goes on towards its average",
        "decay_measured": "a step follows from the loss, and is nothing without a gradient, as its decay is",
        "extreme_gradients": "a step is the loss over the gradient's square, without a bound",
        "decay_rates": "momentum is a share of the way between two points",
    },
)
def schedule_free_plus(
    learning_rate: Annotated[ScalarOrSchedule, FACTOR] = 1.0,
    b1: Scalar = 0.9,
    b2: Scalar = 0.95,
    eps: Scalar = 1e-8,
    weight_decay: Scalar = 0.0,
    momentum: Annotated[Scalar, BELOW_ONE] = 0.9,
    momentum_end: Annotated[Scalar, BELOW_ONE] = 0.965,
    momentum_steps: Annotated[Scalar, NON_NEGATIVE] = 0.0,
    norm_decay: Annotated[Scalar, DECAY] = 0.0,
    average_from: Annotated[Scalar, NON_NEGATIVE] = 0.0,
    step_power: Annotated[Scalar, POWER] = 0.0,
    rate_power: Annotated[Scalar, POWER] = 2.0,
) -> Transformation:
    """ScheduleFree+: schedule-free Adam whose learning rate is Polyak's step, by the 1-norm of the gradient.

        G = ρ G + (1-ρ) √(π/2) ‖g‖₁      α = η (f + β g·(z - x))₊ / Ĝ,  Ĝ = G / (1-ρᵗ)
        z = z - α (m̂ / (√v̂ + eps) + α λ y)      x, y and c as in `schedule_free_sgd`, with α in the place of η

    over all parameters together, f the loss of the batch at y, whose bound is 0. Measures `step_size`, α.

    Args:
        learning_rate: η > 0, a factor of the step; a warm-up goes here. b1, b2, eps: as in `adam`.
        weight_decay: λ >= 0, by α² and so large: 20 to 50, says the code.
        momentum: β in (0, 1). momentum_end, momentum_steps: where 1-β goes to, evenly in its logarithm, and in how many
            steps; 0 keeps it.
        norm_decay: ρ in [0, 1). The code, whose default is 0 too, keeps Ĝ in the place of G where it is more.
        average_from: x is z in so many steps at first; one or two times the warm-up.
        step_power, rate_power: as in `schedule_free_sgd`.
    """

    def init(p):
        zero, none = zeros_like(p), jnp.zeros(())
        return PolyakAveraging(zero + p, zero, zero, none, none, none, jnp.asarray(momentum, float), none)

    def update(g, s, p, t, value, learning_rate):
        done = jnp.where(t > momentum_steps, 1, ratio(t - 1, jnp.asarray(momentum_steps, t.dtype)))
        annealed = 1 - jnp.exp((1 - done) * jnp.log1p(-momentum) + done * jnp.log1p(-momentum_end))
        beta = jnp.where(jnp.asarray(momentum_steps) > 0, annealed, momentum)
        norm = norm_decay * s.norm + (1 - norm_decay) * jnp.sqrt(jnp.pi / 2) * total(abs(g))
        at_z = jnp.maximum(value + beta / s.momentum * dot(g, s.z - p), 0)
        step = learning_rate * ratio(at_z * (1 - norm_decay**t), norm)
        peak, summed, c = _weight(s, step, t, step_power, rate_power)
        waits = t <= average_from
        c, weights = jnp.where(waits, 1, c), jnp.where(waits, s.weights, summed)
        mu, nu = b1 * s.mu + (1 - b1) * g, b2 * s.nu + (1 - b2) * g**2
        adam = lambda nu: (1 / (1 - b1**t)) * mu / (each(jnp.sqrt, nu / (1 - b2**t)) + eps)  # noqa: E731
        d = lambda nu: step * adam(nu) + (step**2 * weight_decay) * p  # noqa: E731
        z = s.z - d(nu)
        again = each(after, nu, z)  # as in schedule_free_adamw
        slots = PolyakAveraging(z, mu, nu, peak, weights, norm, beta, step)
        return _to_next(z, p, d(again), c, beta, s.momentum), slots

    rule = treewise(init, update, needs=(PARAMS, "value", LEARNING_RATE))
    measure = slot_measure(step_size="step")
    return _between(rule, learning_rate, measure=measure, effective=lambda s, rate: s.step)


def _weight(s: Any, learning_rate: Any, t: jax.Array, step_power: Scalar, rate_power: Scalar) -> tuple[Any, Any, Any]:
    """The largest learning rate so far, the sum of the weights, and the share of the newest."""
    peak = jnp.maximum(s.peak, learning_rate)
    weight = t**step_power * peak**rate_power
    return peak, s.weights + weight, ratio(weight, s.weights + weight)


def _to_next(z: Vector, y: Vector, d: Vector, c: Any, momentum: Any, before: Any = None) -> Vector:
    """y⁺ - y by z⁺ and its step d alone, in which x is not computed and z is overwritten in place.

    Args:
        momentum: β of y⁺. before: that of y, where it is another.
    """
    kept = (1 - c) * (1 if before is None else momentum / before)
    return (1 - kept) * (z - y) - (kept * (1 - (momentum if before is None else before))) * d


def _between(
    rule: Rule,
    learning_rate: ScalarOrSchedule,
    momentum: Scalar | None = None,
    measure: Measure = no_measures,
    effective: Effective = as_given,
) -> Transformation:
    """Make the optimizer of a rule whose update is of y, and which judges x; β is in its state where it is None."""

    def readout(state: Any, params: Params) -> PyTree:
        beta = state.slots.momentum if momentum is None else momentum
        points = jax.tree.map(jnp.asarray, params)
        return jax.tree.map(lambda y, z: average_of(y, z, beta).astype(y.dtype), points, state.slots.z)

    return move(rule, learning_rate, readout, measure, effective)
