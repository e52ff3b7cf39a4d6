"""Momentum and scaling together: running means of the gradient and of its square. adam, adamw, adamc."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from padl.optimizers.conventions import Convention, ConventionName, Conventions, form_of
from padl.optimizers.decay import Decay, DecayKind
from padl.optimizers.descend import descend
from padl.optimizers.leafwise import leafwise
from padl.optimizers.rounding import StateDtype
from padl.optimizers.transformation import Transformation
from padl.registry import optimizer
from padl.types import Scalar, ScalarOrSchedule

ADAM: Conventions = {
    "paper": Convention(form={"eps": "after correction"}),
    "torch": Convention(),
    "optax": Convention(),
    "keras": Convention(
        "eps is added to √v before its correction, as in the paper's remark on efficiency: at step t it is larger"
        " by 1/√(1-b2ᵗ), at the first 32 times for b2 = 0.999",
        {"eps": "before correction"},
        {"eps": 1e-7},
    ),
}


class Moments(NamedTuple):
    mu: jax.Array
    nu: jax.Array


def zero_moments(p: jax.Array) -> Moments:
    """Begin with both means at 0."""
    return Moments(mu=jnp.zeros_like(p), nu=jnp.zeros_like(p))


def adam_direction(g, s, t, b1, b2, eps, eps_place="after correction"):
    """Compute the direction of `adam`."""
    mu = b1 * s.mu + (1 - b1) * g
    nu = b2 * s.nu + (1 - b2) * g**2
    mu_hat, nu_hat = mu / (1 - b1**t), nu / (1 - b2**t)
    floor = eps if eps_place == "after correction" else eps / jnp.sqrt(1 - b2**t)
    return mu_hat / (jnp.sqrt(nu_hat) + floor), Moments(mu, nu)


@optimizer(
    family="adam",
    reference="Kingma & Ba 2015, arXiv:1412.6980, algorithm 1",
    conventions=ADAM,
    laws=("scale_free", "unit_step", "eps_of_gradient", "shifted"),
)
def adam(
    learning_rate: ScalarOrSchedule = 1e-3,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    convention: ConventionName = "paper",
    mu_dtype: StateDtype = None,
    nu_dtype: StateDtype = None,
) -> Transformation:
    """Adam: momentum and per-coordinate scaling, both corrected for their zero start.

        m = b1 m + (1-b1) g      v = b2 v + (1-b2) g²      m̂ = m / (1-b1ᵗ)      v̂ = v / (1-b2ᵗ)
        θ -= η m̂ / (√v̂ + eps)

    t counts from 1 at the first update. The lecture's listing counts from 0, where 1 - b⁰ = 0 divides by zero.

    Args:
        learning_rate: η > 0, in units of the parameter: about the largest change in one step.
        b1, b2: decay rates in [0, 1); a memory of about 1/(1-b) steps.
        eps: > 0, in units of the gradient, outside the root: a floor under √v̂.
        convention: whose eps; see `padl diff`.
        mu_dtype, nu_dtype: what m and v are stored in; None as they are computed. v changes by 1-b2 of itself in a
            step, which bfloat16 rounds away, and bfloat16_stochastic keeps in the mean.
    """
    form = form_of(ADAM, convention)

    def direction(g, s, p, t):
        return adam_direction(g, s, t, b1, b2, eps, form["eps"])

    return descend(
        leafwise(zero_moments, direction, dtypes={"mu": mu_dtype, "nu": nu_dtype}, elementwise=True), learning_rate
    )


@optimizer(
    family="adam",
    reference="Loshchilov & Hutter 2019, arXiv:1711.05101, algorithm 2",
    conventions=ADAM,
    laws=("scale_free", "unit_step", "eps_of_gradient", "shifted"),
)
def adamw(
    learning_rate: ScalarOrSchedule = 1e-3,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    weight_decay: Scalar = 1e-2,
    decay_kind: DecayKind = "decoupled",
    convention: ConventionName = "paper",
    mu_dtype: StateDtype = None,
    nu_dtype: StateDtype = None,
) -> Transformation:
    """AdamW: Adam with weight decay added to the step, and not to the gradient.

        θ -= η (m̂ / (√v̂ + eps) + λ θ)      m̂, v̂ as in `adam`

    The decay is scaled by η and its schedule, as in torch and Optax; the paper's own is decay_kind=independent. It acts
    on all parameters; `optimizer.groups` leaves some out.

    Args:
        learning_rate, b1, b2, eps, convention, mu_dtype, nu_dtype: as in `adam`.
        weight_decay: λ >= 0, per unit of learning rate. 0 is `adam`.
        decay_kind: coupled, decoupled, independent, corrected, cautious, or proximal: see padl/optimizers/decay.py.
    """
    form = form_of(ADAM, convention)

    def direction(g, s, p, t):
        return adam_direction(g, s, t, b1, b2, eps, form["eps"])

    rule = leafwise(zero_moments, direction, dtypes={"mu": mu_dtype, "nu": nu_dtype}, elementwise=True)
    return descend(rule, learning_rate, Decay(weight_decay, decay_kind))


@optimizer(
    family="adam",
    reference="Defazio 2025, arXiv:2506.02285: AdamC",
    laws=("scale_free", "unit_step", "eps_of_gradient", "shifted"),
)
def adamc(
    learning_rate: ScalarOrSchedule = 1e-3,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    weight_decay: Scalar = 1e-2,
    mu_dtype: StateDtype = None,
    nu_dtype: StateDtype = None,
) -> Transformation:
    """AdamC: AdamW whose decay falls with the square of the learning rate, so that gradients do not grow at the end.

        θ -= η m̂ / (√v̂ + eps) + (η²/η_max) λ θ      m̂, v̂ as in `adam`

    With AdamW's decay the ratio of gradient to weight settles, in a layer that is normalised, at a size that follows
    1/√η: gradients grow as η falls. Here it does not depend on η; a constant η makes it `adamw`. The paper corrects
    normalised layers alone; here it acts on all parameters, and `optimizer.groups` gives the others `adamw`.

    Args:
        learning_rate: η > 0; a schedule must know its peak η_max, as those of `padl.schedules` do.
        b1, b2, eps, mu_dtype, nu_dtype: as in `adam`. weight_decay: λ >= 0, as in `adamw` at the peak; the paper leaves
            it open, and this is that of `adamw`.
    """

    def direction(g, s, p, t):
        return adam_direction(g, s, t, b1, b2, eps)

    rule = leafwise(zero_moments, direction, dtypes={"mu": mu_dtype, "nu": nu_dtype}, elementwise=True)
    return descend(rule, learning_rate, Decay(weight_decay, "corrected"))
