"""Momentum and scaling together: running means of the gradient and of its square. adam, adamw, nadam."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from optax import GradientTransformationExtraArgs

from padl.optimizers.leafwise import descend, leafwise
from padl.registry import optimizer
from padl.types import PadlError, Scalar, ScalarOrSchedule


class Moments(NamedTuple):
    mu: jax.Array
    nu: jax.Array


def zero_moments(p: jax.Array) -> Moments:
    return Moments(mu=jnp.zeros_like(p), nu=jnp.zeros_like(p))


def adam_direction(g, s, t, b1, b2, eps):
    mu = b1 * s.mu + (1 - b1) * g
    nu = b2 * s.nu + (1 - b2) * g**2
    mu_hat, nu_hat = mu / (1 - b1**t), nu / (1 - b2**t)
    return mu_hat / (jnp.sqrt(nu_hat) + eps), Moments(mu, nu)


@optimizer(family="adam", reference="Kingma & Ba 2015, arXiv:1412.6980, algorithm 1")
def adam(
    learning_rate: ScalarOrSchedule = 1e-3, b1: Scalar = 0.9, b2: Scalar = 0.999, eps: Scalar = 1e-8
) -> GradientTransformationExtraArgs:
    """Adam: momentum and per-coordinate scaling, both corrected for their zero start.

        m = b1 m + (1-b1) g      v = b2 v + (1-b2) g²      m̂ = m / (1-b1ᵗ)      v̂ = v / (1-b2ᵗ)
        θ -= η m̂ / (√v̂ + eps)

    t counts from 1 at the first update. The lecture's listing counts from 0, where 1 - b⁰ = 0 divides by zero.

    Args:
        learning_rate: η > 0, in units of the parameter: about the largest change in one step.
        b1, b2: decay rates in [0, 1); a memory of about 1/(1-b) steps.
        eps: > 0, in units of the gradient, outside the root: a floor under √v̂.
    """

    def direction(g, s, p, t):
        return adam_direction(g, s, t, b1, b2, eps)

    return descend(leafwise(zero_moments, direction), learning_rate)


@optimizer(family="adam", reference="Loshchilov & Hutter 2019, arXiv:1711.05101, algorithm 2")
def adamw(
    learning_rate: ScalarOrSchedule = 1e-3,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    weight_decay: Scalar = 1e-2,
) -> GradientTransformationExtraArgs:
    """AdamW: Adam with weight decay added to the step, and not to the gradient.

        θ -= η (m̂ / (√v̂ + eps) + λ θ)      m̂, v̂ as in `adam`

    The decay is scaled by η and its schedule, as in torch and Optax. It acts on all parameters; `optax.masked` leaves
    some out.

    Args:
        learning_rate, b1, b2, eps: as in `adam`.
        weight_decay: λ >= 0, per unit of learning rate. 0 is `adam`.
    """

    def direction(g, s, p, t):
        if p is None:
            raise PadlError("adamw decays the parameters and was not given them: call update(grads, state, params)")
        d, s = adam_direction(g, s, t, b1, b2, eps)
        return d + weight_decay * p, s

    return descend(leafwise(zero_moments, direction), learning_rate)


@optimizer(family="adam", reference="Dozat 2016, ICLR workshop, algorithm 2; momentum schedule: Sutskever et al. 2013")
def nadam(
    learning_rate: ScalarOrSchedule = 2e-3,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    momentum_decay: Scalar = 4e-3,
) -> GradientTransformationExtraArgs:
    """NAdam: Adam with Nesterov's look ahead, and a momentum that warms up.

        μₜ = b1 (1 - ½ 0.96^(t ψ))      m, v as in `adam`      v̂ = v / (1-b2ᵗ)
        m̂ = μₜ₊₁ m / (1 - ∏ᵢ≤ₜ₊₁ μᵢ) + (1-μₜ) g / (1 - ∏ᵢ≤ₜ μᵢ)      θ -= η m̂ / (√v̂ + eps)

    Args:
        learning_rate, b1, b2, eps: as in `adam`.
        momentum_decay: ψ >= 0; how fast the momentum rises from b1/2 to b1. torch has 0.004, Keras 1.
    """

    def mu_at(t):
        return b1 * (1 - 0.5 * 0.96 ** (t * momentum_decay))

    def direction(g, s, p, t, product):
        m = b1 * s.mu + (1 - b1) * g
        nu = b2 * s.nu + (1 - b2) * g**2
        mu, mu_next = mu_at(t), mu_at(t + 1)
        ahead = mu_next / (1 - product * mu_next) * m + (1 - mu) / (1 - product) * g
        return ahead / (jnp.sqrt(nu / (1 - b2**t)) + eps), Moments(m, nu)

    product = (1.0, lambda product, t: product * mu_at(t))
    return descend(leafwise(zero_moments, direction, shared=product), learning_rate)
