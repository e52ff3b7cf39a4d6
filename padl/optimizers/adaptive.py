"""A step length for every coordinate, from the history of its gradient. adagrad, rmsprop, adadelta, madgrad."""

from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp

from padl.optimizers.conventions import Convention, ConventionName, Conventions, form_of
from padl.optimizers.descend import descend, move
from padl.optimizers.elementary import cube_root
from padl.optimizers.leafwise import LEARNING_RATE, PARAMS, leafwise
from padl.optimizers.transformation import Transformation
from padl.registry import optimizer
from padl.types import NON_NEGATIVE, Scalar, ScalarOrSchedule

ADAGRAD: Conventions = {
    "paper": Convention(form={"eps": "outside the root"}),
    "torch": Convention(),
    "optax": Convention(
        "eps is inside the root, √(s + eps), in units of the gradient squared",
        {"eps": "inside the root"},
        {"eps": 1e-7, "initial_sum": 0.1},
    ),
    "keras": Convention(
        "eps is inside the root, √(s + eps), in units of the gradient squared",
        {"eps": "inside the root"},
        {"learning_rate": 1e-3, "eps": 1e-7, "initial_sum": 0.1},
    ),
}
RMSPROP: Conventions = {
    "paper": Convention(form={"eps": "outside the root", "learning rate": "outside"}),
    "torch": Convention("", {}, {"learning_rate": 1e-2, "decay": 0.99}),
    "optax": Convention(
        "eps is inside the root, √(s + eps), in units of the gradient squared; with momentum η is inside the velocity",
        {"eps": "inside the root", "learning rate": "inside"},
    ),
    "keras": Convention(
        "eps is inside the root, √(s + eps), in units of the gradient squared; with momentum η is inside the velocity",
        {"eps": "inside the root", "learning rate": "inside"},
        {"eps": 1e-7},
    ),
}


class Squares(NamedTuple):
    s: jax.Array


class CentredSquares(NamedTuple):
    s: jax.Array
    m: jax.Array


class SquaresVelocity(NamedTuple):
    s: jax.Array
    v: jax.Array


class CentredSquaresVelocity(NamedTuple):
    s: jax.Array
    m: jax.Array
    v: jax.Array


class Steps(NamedTuple):
    v: jax.Array
    x: jax.Array


class DualAverage(NamedTuple):
    s: jax.Array
    nu: jax.Array
    x0: jax.Array


def root(square: jax.Array, eps: Scalar, place: str) -> jax.Array:
    """Compute √square with eps outside or inside of the root."""
    return jnp.sqrt(square) + eps if place == "outside the root" else jnp.sqrt(square + eps)


@optimizer(
    family="adaptive",
    reference="Duchi, Hazan & Singer 2011, JMLR 12, eq. 1 (diagonal)",
    conventions=ADAGRAD,
    laws=("scale_free", "eps_of_gradient", "shifted"),
)
def adagrad(
    learning_rate: ScalarOrSchedule = 1e-2,
    eps: Scalar = 1e-10,
    initial_sum: Annotated[Scalar, NON_NEGATIVE._replace(search=(0.0, 1.0))] = 0.0,
    convention: ConventionName = "paper",
) -> Transformation:
    """AdaGrad: divide each coordinate by the root of the sum of its squared gradients. Steps shrink for ever.

        s += g²      θ -= η g / (√s + eps)

    Args:
        learning_rate: η > 0, in units of the parameter: the length of the first step of every coordinate.
        eps: > 0, in units of the gradient, outside the root.
        initial_sum: s before the first step, >= 0, in units of the gradient squared; 0 in the paper.
        convention: where eps stands; see `padl diff`.
    """
    form = form_of(ADAGRAD, convention)

    def init(p):
        return Squares(jnp.full_like(p, initial_sum))

    def direction(g, s, p, t):
        total = s.s + g**2
        return g / root(total, eps, form["eps"]), Squares(total)

    return descend(leafwise(init, direction, elementwise=True), learning_rate)


@optimizer(
    family="adaptive",
    reference="Tieleman & Hinton 2012, Neural Networks for Machine Learning, lecture 6.5; centred: Graves 2013,"
    " arXiv:1308.0850, eq. 38-41",
    conventions=RMSPROP,
    laws=("scale_free", "eps_of_gradient", "shifted"),
)
def rmsprop(
    learning_rate: ScalarOrSchedule = 1e-3,
    decay: Scalar = 0.9,
    eps: Scalar = 1e-8,
    momentum: Scalar | None = None,
    centred: bool = False,
    convention: ConventionName = "paper",
) -> Transformation:
    """RMSProp: AdaGrad with a moving average in place of the sum, so that steps do not shrink to nothing.

        s = ρ s + (1-ρ) g²      θ -= η g / (√s + eps)

    s starts from 0 and is not corrected: the first step has the length η / √(1-ρ).

        centred     m = ρ m + (1-ρ) g,  and s - m² in the place of s: the variance of the gradient
        momentum    v = μ v + g / (√s + eps)      θ -= η v

    Args:
        learning_rate: η > 0, in units of the parameter.
        decay: ρ in [0, 1); a memory of about 1/(1-ρ) steps.
        eps: > 0, in units of the gradient, outside the root. Graves has 1e-4 inside, in units of its square.
        momentum: μ in [0, 1) of a velocity behind the scaling; None, and the lecture, without.
        centred: whether to scale by the variance; steps are long where the gradient is steady.
        convention: where eps and η stand; see `padl diff`.
    """
    form = form_of(RMSPROP, convention)
    plain, moving = (CentredSquares, CentredSquaresVelocity) if centred else (Squares, SquaresVelocity)
    kind = plain if momentum is None else moving

    def init(p):
        return kind(*(jnp.zeros_like(p) for _ in kind._fields))

    def scaled(g, s):
        mean_square = decay * s.s + (1 - decay) * g**2
        if not centred:
            return g / root(mean_square, eps, form["eps"]), s._replace(s=mean_square)
        m = decay * s.m + (1 - decay) * g
        rms = jnp.sqrt(mean_square)  # s - m² as a product: never ∞ - ∞; and rounding may put it below 0
        variance = jnp.maximum(rms - abs(m), 0) * (rms + abs(m))
        return g / root(variance, eps, form["eps"]), s._replace(s=mean_square, m=m)

    def direction(g, s, p, t):
        d, slots = scaled(g, s)
        v = d if momentum is None else momentum * s.v + d
        return v, slots if momentum is None else slots._replace(v=v)

    def update(g, s, p, t, learning_rate):
        d, slots = scaled(g, s)
        v = momentum * s.v + learning_rate * d
        return -v, slots._replace(v=v)

    if momentum is None or form["learning rate"] == "outside":
        return descend(leafwise(init, direction, elementwise=True), learning_rate)
    return move(leafwise(init, update, needs=(LEARNING_RATE,), elementwise=True), learning_rate)


@optimizer(
    family="adaptive",
    reference="Zeiler 2012, arXiv:1212.5701, algorithm 1",
    laws=("scale_free", "eps_of_square", "shifted"),
    exempt={"average_words": "its steps feed one of its averages"},
)
def adadelta(learning_rate: ScalarOrSchedule = 1.0, decay: Scalar = 0.9, eps: Scalar = 1e-6) -> Transformation:
    """AdaDelta: RMSProp whose learning rate is a moving average of the lengths of past steps.

        v = ρ v + (1-ρ) g²      Δ = √(x + eps) / √(v + eps) g      x = ρ x + (1-ρ) Δ²      θ -= η Δ

    Args:
        learning_rate: η > 0, without unit; the paper has none, which is 1. Keras's default is 1e-3.
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

    return descend(leafwise(init, direction, overwritten_last=("x",), elementwise=True), learning_rate)


@optimizer(
    family="adaptive",
    reference="Defazio & Jelassi 2021, arXiv:2101.11075, algorithm 1",
    exempt={
        "slots_change": "it remembers where it began",
        "rate_linear": "the rate is in a cube root too, by way of its sums",
        "decay_rates": "momentum is a share of the way to a point",
    },
    laws=("shifted",),
)
def madgrad(learning_rate: ScalarOrSchedule = 1e-2, momentum: Scalar = 0.9, eps: Scalar = 1e-6) -> Transformation:
    """MADGRAD: all gradients so far, summed from the start, scaled by a cube root; θ follows as a mean.

        λ = η √t      s += λ g      ν += λ g²      z = θ₀ - s / (∛ν + eps)      θ += (1-μ) (z - θ)

    Defaults as in the authors' code, whose λ is (η + eps) √t.

    Args:
        learning_rate: η > 0, as it is at each step: gradients are remembered with the η of their time.
        momentum: μ in [0, 1); a memory of about 1/(1-μ) steps.
        eps: > 0, in units of ∛(η g²), outside the root.
    """

    def init(p):
        return DualAverage(s=jnp.zeros_like(p), nu=jnp.zeros_like(p), x0=jnp.array(p))

    def update(g, s, p, t, learning_rate):
        lamb = learning_rate * jnp.sqrt(t)
        total = s.s + lamb * g
        nu = s.nu + lamb * g**2
        z = s.x0 - total / (cube_root(nu) + eps)
        return (1 - momentum) * (z - p), DualAverage(total, nu, s.x0)

    return move(leafwise(init, update, needs=(PARAMS, LEARNING_RATE), elementwise=True), learning_rate)
