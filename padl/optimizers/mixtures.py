"""Adam with a mixture as its first moment: of means, gradient and its change. ademamix, simplified_ademamix, mars."""

from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp

from padl.optimizers.decay import Decay, DecayKind
from padl.optimizers.descend import descend
from padl.optimizers.leafwise import leafwise
from padl.optimizers.moments import Moments, zero_moments
from padl.optimizers.rounding import StateDtype
from padl.optimizers.transformation import Transformation
from padl.optimizers.units import array_norm
from padl.registry import optimizer
from padl.types import NON_NEGATIVE, Scalar, ScalarOrSchedule

WEIGHT = NON_NEGATIVE._replace(search=(0.1, 20.0), scale="log")
STEPS = NON_NEGATIVE._replace(search=(100, 100_000), scale="log")  # 0: none
FIRST_B1 = 0.9  # from which b1 of simplified_ademamix rises: min_beta1 of the authors' code


class FastAndSlow(NamedTuple):
    m1: jax.Array
    m2: jax.Array
    nu: jax.Array


class WithLastGradient(NamedTuple):
    mu: jax.Array
    nu: jax.Array
    g: jax.Array


def half_life_ramp(t: jax.Array, start: Scalar, end: Scalar, steps: Scalar) -> jax.Array:
    """Compute a decay rate whose half-life is on a line from that of `start` to that of `end`, which it has at `steps`.

    β(t) = exp( ln β₀ ln β₁ / ((1 - t/T) ln β₁ + (t/T) ln β₀) )     (Pagliardini et al. 2024, section 3)
    """
    share = jnp.minimum(t / jnp.maximum(steps, 1), 1)
    inverse = (1 - share) / jnp.log(start) + share / jnp.log(end)  # of a rate of 0: -∞ and its inverse 0, both right
    return jnp.where(t < steps, jnp.exp(1 / inverse), end)


@optimizer(
    family="adam",
    reference="Pagliardini, Ablin & Grangier 2024, arXiv:2409.03137, algorithm 1",
    laws=("scale_free", "eps_of_gradient", "shifted"),
    exempt={"momentum_word": "b3 is a second memory of direction"},
)
def ademamix(
    learning_rate: ScalarOrSchedule = 1e-3,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    b3: Scalar = 0.9999,
    alpha: Annotated[Scalar, WEIGHT] = 2.0,
    alpha_warmup: Annotated[Scalar, STEPS] = 0.0,
    b3_warmup: Annotated[Scalar, STEPS] = 0.0,
    eps: Scalar = 1e-8,
    weight_decay: Scalar = 0.0,
    decay_kind: DecayKind = "decoupled",
    mu_dtype: StateDtype = None,
    nu_dtype: StateDtype = None,
) -> Transformation:
    """AdEMAMix: Adam with a second mean of the gradient, which remembers for ten thousands of steps.

        m₁ = b1 m₁ + (1-b1) g      m₂ = b3(t) m₂ + (1-b3(t)) g      v = b2 v + (1-b2) g²
        θ -= η ((m̂₁ + α(t) m₂) / (√v̂ + eps) + λ θ)      m̂₁, v̂ corrected as in `adam`, m₂ not

    α(t) rises on a line from 0, b3(t) from b1 with its half-life on a line. Without warm-ups a large α diverges early.

    Args:
        learning_rate, b1, b2, eps: as in `adam`; numbers that the paper leaves open are those of the authors' code.
        b3: decay rate in [0, 1) of the slow mean. alpha: α >= 0, its weight; the authors' example has 8, with both
            warm-ups as long as the training. 0 is `adamw`.
        alpha_warmup, b3_warmup: >= 0, in steps; 0 for none.
        weight_decay, decay_kind, nu_dtype: as in `adamw`. mu_dtype: what m₁ and m₂ are stored in; m₂ changes by 1-b3
            of itself in a step, which bfloat16 rounds away.
    """

    def init(p):
        return FastAndSlow(m1=jnp.zeros_like(p), m2=jnp.zeros_like(p), nu=jnp.zeros_like(p))

    def direction(g, s, p, t):
        alpha_t = alpha * jnp.where(t < alpha_warmup, t / jnp.maximum(alpha_warmup, 1), 1)
        b3_t = half_life_ramp(t, b1, b3, b3_warmup)
        m1 = b1 * s.m1 + (1 - b1) * g
        m2 = b3_t * s.m2 + (1 - b3_t) * g
        nu = b2 * s.nu + (1 - b2) * g**2
        mixture = m1 / (1 - b1**t) + alpha_t * m2
        return mixture / (jnp.sqrt(nu / (1 - b2**t)) + eps), FastAndSlow(m1, m2, nu)

    rule = leafwise(init, direction, dtypes={"m1": mu_dtype, "m2": mu_dtype, "nu": nu_dtype}, elementwise=True)
    return descend(rule, learning_rate, Decay(weight_decay, decay_kind))


@optimizer(
    family="adam",
    reference="Morwani, Vyas, Zhang & Kakade 2025, arXiv:2502.02431; the authors' code",
    laws=("scale_free", "eps_of_gradient", "shifted"),
    exempt={"average_words": "b1 is of a sum, as in its paper"},
)
def simplified_ademamix(
    learning_rate: ScalarOrSchedule = 1e-4,
    b1: Scalar = 0.99,
    b2: Scalar = 0.95,
    alpha: Annotated[Scalar, WEIGHT] = 0.0,
    b1_warmup: Annotated[Scalar, STEPS] = 0.0,
    eps: Scalar = 1e-8,
    weight_decay: Scalar = 0.0,
    decay_kind: DecayKind = "decoupled",
    mu_dtype: StateDtype = None,
    nu_dtype: StateDtype = None,
) -> Transformation:
    """Simplified AdEMAMix: one slow sum of the gradient and the gradient itself, as in accelerated SGD.

        m = b1(t) m + g      v = b2 v + (1-b2) g²      θ -= η ((m + α g) / (√v̂ + eps) + λ θ)      v̂ as in `adam`

    m sums, it does not average: it grows to 1/(1-b1) gradients, and is not corrected. An η that suits Adam is to be
    multiplied by √((1-0.9) (1-b1)), say the authors.

    Args:
        learning_rate, b2, eps, weight_decay, decay_kind, mu_dtype, nu_dtype: as in `adamw`.
        b1: decay rate in [0, 1). alpha: α >= 0, the weight of the gradient: the smaller, the larger the batch.
        b1_warmup: >= 0, in steps: b1 rises from 0.9, its half-life on a line; 0 for none.
    """

    def direction(g, s, p, t):
        b1_t = half_life_ramp(t, FIRST_B1, b1, b1_warmup)
        m = b1_t * s.mu + g
        nu = b2 * s.nu + (1 - b2) * g**2
        return (m + alpha * g) / (jnp.sqrt(nu / (1 - b2**t)) + eps), Moments(m, nu)

    rule = leafwise(zero_moments, direction, dtypes={"mu": mu_dtype, "nu": nu_dtype}, elementwise=True)
    return descend(rule, learning_rate, Decay(weight_decay, decay_kind))


@optimizer(
    family="adam",
    reference="Yuan et al. 2024, arXiv:2411.10438, MARS-AdamW, approximate; the authors' code",
    laws=("scale_free", "unit_step", "eps_of_gradient", "shifted"),
)
def mars(
    learning_rate: ScalarOrSchedule = 3e-3,
    b1: Scalar = 0.95,
    b2: Scalar = 0.99,
    gamma: Annotated[Scalar, NON_NEGATIVE._replace(search=(1e-3, 1.0), scale="log")] = 0.025,
    eps: Scalar = 1e-8,
    weight_decay: Scalar = 0.0,
    decay_kind: DecayKind = "decoupled",
    mu_dtype: StateDtype = None,
    nu_dtype: StateDtype = None,
) -> Transformation:
    """MARS: AdamW on a gradient with less variance: some of its change since the last step is added, and it is clipped.

        c = g + γ b1/(1-b1) (g - g₋₁)      c = c / max(1, ‖c‖), of one array
        m = b1 m + (1-b1) c      v = b2 v + (1-b2) c²      θ -= η (m̂ / (√v̂ + eps) + λ θ)

    Approximate: the exact rule has the gradient of this batch at the last parameters for g₋₁, a second gradient a step.
    g₋₁ is 0 at the first step, as in the authors' code (timm begins with c = g). Their code gives AdamW to all arrays
    but matrices, unless it is told not to; here MARS acts on all, and `optimizer.groups` gives others `adamw`.

    Args:
        learning_rate, b1, b2, eps, weight_decay, decay_kind, mu_dtype, nu_dtype: as in `adamw`; the authors' numbers.
        gamma: γ >= 0, how much of the change; 0 is `adamw` on gradients clipped to a norm of 1 for each array.
    """

    def init(p):
        return WithLastGradient(mu=jnp.zeros_like(p), nu=jnp.zeros_like(p), g=jnp.zeros_like(p))

    def direction(g, s, p, t):
        c = g + gamma * b1 / (1 - b1) * (g - s.g)
        c = c / jnp.maximum(1, array_norm(c))
        mu = b1 * s.mu + (1 - b1) * c
        nu = b2 * s.nu + (1 - b2) * c**2
        return mu / (1 - b1**t) / (jnp.sqrt(nu / (1 - b2**t)) + eps), WithLastGradient(mu, nu, g)

    rule = leafwise(init, direction, dtypes={"mu": mu_dtype, "nu": nu_dtype}, overwritten_last=("g",))
    return descend(rule, learning_rate, Decay(weight_decay, decay_kind))
