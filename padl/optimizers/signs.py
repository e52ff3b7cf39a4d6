"""Sign methods: how far a coordinate steps does not depend on its gradient's size. signsgd, signum, lion, rprop."""

from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp

from padl.optimizers.conventions import Convention, ConventionName, Conventions, form_of
from padl.optimizers.decay import Decay, DecayKind
from padl.optimizers.descend import descend
from padl.optimizers.leafwise import leafwise
from padl.optimizers.rounding import StateDtype
from padl.optimizers.transformation import Transformation
from padl.registry import optimizer
from padl.types import POSITIVE, Domain, Scalar, ScalarOrSchedule

RPROP: Conventions = {
    "paper": Convention(form={"where the sign changes": "back"}),
    "torch": Convention(
        "where the sign of a derivative changes, a parameter rests for one step, and does not go back to where it was"
        " (iRPROP-, Igel & Hüsken 2000); η is what is here first_step",
        {"where the sign changes": "rest"},
        {"first_step": 1e-2},
    ),
}
LENGTH = POSITIVE._replace(search=(1e-4, 1.0), scale="log")


class MeanGradient(NamedTuple):
    m: jax.Array


class StepLengths(NamedTuple):
    length: jax.Array
    sign: jax.Array


def zero_mean(p: jax.Array) -> MeanGradient:
    """Begin with a mean of 0."""
    return MeanGradient(jnp.zeros_like(p))


@optimizer(
    family="sign",
    reference="Bernstein et al. 2018, arXiv:1802.04434, algorithm 1",
    laws=("scale_free", "unit_step", "shifted"),
)
def signsgd(learning_rate: ScalarOrSchedule = 1e-3) -> Transformation:
    """Sign descent: every coordinate steps by the same length, against the sign of its gradient.

        θ -= η sign(g)      sign(0) = 0

    The default is PADL's own: the paper tunes η.

    Args:
        learning_rate: η > 0, in units of the parameter: the length of every step of every coordinate.
    """
    return descend(leafwise(lambda p: (), lambda g, s, p, t: (jnp.sign(g), s)), learning_rate)


@optimizer(
    family="sign",
    reference="Bernstein et al. 2018, arXiv:1802.04434, algorithm 2",
    laws=("scale_free", "unit_step", "shifted"),
)
def signum(
    learning_rate: ScalarOrSchedule = 1e-3, momentum: Scalar = 0.9, mu_dtype: StateDtype = None
) -> Transformation:
    """Signum: `signsgd` along the running mean of the gradient.

        m = β m + (1-β) g      θ -= η sign(m)

    Args:
        learning_rate: as in `signsgd`; the default is PADL's own.
        momentum: β in [0, 1); a memory of about 1/(1-β) steps. 0 is `signsgd`.
        mu_dtype: what m is stored in; None as it is computed.
    """

    def direction(g, s, p, t):
        m = momentum * s.m + (1 - momentum) * g
        return jnp.sign(m), MeanGradient(m)

    return descend(leafwise(zero_mean, direction, dtypes={"m": mu_dtype}, elementwise=True), learning_rate)


@optimizer(
    family="sign",
    reference="Chen et al. 2023, arXiv:2302.06675, algorithm 2",
    laws=("scale_free", "unit_step", "shifted"),
    exempt={"decay_rates": "b1 is the share of what it remembers in a step, b2 the decay rate"},
)
def lion(
    learning_rate: ScalarOrSchedule = 1e-4,
    b1: Scalar = 0.9,
    b2: Scalar = 0.99,
    weight_decay: Scalar = 0.0,
    decay_kind: DecayKind = "decoupled",
    mu_dtype: StateDtype = None,
) -> Transformation:
    """Lion: the sign of a mean of the gradient, in which the newest counts more than in the mean that is kept.

        c = b1 m + (1-b1) g      θ -= η (sign(c) + λ θ)      m = b2 m + (1-b2) g

    Defaults as in the authors' code. The paper advises η 3 to 10 times smaller than of `adamw`, and λ as much larger.

    Args:
        learning_rate: η > 0, in units of the parameter: the length of every step of every coordinate.
        b1, b2: in [0, 1): the weight of the past in the step, and in what is remembered. b1 = b2 is `signum`.
        weight_decay: λ >= 0, per unit of learning rate. Optax's default is 1e-3.
        decay_kind: decoupled in the paper; the others: see padl/optimizers/decay.py.
        mu_dtype: what m is stored in; None as it is computed.
    """

    def direction(g, s, p, t):
        c = b1 * s.m + (1 - b1) * g
        m = b2 * s.m + (1 - b2) * g
        return jnp.sign(c), MeanGradient(m)

    rule = leafwise(zero_mean, direction, dtypes={"m": mu_dtype}, overwritten_last=("m",), elementwise=True)
    return descend(rule, learning_rate, Decay(weight_decay, decay_kind))


@optimizer(
    family="sign",
    reference="Riedmiller & Braun 1993, IEEE ICNN (RPROP+)",
    conventions=RPROP,
    batch="all",
    laws=("scale_free", "shifted"),
)
def rprop(
    learning_rate: ScalarOrSchedule = 1.0,
    first_step: Annotated[Scalar, LENGTH] = 0.1,
    eta_minus: Annotated[Scalar, Domain(0.0, 1.0, low_open=True, search=(0.3, 0.9))] = 0.5,
    eta_plus: Annotated[Scalar, POSITIVE._replace(search=(1.05, 2.0))] = 1.2,
    min_step: Annotated[Scalar, LENGTH._replace(search=(1e-9, 0.1))] = 1e-6,
    max_step: Annotated[Scalar, LENGTH._replace(search=(0.01, 100.0))] = 50.0,
    convention: ConventionName = "paper",
) -> Transformation:
    """RPROP: each coordinate has a step length, which grows while its derivative keeps its sign.

        g g' > 0      Δ = min(η⁺ Δ, Δ_max)      θ -= η Δ sign(g)      g' is the last g
        g g' < 0      Δ = max(η⁻ Δ, Δ_min)      θ goes back by its last step, and g = 0 is remembered
        g g' = 0                                θ -= η Δ sign(g)

    This is the paper's, known as RPROP+. The signs of a minibatch change by chance: a run with it takes every row at
    every step.

    Args:
        learning_rate: η > 0, without unit; the paper has none, which is 1. A step back is of the η of its own time.
        first_step, min_step, max_step: the first Δ, Δ_min and Δ_max > 0, in units of the parameter.
        eta_minus, eta_plus: η⁻ in (0, 1], η⁺ >= 1 to make sense.
        convention: whether a parameter goes back where its derivative changes its sign; see `padl diff`.
    """
    goes_back = form_of(RPROP, convention)["where the sign changes"] == "back"

    def init(p):
        return StepLengths(length=jnp.full_like(p, first_step), sign=jnp.zeros_like(p))

    def direction(g, s, p, t):
        product = jnp.sign(g) * s.sign
        longer = jnp.minimum(eta_plus * s.length, max_step)
        shorter = jnp.maximum(eta_minus * s.length, min_step)
        length = jnp.where(product > 0, longer, jnp.where(product < 0, shorter, s.length))
        sign = jnp.where(product < 0, 0, jnp.sign(g))
        back = -s.length * s.sign if goes_back else jnp.zeros_like(g)
        on = jnp.where(product > 0, longer, s.length) * jnp.sign(g)
        return jnp.where(product < 0, back, on), StepLengths(length, sign)

    return descend(leafwise(init, direction, overwritten_last=("length", "sign"), elementwise=True), learning_rate)
