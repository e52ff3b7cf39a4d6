"""Descent along the gradient and its memory. gd, sgd, momentum, nesterov."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from padl.optimizers.descend import descend
from padl.optimizers.leafwise import leafwise
from padl.optimizers.transformation import Transformation
from padl.registry import optimizer
from padl.types import Scalar, ScalarOrSchedule


class Velocity(NamedTuple):
    v: jax.Array


def zero_velocity(p: jax.Array) -> Velocity:
    return Velocity(jnp.zeros_like(p))


@optimizer(family="descent", reference="Robbins & Monro 1951, Ann. Math. Stat. 22(3)")
def sgd(learning_rate: ScalarOrSchedule = 1e-2) -> Transformation:
    """Stochastic gradient descent: one step against the gradient of a batch.

        θ -= η g

    Args:
        learning_rate: η > 0, in units of parameter² per unit of loss.
    """
    return descend(leafwise(lambda p: (), lambda g, s, p, t: (g, s)), learning_rate)


@optimizer(family="descent", reference="Cauchy 1847, C. R. Acad. Sci. 25", batch="all")
def gd(learning_rate: ScalarOrSchedule = 1e-1) -> Transformation:
    """Gradient descent: `sgd` on the whole data set. A run with it takes every row at every step.

        θ -= η ∇L(θ)

    Args:
        learning_rate: η > 0; L falls at every step while η < 2 / (largest curvature of L).
    """
    return sgd(learning_rate)


@optimizer(family="descent", reference="Polyak 1964, USSR Comput. Math. Math. Phys. 4(5)")
def momentum(learning_rate: ScalarOrSchedule = 1e-2, momentum: Scalar = 0.9) -> Transformation:
    """Momentum (heavy ball): the step follows a velocity that remembers past gradients.

        v = ρ v + g      θ -= η v

    The velocity sums, it does not average: a constant gradient ends in a step of η g / (1 - ρ).

    Args:
        learning_rate: η > 0, applied outside the velocity, so that a schedule acts at once.
        momentum: ρ in [0, 1); a memory of about 1/(1-ρ) steps. 0 is `sgd`.
    """

    def direction(g, s, p, t):
        v = momentum * s.v + g
        return v, Velocity(v)

    return descend(leafwise(zero_velocity, direction), learning_rate)


@optimizer(family="descent", reference="Nesterov 1983, Dokl. Akad. Nauk SSSR 269; Sutskever et al. 2013, ICML, eq. 3-4")
def nesterov(learning_rate: ScalarOrSchedule = 1e-2, momentum: Scalar = 0.9) -> Transformation:
    """Nesterov momentum: look ahead along the velocity, and take the gradient there.

        v = ρ v + g      θ -= η (g + ρ v)

    θ is the point where the gradient is taken. The lecture's form v = ρ v - η ∇f(x + ρ v), x += v has x = θ - ρ v: the
    same path, for a constant η.

    Args:
        learning_rate: η > 0, applied outside the velocity.
        momentum: ρ in [0, 1). 0 is `sgd`.
    """

    def direction(g, s, p, t):
        v = momentum * s.v + g
        return g + momentum * v, Velocity(v)

    return descend(leafwise(zero_velocity, direction), learning_rate)
