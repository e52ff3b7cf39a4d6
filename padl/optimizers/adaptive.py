"""A step length of its own for every coordinate, from the history of its gradient. adagrad, rmsprop, adadelta."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from padl.optimizers.descend import descend
from padl.optimizers.leafwise import leafwise
from padl.optimizers.transformation import Transformation
from padl.registry import optimizer
from padl.types import Scalar, ScalarOrSchedule


class Squares(NamedTuple):
    s: jax.Array


class Steps(NamedTuple):
    v: jax.Array
    x: jax.Array


def zero_squares(p: jax.Array) -> Squares:
    return Squares(jnp.zeros_like(p))


@optimizer(family="adaptive", reference="Duchi, Hazan & Singer 2011, JMLR 12, eq. 1 (diagonal)")
def adagrad(learning_rate: ScalarOrSchedule = 1e-2, eps: Scalar = 1e-10) -> Transformation:
    """AdaGrad: divide each coordinate by the root of the sum of its squared gradients. Steps shrink for ever.

        s += g²      θ -= η g / (√s + eps)

    Args:
        learning_rate: η > 0, in units of the parameter: the length of the first step of every coordinate.
        eps: > 0, in units of the gradient, outside the root; the sum starts from 0.
    """

    def direction(g, s, p, t):
        total = s.s + g**2
        return g / (jnp.sqrt(total) + eps), Squares(total)

    return descend(leafwise(zero_squares, direction), learning_rate)


@optimizer(family="adaptive", reference="Tieleman & Hinton 2012, Neural Networks for Machine Learning, lecture 6.5")
def rmsprop(learning_rate: ScalarOrSchedule = 1e-3, decay: Scalar = 0.9, eps: Scalar = 1e-8) -> Transformation:
    """RMSProp: AdaGrad with a moving average in place of the sum, so that steps do not shrink to nothing.

        s = ρ s + (1-ρ) g²      θ -= η g / (√s + eps)

    s starts from 0 and is not corrected: the first step has the length η / √(1-ρ).

    Args:
        learning_rate: η > 0, in units of the parameter.
        decay: ρ in [0, 1); a memory of about 1/(1-ρ) steps.
        eps: > 0, in units of the gradient, outside the root.
    """

    def direction(g, s, p, t):
        mean = decay * s.s + (1 - decay) * g**2
        return g / (jnp.sqrt(mean) + eps), Squares(mean)

    return descend(leafwise(zero_squares, direction), learning_rate)


@optimizer(family="adaptive", reference="Zeiler 2012, arXiv:1212.5701, algorithm 1")
def adadelta(learning_rate: ScalarOrSchedule = 1.0, decay: Scalar = 0.9, eps: Scalar = 1e-6) -> Transformation:
    """AdaDelta: RMSProp whose learning rate is a moving average of the lengths of past steps.

        v = ρ v + (1-ρ) g²      Δ = √(x + eps) / √(v + eps) g      x = ρ x + (1-ρ) Δ²      θ -= η Δ

    Args:
        learning_rate: η > 0, without unit; the paper has none, which is 1.
        decay: ρ in [0, 1).
        eps: > 0, inside both roots as in the paper; it also sets the length of the first steps, about √eps.
    """

    def init(p):
        return Steps(v=jnp.zeros_like(p), x=jnp.zeros_like(p))

    def direction(g, s, p, t):
        v = decay * s.v + (1 - decay) * g**2
        delta = jnp.sqrt((s.x + eps) * 2.0**40 / (v + eps)) * (g / 2.0**20)  # the quotient alone underflows at 10¹⁷
        # Δ² is written out, in another order: XLA would keep what two results share in memory, for all arrays at once.
        square = (s.x + eps) * (g / (v + eps) * g)  # and g by v first: where v is ∞ it is 0, and never 0 × ∞
        x = decay * s.x + (1 - decay) * square  # of Δ before any learning rate, as in the paper
        return delta, Steps(v, x)

    return descend(leafwise(init, direction), learning_rate)
