"""Steps in units of an estimate of the Hessian's diagonal. sophia, adahessian."""

from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp

from padl.optimizers.decay import Decay, DecayKind
from padl.optimizers.descend import descend
from padl.optimizers.leafwise import PARAMS
from padl.optimizers.refresh import FREQUENCY, every
from padl.optimizers.transformation import Transformation, hvp
from padl.optimizers.treewise import treewise
from padl.optimizers.vectors import Vector, each, random_signs, zeros_like
from padl.registry import optimizer
from padl.types import FRACTION, POSITIVE, Scalar, ScalarOrSchedule

SCALE = POSITIVE._replace(search=(1e-3, 1.0), scale="log")
NEEDS = (PARAMS, "grad_fn", "key")


class Curvature(NamedTuple):
    """m: mean of gradients. h: of estimates of the diagonal, or of their squares."""

    m: Vector
    h: Vector


def begun(p: Vector) -> Curvature:
    """Begin with zeros."""
    return Curvature(zeros_like(p), zeros_like(p))


def diagonal(grad_fn, p: Vector, key: jax.Array) -> Vector:
    """Estimate the diagonal of the Hessian, without bias (Hutchinson): u ∘ ∇²L u for u of random signs."""
    u = random_signs(key, p)
    return u * hvp(grad_fn, p, u)


@optimizer(
    family="curvature",
    reference="Liu et al. 2023, arXiv:2305.14342, algorithms 1 and 3 (Sophia-H)",
    shown_at={"gamma": 1.0, "b2": 0.5},
    laws=("scale_free", "unit_step", "eps_of_gradient", "shifted"),
    exempt={"decay_rates": "its second average decays at every k-th step alone"},
)
def sophia(
    learning_rate: ScalarOrSchedule = 1e-3,
    b1: Scalar = 0.96,
    b2: Scalar = 0.99,
    gamma: Annotated[Scalar, SCALE] = 0.01,
    eps: Scalar = 1e-12,
    weight_decay: Scalar = 0.1,
    decay_kind: DecayKind = "decoupled",
    frequency: Annotated[int, FREQUENCY] = 10,
) -> Transformation:
    """Sophia: a mean gradient divided by the curvature where that is large, and its sign elsewhere.

        m = β₁ m + (1-β₁) g      h = β₂ h + (1-β₂) u ∘ ∇²L u at every k-th step from the first, u of random signs
        θ -= η (clip(m / max(γ h, ε), 1) + λ θ)

    Neither mean is corrected for its start. A step that looks at h costs about two gradients more. The estimate is that
    of Hutchinson, which asks for nothing but the loss; Sophia-G's asks for labels drawn from the model. β₁, β₂, ε and k
    are the paper's, γ the one for this estimate; λ is the authors' code's, whose experiments have 0.2; η is PADL's own.

    Args:
        learning_rate: η > 0, in units of the parameter: the largest step of a number.
        b1, b2: β₁, β₂ in [0, 1); β₂'s memory is about k/(1-β₂) steps.
        gamma: γ > 0; the smaller, the more numbers move by their sign.
        eps: ε > 0, in units of γ h.
        weight_decay, decay_kind: as in `adamw`.
        frequency: k, in steps.
    """

    def direction(g, s, p, t, grad_fn, key):
        m = b1 * s.m + (1 - b1) * g
        h = every(frequency, t, lambda: b2 * s.h + (1 - b2) * diagonal(grad_fn, p, key), s.h)
        return each(lambda m, h: jnp.clip(m / jnp.maximum(gamma * h, eps), -1, 1), m, h), Curvature(m, h)

    return descend(treewise(begun, direction, needs=NEEDS), learning_rate, Decay(weight_decay, decay_kind))


@optimizer(
    family="curvature",
    reference="Yao et al. 2021, arXiv:2006.00719, algorithm 1, with blocks of one number",
    laws=("proportional", "steady", "rotations", "shifted"),
)
def adahessian(
    learning_rate: ScalarOrSchedule = 0.15,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-4,
    power: Annotated[Scalar, FRACTION] = 1.0,
    weight_decay: Scalar = 0.0,
    decay_kind: DecayKind = "decoupled",
    frequency: Annotated[int, FREQUENCY] = 1,
) -> Transformation:
    """AdaHessian: Adam with the diagonal of the Hessian in the place of the gradient in v.

        D = u ∘ ∇²L u, u of random signs      m = β₁ m + (1-β₁) g      v = β₂ v + (1-β₂) D²
        θ -= η (m̂ / (√v̂ ᵏ + ε) + λ θ)      m̂, v̂ corrected as in `adam`

    The authors average |D| over the window of a convolution, and in another code over the rows of a matrix; here each
    number has its own. The defaults are those of their code, as is where ε stands. A step that looks at D costs about
    two gradients more.

    Args:
        learning_rate: η > 0, without unit where k = 1. b1, b2: β₁, β₂ in [0, 1).
        eps: ε > 0, in units of the curvature to the k.
        power: k in [0, 1]; 0 is descent along m̂.
        weight_decay, decay_kind: as in `adamw`.
        frequency: D is looked at in the first of so many steps, and v stays in the others (the paper, section 4).
    """

    def direction(g, s, p, t, grad_fn, key):
        m = b1 * s.m + (1 - b1) * g
        v = every(frequency, t, lambda: b2 * s.h + (1 - b2) * diagonal(grad_fn, p, key) ** 2, s.h)
        looks = (t - 1) // frequency + 1
        root = lambda v: jnp.sqrt(v / (1 - b2**looks).astype(v.dtype)) ** jnp.asarray(power, v.dtype)  # noqa: E731
        return m / (1 - b1**t) / (each(root, v) + eps), Curvature(m, v)

    return descend(treewise(begun, direction, needs=NEEDS), learning_rate, Decay(weight_decay, decay_kind))
