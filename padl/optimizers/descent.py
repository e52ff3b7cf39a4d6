"""Descent along the gradient and its memory. gd, sgd, momentum, nesterov, sgdw, qhm."""

from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp

from padl.optimizers.conventions import Convention, ConventionName, Conventions, form_of
from padl.optimizers.decay import Decay, DecayKind
from padl.optimizers.descend import descend, move
from padl.optimizers.leafwise import LEARNING_RATE, leafwise
from padl.optimizers.rounding import StateDtype
from padl.optimizers.transformation import Transformation
from padl.registry import optimizer
from padl.types import FRACTION, Scalar, ScalarOrSchedule

VELOCITY: Conventions = {
    "paper": Convention(form={"learning rate": "outside"}),
    "torch": Convention(),
    "optax": Convention(),
    "keras": Convention(
        "η is inside the velocity, v = ρ v + η g, so that a schedule acts late, by the memory of v: as Polyak and"
        " Sutskever et al. write it. For a constant η the path is the same",
        {"learning rate": "inside"},
    ),
}


class Velocity(NamedTuple):
    v: jax.Array


def zero_velocity(p: jax.Array) -> Velocity:
    return Velocity(jnp.zeros_like(p))


@optimizer(
    family="descent",
    reference="Robbins & Monro 1951, Ann. Math. Stat. 22(3)",
    laws=("proportional", "steady", "rotations", "shifted"),
)
def sgd(learning_rate: ScalarOrSchedule = 1e-2) -> Transformation:
    """Stochastic gradient descent: one step against the gradient of a batch.

        θ -= η g

    Args:
        learning_rate: η > 0, in units of parameter² per unit of loss.
    """
    return descend(leafwise(lambda p: (), lambda g, s, p, t: (g, s)), learning_rate)


@optimizer(
    family="descent",
    reference="Cauchy 1847, C. R. Acad. Sci. 25",
    batch="all",
    laws=("proportional", "steady", "rotations", "shifted"),
)
def gd(learning_rate: ScalarOrSchedule = 1e-1) -> Transformation:
    """Gradient descent: `sgd` on the whole data set. A run with it takes every row at every step.

        θ -= η ∇L(θ)

    Args:
        learning_rate: η > 0; L falls at every step while η < 2 / (largest curvature of L).
    """
    return sgd(learning_rate)


@optimizer(
    family="descent",
    reference="Polyak 1964, USSR Comput. Math. Math. Phys. 4(5)",
    conventions=VELOCITY,
    laws=("proportional", "rotations", "shifted"),
)
def momentum(
    learning_rate: ScalarOrSchedule = 1e-2,
    momentum: Scalar = 0.9,
    convention: ConventionName = "paper",
    mu_dtype: StateDtype = None,
) -> Transformation:
    """Momentum (heavy ball): the step follows a velocity that remembers past gradients.

        v = ρ v + g      θ -= η v

    The velocity sums, it does not average: a constant gradient ends in a step of η g / (1 - ρ). A velocity that does is
    `qhm` with nu=1.

    Args:
        learning_rate: η > 0, applied outside the velocity, so that a schedule acts at once.
        momentum: ρ in [0, 1); a memory of about 1/(1-ρ) steps. 0 is `sgd`.
        convention: where η stands, which matters while it changes; see `padl diff`.
        mu_dtype: what v is stored in; None as it is computed.
    """
    return _along_velocity(lambda g, v: v, learning_rate, momentum, convention, mu_dtype)


@optimizer(
    family="descent",
    reference="Nesterov 1983, Dokl. Akad. Nauk SSSR 269; Sutskever et al. 2013, ICML, eq. 3-4",
    conventions=VELOCITY,
    laws=("proportional", "rotations", "shifted"),
)
def nesterov(
    learning_rate: ScalarOrSchedule = 1e-2,
    momentum: Scalar = 0.9,
    convention: ConventionName = "paper",
    mu_dtype: StateDtype = None,
) -> Transformation:
    """Nesterov momentum: look ahead along the velocity, and take the gradient there.

        v = ρ v + g      θ -= η (g + ρ v)

    θ is the point where the gradient is taken. The lecture's form v = ρ v - η ∇f(x + ρ v), x += v has x = θ - ρ v: the
    same path, for a constant η.

    Args:
        learning_rate, convention, mu_dtype: as in `momentum`.
        momentum: ρ in [0, 1). 0 is `sgd`.
    """
    return _along_velocity(lambda g, v: g + momentum * v, learning_rate, momentum, convention, mu_dtype)


def _along_velocity(step, learning_rate, momentum, convention, mu_dtype) -> Transformation:
    """Follow `step`, a function of the gradient and the velocity that is linear in both."""
    dtypes = {"v": mu_dtype}

    def direction(g, s, p, t):
        v = momentum * s.v + g
        return step(g, v), Velocity(v)

    def update(g, s, p, t, learning_rate):
        v = momentum * s.v + learning_rate * g
        return -step(learning_rate * g, v), Velocity(v)

    if form_of(VELOCITY, convention)["learning rate"] == "outside":
        return descend(leafwise(zero_velocity, direction, dtypes=dtypes, elementwise=True), learning_rate)
    return move(leafwise(zero_velocity, update, needs=(LEARNING_RATE,), dtypes=dtypes, elementwise=True), learning_rate)


@optimizer(
    family="descent",
    reference="Loshchilov & Hutter 2019, arXiv:1711.05101, algorithm 1",
    laws=("proportional", "rotations", "shifted"),
)
def sgdw(
    learning_rate: ScalarOrSchedule = 1e-2,
    momentum: Scalar = 0.9,
    weight_decay: Scalar = 1e-2,
    decay_kind: DecayKind = "decoupled",
    mu_dtype: StateDtype = None,
) -> Transformation:
    """SGDW: `momentum` with weight decay added to the step, and not to the gradient.

        v = ρ v + g      θ -= η (v + λ θ)

    As in `adamw` the decay is scaled by η; the paper's own, scaled by the schedule alone, is decay_kind=independent.
    The paper tunes λ: the default is that of `adamw`.

    Args:
        learning_rate, momentum, mu_dtype: as in `momentum`.
        weight_decay: λ >= 0, per unit of learning rate. 0 is `momentum`.
        decay_kind: as in `adamw`.
    """

    def direction(g, s, p, t):
        v = momentum * s.v + g
        return v, Velocity(v)

    rule = leafwise(zero_velocity, direction, dtypes={"v": mu_dtype}, elementwise=True)
    return descend(rule, learning_rate, Decay(weight_decay, decay_kind))


@optimizer(
    family="descent",
    reference="Ma & Yarats 2019, arXiv:1810.06801, eq. 3-4",
    laws=("proportional", "rotations", "shifted"),
)
def qhm(
    learning_rate: ScalarOrSchedule = 0.1,
    momentum: Scalar = 0.999,
    nu: Annotated[Scalar, FRACTION] = 0.7,
    mu_dtype: StateDtype = None,
) -> Transformation:
    """Quasi-hyperbolic momentum: a mean of plain descent and of descent along the mean gradient.

        v = β v + (1-β) g      θ -= η ((1-ν) g + ν v)

    v averages, so that η is that of `momentum` divided by 1 - ρ: from there comes the default. β and ν are the paper's
    advice. `nesterov` is ν = β = ρ with such an η.

    Args:
        learning_rate: η > 0, in units of parameter² per unit of loss.
        momentum: β in [0, 1); a memory of about 1/(1-β) steps.
        nu: ν in [0, 1]: how much of a step is momentum's. 0 is `sgd`.
        mu_dtype: what v is stored in; None as it is computed.
    """

    def direction(g, s, p, t):
        v = momentum * s.v + (1 - momentum) * g
        return (1 - nu) * g + nu * v, Velocity(v)

    return descend(leafwise(zero_velocity, direction, dtypes={"v": mu_dtype}, elementwise=True), learning_rate)
