"""Adam that looks ahead as Nesterov's momentum does. nadam, nadamw, adan."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from padl.optimizers.conventions import Convention, ConventionName, Conventions, form_of
from padl.optimizers.decay import Decay, DecayKind
from padl.optimizers.descend import descend
from padl.optimizers.leafwise import Rule, leafwise
from padl.optimizers.moments import Moments, zero_moments
from padl.optimizers.rounding import Policy, StateDtype
from padl.optimizers.transformation import Transformation
from padl.registry import optimizer
from padl.types import Scalar, ScalarOrSchedule

PSI = 4e-3  # 1/250: Dozat 2016 has μ = b1 (1 - ½ 0.96^(t/250))

NADAM: Conventions = {
    "paper": Convention(form={"momentum": "rises"}),
    "torch": Convention(),
    "optax": Convention("the momentum is b1 from the first step, as for ψ = ∞", {"momentum": "b1"}),
    "keras": Convention(
        "the momentum rises 250 times as fast", defaults={"learning_rate": 1e-3, "eps": 1e-7, "momentum_decay": 1.0}
    ),
}


class NesterovMoments(NamedTuple):
    m: jax.Array
    v: jax.Array
    n: jax.Array
    g: jax.Array


def _momentum_does_not_rise(values: Mapping[str, Any]) -> str:
    constant = form_of(NADAM, values["convention"])["momentum"] == "b1"
    if constant and values["momentum_decay"] != PSI:
        return f"convention={values['convention']} has the momentum b1 at every step, and momentum_decay does nothing"
    return ""


def nadam_rule(
    b1: Scalar, b2: Scalar, eps: Scalar, momentum_decay: Scalar, convention: ConventionName, dtypes: Policy
) -> Rule:
    """Lift the direction of `nadam`."""
    rises = form_of(NADAM, convention)["momentum"] == "rises"

    def mu_at(t):
        return b1 * (1 - 0.5 * 0.96 ** (t * momentum_decay)) if rises else b1

    def direction(g, s, p, t, product):
        m = b1 * s.mu + (1 - b1) * g
        nu = b2 * s.nu + (1 - b2) * g**2
        mu, mu_next = mu_at(t), mu_at(t + 1)
        ahead = mu_next / (1 - product * mu_next) * m + (1 - mu) / (1 - product) * g
        return ahead / (jnp.sqrt(nu / (1 - b2**t)) + eps), Moments(m, nu)

    product = (1.0, lambda product, t: product * mu_at(t))
    return leafwise(zero_moments, direction, shared=product, dtypes=dtypes, elementwise=True)


@optimizer(
    family="adam",
    reference="Dozat 2016, ICLR workshop, algorithm 2; momentum schedule: Sutskever et al. 2013",
    conventions=NADAM,
    conflict=_momentum_does_not_rise,
    laws=("scale_free", "eps_of_gradient", "shifted"),
    exempt={"average_words": "its look ahead has a decay rate of its own that changes with the step"},
)
def nadam(
    learning_rate: ScalarOrSchedule = 2e-3,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    momentum_decay: Scalar = PSI,
    convention: ConventionName = "paper",
    mu_dtype: StateDtype = None,
    nu_dtype: StateDtype = None,
) -> Transformation:
    """NAdam: Adam with Nesterov's look ahead, and a momentum that warms up.

        μₜ = b1 (1 - ½ 0.96^(t ψ))      m, v as in `adam`      v̂ = v / (1-b2ᵗ)
        m̂ = μₜ₊₁ m / (1 - ∏ᵢ≤ₜ₊₁ μᵢ) + (1-μₜ) g / (1 - ∏ᵢ≤ₜ μᵢ)      θ -= η m̂ / (√v̂ + eps)

    Args:
        learning_rate, b1, b2, eps, mu_dtype, nu_dtype: as in `adam`.
        momentum_decay: ψ >= 0; how fast the momentum rises from b1/2 to b1. 0.004 in the paper and torch, 1 in Keras.
        convention: optax leaves the momentum at b1, where momentum_decay must stay as it is; see `padl diff`.

    Raises:
        PadlError: another momentum_decay, in a convention that has none.
    """
    rule = nadam_rule(b1, b2, eps, momentum_decay, convention, {"mu": mu_dtype, "nu": nu_dtype})
    return descend(rule, learning_rate)


@optimizer(
    family="adam",
    reference="Dozat 2016, ICLR workshop, algorithm 2; decay: Loshchilov & Hutter 2019, arXiv:1711.05101",
    conventions=NADAM,
    conflict=_momentum_does_not_rise,
    laws=("scale_free", "eps_of_gradient", "shifted"),
    exempt={"average_words": "its look ahead has a decay rate of its own that changes with the step"},
)
def nadamw(
    learning_rate: ScalarOrSchedule = 2e-3,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    momentum_decay: Scalar = PSI,
    weight_decay: Scalar = 1e-2,
    decay_kind: DecayKind = "decoupled",
    convention: ConventionName = "paper",
    mu_dtype: StateDtype = None,
    nu_dtype: StateDtype = None,
) -> Transformation:
    """NAdamW: NAdam with weight decay added to the step, as AdamW is to Adam.

        θ -= η (m̂ / (√v̂ + eps) + λ θ)      m̂, v̂ as in `nadam`

    No paper states it; it is torch's NAdam with `decoupled_weight_decay`, and Optax's `nadamw` as convention=optax.

    Args:
        learning_rate, b1, b2, eps, momentum_decay, convention, mu_dtype, nu_dtype: as in `nadam`.
        weight_decay: λ >= 0, as in `adamw`. 0 is `nadam`. decay_kind: see padl/optimizers/decay.py.
    """
    rule = nadam_rule(b1, b2, eps, momentum_decay, convention, {"mu": mu_dtype, "nu": nu_dtype})
    return descend(rule, learning_rate, Decay(weight_decay, decay_kind))


@optimizer(
    family="adam",
    reference="Xie et al. 2022, arXiv:2208.06677, algorithm 1; corrections: the authors' code",
    laws=("scale_free", "unit_step", "eps_of_gradient", "shifted"),
    exempt={"momentum_word": "b2 is a memory of differences of gradients"},
)
def adan(
    learning_rate: ScalarOrSchedule = 1e-3,
    b1: Scalar = 0.98,
    b2: Scalar = 0.92,
    b3: Scalar = 0.99,
    eps: Scalar = 1e-8,
    weight_decay: Scalar = 2e-2,
    decay_kind: DecayKind = "proximal",
    mu_dtype: StateDtype = None,
    nu_dtype: StateDtype = None,
) -> Transformation:
    """Adan: Nesterov's look ahead from the change of the gradient, without a gradient at another point.

        Δ = g - g₋₁, and 0 at the first step      m = b1 m + (1-b1) g      v = b2 v + (1-b2) Δ
        n = b3 n + (1-b3) (g + b2 Δ)²      θ = (θ - η (m̂ + b2 v̂) / (√n̂ + eps)) / (1 + η λ)

    Each mean is corrected by 1 - bᵗ of its own b, as in the authors' code. The paper writes 1-b for each b, and
    restarts on a condition that their code has not.

    Args:
        learning_rate: η > 0, in units of the parameter.
        b1, b2, b3: decay rates in [0, 1), of the gradient, of its change, of the square.
        eps: > 0, in units of the gradient, outside the root.
        weight_decay: λ >= 0, per unit of learning rate; the paper's. decay_kind: see padl/optimizers/decay.py.
        mu_dtype, nu_dtype: what m and v, and what n is stored in. g₋₁ is kept as it came: it is subtracted.
    """

    def init(p):
        zero = jnp.zeros_like(p)
        return NesterovMoments(m=zero, v=zero, n=zero, g=zero)

    def direction(g, s, p, t):
        change = jnp.where(t == 1, 0, g - s.g)
        m = b1 * s.m + (1 - b1) * g
        v = b2 * s.v + (1 - b2) * change
        n = b3 * s.n + (1 - b3) * (g + b2 * change) ** 2
        ahead = m / (1 - b1**t) + b2 * v / (1 - b2**t)
        return ahead / (jnp.sqrt(n / (1 - b3**t)) + eps), NesterovMoments(m, v, n, g)

    dtypes: Policy = {"m": mu_dtype, "v": mu_dtype, "n": nu_dtype}
    rule = leafwise(init, direction, dtypes=dtypes, overwritten_last=("g",), elementwise=True)
    return descend(rule, learning_rate, Decay(weight_decay, decay_kind))
