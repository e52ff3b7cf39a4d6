"""A step from the value of the loss: as long as its lower bound allows. polyak_sgd, momo, momo_adam.

Each follows a model of the loss, a plane, down to the bound; the learning rate is the longest step. They read the loss
of the batch, which the bound has to be below: f_min is 0 of most losses, and more where it is known.
"""

from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp

from padl.optimizers.descend import move
from padl.optimizers.in_place import after
from padl.optimizers.leafwise import LEARNING_RATE, PARAMS
from padl.optimizers.transformation import Transformation
from padl.optimizers.treewise import slot_measure, treewise
from padl.optimizers.units import ratio
from padl.optimizers.vectors import Vector, dot, each, zeros_like
from padl.registry import optimizer
from padl.types import FINITE, POSITIVE, Scalar, ScalarOrSchedule

LONGEST = POSITIVE._replace(search=(0.01, 100.0), scale="log")
SCALE = POSITIVE._replace(search=(0.2, 2.0), scale="log")


class PolyakSlots(NamedTuple):
    """step: the last one, (). Only `measure` reads it."""

    step: jax.Array


class Plane(NamedTuple):
    """d: the mean gradient. value, offset: means of the loss and of ⟨g, θ⟩. step: the last one, for `measure`."""

    d: Vector
    value: jax.Array
    offset: jax.Array
    step: jax.Array


class ScaledPlane(NamedTuple):
    """nu: as in `adam`; all else as in `Plane`."""

    d: Vector
    nu: Vector
    value: jax.Array
    offset: jax.Array
    step: jax.Array


def last_step(slots: PolyakSlots | Plane | ScaledPlane, rate: Scalar) -> jax.Array:
    """Tell wrappers that move by the learning rate the last step, as the next one is not known before its gradient."""
    return jnp.minimum(slots.step, rate)


@optimizer(family="polyak", reference="Loizou et al. 2021, arXiv:2002.10542, SPS_max", laws=("rotations", "shifted"))
def polyak_sgd(
    learning_rate: Annotated[ScalarOrSchedule, LONGEST] = 1.0,
    f_min: Annotated[Scalar, FINITE] = 0.0,
    c: Annotated[Scalar, SCALE] = 0.5,
) -> Transformation:
    """Polyak's step: where the loss, were it the plane of its gradient, would be at its minimum.

        θ -= min(η, (f - f_min)₊ / (c ‖g‖²)) g

    over all parameters together, f the loss of the batch. Where g or f - f_min is 0 it stays. With batches it converges
    where all of them have their minimum at one point; otherwise a schedule of η ends it. A clip of gradients makes the
    step longer, up to η: let η bound it. Measures `step_size`, the factor of g.

    Args:
        learning_rate: η > 0, in units of the parameter over the gradient: the longest step. The paper has no default.
        f_min: the least loss of a batch, or a bound below it. c: > 0; 1/2 as in the authors' code, 1 is Polyak's.
    """

    def update(g, s, p, t, value, learning_rate):
        step = jnp.minimum(learning_rate, ratio(jnp.maximum(value - f_min, 0), c * dot(g, g)))
        return -step * g, PolyakSlots(step)

    rule = treewise(lambda p: PolyakSlots(jnp.zeros(())), update, needs=("value", LEARNING_RATE))
    return move(rule, learning_rate, measure=slot_measure(step_size="step"), effective=last_step)


@optimizer(
    family="polyak",
    reference="Schaipp et al. 2024, arXiv:2305.07583, MoMo",
    laws=("rotations", "shifted"),
    exempt={"spike": "its model of the loss, which averages, is below the bound for some steps, and it waits"},
)
def momo(
    learning_rate: Annotated[ScalarOrSchedule, LONGEST] = 1.0,
    momentum: Scalar = 0.9,
    f_min: Annotated[Scalar, FINITE] = 0.0,
    weight_decay: Scalar = 0.0,
) -> Transformation:
    """MoMo: Polyak's step on the mean of the planes of all batches so far, which is momentum.

        d = β d + (1-β) g      f̄ = β f̄ + (1-β) f      γ = β γ + (1-β) g·θ,  at first g, f and g·θ themselves
        τ = min(η, ((1+ηλ) (f̄ - f_min - γ) + d·θ)₊ / ‖d‖²)      θ = (θ - τ d) / (1+ηλ)

    over all parameters together, f the loss of the batch. Defaults as in the authors' code; its bound that is estimated
    on the way is left out. A clip of gradients flattens the planes: let η bound the step. Measures `step_size`, τ.

    Args:
        learning_rate: η > 0, in units of the parameter over the gradient: the longest step.
        momentum: β in [0, 1); 0 is `polyak_sgd` with c = 1. f_min: the least loss, or a bound below it.
        weight_decay: λ >= 0, proximal, per unit of η.
    """

    def init(p):
        return Plane(zeros_like(p), jnp.zeros(()), jnp.zeros(()), jnp.zeros(()))

    def update(g, s, p, t, value, learning_rate):
        b = jnp.where(t == 1, 0, momentum)
        d = b * s.d + (1 - b) * g
        mean, offset = b * s.value + (1 - b) * value, b * s.offset + (1 - b) * dot(g, p)
        grown = 1 + learning_rate * weight_decay
        excess = jnp.maximum(grown * (mean - f_min - offset) + dot(d, p), 0)
        step = jnp.minimum(learning_rate, ratio(excess, dot(d, d)))
        return _shrunk(p, step * d, grown), Plane(d, mean, offset, step)

    rule = treewise(init, update, needs=(PARAMS, "value", LEARNING_RATE))
    return move(rule, learning_rate, measure=slot_measure(step_size="step"), effective=last_step)


@optimizer(
    family="polyak",
    reference="Schaipp et al. 2024, arXiv:2305.07583, MoMo-Adam; corrections as in its code",
    shown_at={"learning_rate": 10.0},
    temporary="d/D of an array or two, as XLA sums what is in memory",
    laws=("scale_free", "eps_of_gradient", "shifted"),
    exempt={"spike": "its model of the loss, which averages, is below the bound for some steps, and it waits"},
)
def momo_adam(
    learning_rate: ScalarOrSchedule = 1e-2,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    f_min: Annotated[Scalar, FINITE] = 0.0,
    weight_decay: Scalar = 0.0,
) -> Transformation:
    """MoMo-Adam: `momo` in the norm of Adam; `adam` where the loss is far above its bound.

        d, f̄, γ as in `momo`, from 0      v = b2 v + (1-b2) g²      D = √(v / (1-b2ᵗ)) + eps      ρ = 1-b1ᵗ
        τ = min(η/ρ, ((1+ηλ) (f̄ - ρ f_min - γ) + d·θ)₊ / d·(d/D))      θ = (θ - τ d/D) / (1+ηλ)

    over all parameters together. Defaults as in the authors' code. Measures `step_size`, τ.

    Args:
        learning_rate: η > 0, in units of the parameter: the longest step, as that of `adam`.
        b1, b2, eps: as in `adam`. f_min: the least loss, or a bound below it.
        weight_decay: λ >= 0, proximal, per unit of η; Optax's divides θ alone by 1+ηλ.
    """

    def init(p):
        return ScaledPlane(zeros_like(p), zeros_like(p), jnp.zeros(()), jnp.zeros(()), jnp.zeros(()))

    def update(g, s, p, t, value, learning_rate):
        d = b1 * s.d + (1 - b1) * g
        nu = b2 * s.nu + (1 - b2) * g**2
        mean, offset = b1 * s.value + (1 - b1) * value, b1 * s.offset + (1 - b1) * dot(g, p)
        known, grown = 1 - b1**t, 1 + learning_rate * weight_decay
        scaled = lambda nu: d / (each(jnp.sqrt, nu / (1 - b2**t)) + eps)  # noqa: E731
        excess = jnp.maximum(grown * (mean - known * f_min - offset) + dot(d, p), 0)
        step = jnp.minimum(learning_rate / known, ratio(excess, dot(d, scaled(nu))))
        again = each(lambda x: after(x, step), nu)  # on CPUs d/D is computed twice, and not kept for all arrays
        return _shrunk(p, step * scaled(again), grown), ScaledPlane(d, nu, mean, offset, step)

    rule = treewise(init, update, needs=(PARAMS, "value", LEARNING_RATE))
    return move(rule, learning_rate, measure=slot_measure(step_size="step"), effective=last_step)


def _shrunk(p: Vector, step: Vector, grown: jax.Array) -> Vector:
    """What leads from p to (p - step) / grown."""
    return (1 / grown - 1) * p - (1 / grown) * step
