"""A step from the distance to the start, so that no learning rate is tuned. dog, dowg, dadapt_adam, prodigy.

Each estimates how far the minimum is from the first parameters θ₀, over all parameters together. Their learning rate is
a factor of that step, without unit, 1 in the papers; a schedule of it goes down from there. Wrappers that move by the
learning rate are told the step.
"""

from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp

from padl.optimizers.descend import descend, move
from padl.optimizers.in_place import after
from padl.optimizers.leafwise import LEARNING_RATE, PARAMS
from padl.optimizers.transformation import Transformation
from padl.optimizers.treewise import slot_measure, treewise
from padl.optimizers.units import ratio
from padl.optimizers.vectors import Vector, dot, each, norm, total, zeros_like
from padl.registry import optimizer
from padl.types import FACTOR, POSITIVE, Domain, Scalar, ScalarOrSchedule

FIRST = POSITIVE._replace(search=(1e-8, 1e-2), scale="log")  # of an estimate that only grows
SCALE = POSITIVE._replace(search=(0.1, 10.0), scale="log")
GROWTH = Domain(1.0, search=(1.01, 2.0))


class Distance(NamedTuple):
    """start: θ₀. r: the largest distance from it so far. squares: the sum of those of gradients, weighted."""

    start: Vector
    r: jax.Array
    squares: jax.Array


class WeightedSum(NamedTuple):
    """mu, nu: as in `adam`, mu with the steps in it. s: of gradients by their steps. r, d: scalars."""

    mu: Vector
    nu: Vector
    s: Vector
    r: jax.Array
    d: jax.Array


class ProdigySlots(NamedTuple):
    """mu, nu: as in `adam`, of d g. s, r: sums that d comes from. start: θ₀. d_max: the largest estimate so far."""

    mu: Vector
    nu: Vector
    s: Vector
    start: Vector
    r: jax.Array
    d: jax.Array
    d_max: jax.Array


def scalar(x: Scalar) -> jax.Array:
    """Make a slot of a number."""
    return jnp.asarray(x, float)


def finite_or(x: jax.Array, otherwise: jax.Array) -> jax.Array:
    """Return a scalar, or another where it is not finite."""
    return jnp.where(jnp.isfinite(x), x, otherwise)


@optimizer(
    family="learning-rate-free",
    reference="Ivgi, Hinder & Carmon 2023, arXiv:2302.12022, DoG",
    laws=("scale_free", "rotations"),
    exempt={"slots_change": "it remembers where it began"},
)
def dog(
    learning_rate: Annotated[ScalarOrSchedule, FACTOR] = 1.0,
    r0: Annotated[Scalar, FIRST] = 1e-6,
    eps: Scalar = 1e-8,
) -> Transformation:
    """DoG: the step is the largest distance from the start over the norm of all gradients so far.

        r = max(r, ‖θ - θ₀‖)      G = G + ‖g‖²      θ -= η r / √G g

    over all parameters together; r begins with r0 (1 + ‖θ₀‖), G with eps. The paper judges a mean of the iterates: put
    `ema` or `tail_ema` around it. The code's L2 penalty is left out. Measures `r`; `effective_step` is η r / √G.

    Args:
        learning_rate: η > 0, a factor of the step; 1 in the paper, a schedule goes down from there.
        r0: > 0, the first r as a share of 1 + ‖θ₀‖; 1e-4 with batch normalisation, says the code. Parameters in half
            precision round a step away that is below 1/256 of them: give more.
        eps: > 0, in units of the gradient squared.
    """

    def init(p):
        return Distance(zeros_like(p) + p, scalar(r0) * (1 + norm(p)), scalar(eps))

    def direction(g, s, p, t):
        r = jnp.maximum(s.r, norm(p - s.start))
        G = s.squares + dot(g, g)
        return r / jnp.sqrt(G) * g, Distance(s.start, r, G)

    rule = treewise(init, direction, needs=(PARAMS,))
    effective = lambda s, rate: rate * s.r / jnp.sqrt(s.squares)  # noqa: E731
    return descend(rule, learning_rate, measure=slot_measure(r="r"), effective=effective)


@optimizer(
    family="learning-rate-free",
    reference="Khaled, Mishchenko & Jin 2023, arXiv:2305.16284, DoWG",
    laws=("scale_free", "eps_of_square", "rotations", "shifted"),
    exempt={"slots_change": "it remembers where it began"},
)
def dowg(
    learning_rate: Annotated[ScalarOrSchedule, FACTOR] = 1.0,
    r0: Annotated[Scalar, FIRST] = 1e-2,
    eps: Scalar = 1e-4,
) -> Transformation:
    """DoWG: as `dog`, with gradients weighted by the distance at their time, so that early ones are forgotten.

        r = max(r, ‖θ - θ₀‖)      V = V + r² ‖g‖²      θ -= η r² / (√V + eps) g

    over all parameters together; r begins with r0. Defaults, eps and its place as in the authors' code, which has one
    number for r0² and eps, and no η. Measures `r`; `effective_step` is η r² / (√V + eps).

    Args:
        learning_rate: η > 0, a factor of the step; 1 in the paper, a schedule goes down from there.
        r0: > 0, in units of the parameter: the first r.
        eps: > 0, in units of the gradient times the parameter.
    """

    def init(p):
        return Distance(zeros_like(p) + p, scalar(r0), scalar(0.0))

    def direction(g, s, p, t):
        r = jnp.maximum(s.r, norm(p - s.start))
        V = s.squares + r**2 * dot(g, g)
        return r**2 / (jnp.sqrt(V) + eps) * g, Distance(s.start, r, V)

    rule = treewise(init, direction, needs=(PARAMS,))
    effective = lambda s, rate: rate * s.r**2 / (jnp.sqrt(s.squares) + eps)  # noqa: E731
    return descend(rule, learning_rate, measure=slot_measure(r="r"), effective=effective)


@optimizer(
    family="learning-rate-free",
    reference="Mishchenko & Defazio 2024, arXiv:2306.06101, the version of Adam",
    shown_at={"learning_rate": 2.0, "eps": 0.1},
    exempt={
        "average_words": "its estimate of a distance goes on growing",
        "slots_change": "it remembers where it began",
    },
    laws=("shifted",),
)
def prodigy(
    learning_rate: Annotated[ScalarOrSchedule, FACTOR] = 1.0,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    b3: Scalar | None = None,
    eps: Scalar = 1e-8,
    weight_decay: Scalar = 0.0,
    d0: Annotated[Scalar, FIRST] = 1e-6,
    d_coef: Annotated[Scalar, SCALE] = 1.0,
    growth: Annotated[Scalar, GROWTH] | None = None,
    bias_correction: bool = False,
    safeguard_warmup: bool = False,
) -> Transformation:
    """Prodigy: Adam whose learning rate is an estimate d of the distance to the minimum, which only grows.

        r = b3 r + η d² g·(θ₀ - θ)      s = b3 s + η d² g      d⁺ = max(d, c r / ‖s‖₁)
        m = b1 m + (1-b1) d g      v = b2 v + (1-b2) (d g)²      θ -= η d (m / (√v + d⁺ eps) + λ θ)      d = d⁺

    over all parameters together. As in the authors' code: d⁺ in front of eps, and r and s are kept by d0. Where all
    gradients were 0, d stays. Measures `d`.

    Args:
        learning_rate: η > 0, a factor of d; 1 in the paper, a schedule goes down from there. Tune d_coef in its place.
        b1, b2, eps: as in `adam`. b3: in [0, 1); None is √b2.
        weight_decay: λ >= 0, decoupled, by η d.
        d0: > 0, the first d, below the distance. Parameters in half precision round steps away that are below 1/256
            of them, and then d never grows: give more.
        d_coef: c > 0. growth: >= 1, by how much d may grow in a step after its first growth; None as much as it will.
        bias_correction: whether η goes by √(1-b2ᵗ) / (1-b1ᵗ) too, as `adam` does; Optax always does.
        safeguard_warmup: whether s goes without η, for a warm-up that begins near 0.
    """

    def init(p):
        zero, first = zeros_like(p), scalar(d0)
        return ProdigySlots(zero, zero, zero, zero + p, scalar(0.0), first, first)

    def update(g, s, p, t, learning_rate):
        decay, d = jnp.sqrt(b2) if b3 is None else b3, s.d
        step = learning_rate * d * _bias_correction(bias_correction, b1, b2, t)
        r = finite_or(decay * s.r + d / d0 * step * dot(g, s.start - p), s.r)
        weighted = decay * s.s + (d / d0 * (d if safeguard_warmup else step)) * g
        estimate = finite_or(d_coef * ratio(r, total(abs(weighted))), d)
        d_max = jnp.maximum(s.d_max, estimate)
        jumped = jnp.where(d == jnp.asarray(d0, d.dtype), jnp.maximum(d, estimate), d)
        new = d_max if growth is None else jnp.minimum(d_max, jumped * growth)
        mu = b1 * s.mu + ((1 - b1) * d) * g
        nu = b2 * s.nu + (1 - b2) * (d * g) ** 2
        u = -step * (mu / (each(jnp.sqrt, nu) + new * eps) + weight_decay * p)
        return u, ProdigySlots(mu, nu, weighted, s.start, r, new, d_max)

    rule = treewise(init, update, needs=(PARAMS, LEARNING_RATE))
    return move(rule, learning_rate, measure=slot_measure(d="d"), effective=lambda s, rate: rate * s.d)


@optimizer(
    family="learning-rate-free",
    reference="Defazio & Mishchenko 2023, arXiv:2301.07733, D-Adapt Adam",
    temporary="s/(√v + eps) of one array, as XLA sums what is in memory",
    laws=("scale_free", "eps_of_square", "shifted"),
    exempt={"average_words": "its estimate of a distance goes on growing"},
)
def dadapt_adam(
    learning_rate: Annotated[ScalarOrSchedule, FACTOR] = 1.0,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    weight_decay: Scalar = 0.0,
    d0: Annotated[Scalar, FIRST] = 1e-6,
    growth: Annotated[Scalar, GROWTH] | None = None,
    bias_correction: bool = True,
) -> Transformation:
    """D-Adapted Adam: Adam whose learning rate is a bound d from below of the distance to the minimum.

        r = √b2 r + (1-√b2) η d g·(s / (√v + eps)),  of s and v before this g
        m = b1 m + (1-b1) η d g      v = b2 v + (1-b2) g²      s = √b2 s + (1-√b2) η d g
        d⁺ = max(d, r / ((1-√b2) ‖s‖₁))      θ -= m / (√v + eps) + η d λ θ      d = d⁺

    over all parameters together, as in the authors' code. Where all gradients were 0, d stays. Measures `d`.

    Args:
        learning_rate: η > 0, a factor of d; 1 in the paper, a schedule goes down from there.
        b1, b2, eps: as in `adam`. weight_decay: λ >= 0, decoupled, by η d: the code's `decouple`.
        d0: > 0, the first d, below the distance.
        growth: >= 1, by how much d may grow in a step; None as much as it will.
        bias_correction: whether η goes by √(1-b2ᵗ) / (1-b1ᵗ) too, as `adam` does. Optax always does; by default the
            authors' code does not, and then the first steps at a large d are up to 1/√(1-b2) times too long.
    """

    def init(p):
        zero = zeros_like(p)
        return WeightedSum(zero, zero, zero, scalar(0.0), scalar(d0))

    def update(g, s, p, t, learning_rate):
        decay, d = jnp.sqrt(b2), s.d
        step = learning_rate * d * _bias_correction(bias_correction, b1, b2, t)
        r = decay * s.r + (1 - decay) * step * dot(g, s.s / (each(jnp.sqrt, s.nu) + eps))
        r = finite_or(r, s.r)
        g = each(lambda x: after(x, r), g)  # so that v and s are overwritten once r has read them
        weighted = decay * s.s + ((1 - decay) * step) * g
        estimate = finite_or(ratio(r, (1 - decay) * total(abs(weighted))), d)
        new = jnp.maximum(d, estimate if growth is None else jnp.minimum(estimate, d * growth))
        mu = b1 * s.mu + ((1 - b1) * step) * g
        nu = b2 * s.nu + (1 - b2) * g**2
        u = -mu / (each(jnp.sqrt, nu) + eps) - step * weight_decay * p
        return u, WeightedSum(mu, nu, weighted, r, new)

    rule = treewise(init, update, needs=(PARAMS, LEARNING_RATE))
    return move(rule, learning_rate, measure=slot_measure(d="d"), effective=lambda s, rate: rate * s.d)


def _bias_correction(corrects: bool, b1: Scalar, b2: Scalar, t: jax.Array) -> jax.Array | float:
    """What makes of a rate before two means that start from 0 that of `adam`; 1 where it is not corrected."""
    return jnp.sqrt(1 - b2**t) / (1 - b1**t) if corrects else 1.0
