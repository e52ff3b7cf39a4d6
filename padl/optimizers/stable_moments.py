"""Adam's two moments, put together so that no step is too long: laprop, adopt, stableadamw, adam_atan2."""

from typing import Annotated

import jax.numpy as jnp

from padl.optimizers.decay import Decay, DecayKind, peak_of, refuse_without_peak
from padl.optimizers.descend import descend, move
from padl.optimizers.elementary import angle
from padl.optimizers.leafwise import leafwise
from padl.optimizers.moments import Moments, zero_moments
from padl.optimizers.rounding import Policy, StateDtype
from padl.optimizers.transformation import Transformation
from padl.registry import optimizer
from padl.types import POSITIVE, Scalar, ScalarOrSchedule

FACTOR = POSITIVE._replace(search=(0.1, 10.0), scale="log")


@optimizer(
    family="adam",
    reference="Ziyin, Wang & Ueda 2020, arXiv:2002.04839, algorithm 1",
    laws=("scale_free", "unit_step", "eps_of_gradient", "shifted"),
)
def laprop(
    learning_rate: ScalarOrSchedule = 4e-4,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-15,
    mu_dtype: StateDtype = None,
    nu_dtype: StateDtype = None,
) -> Transformation:
    """LaProp: Adam in the other order: divide the gradient by its size, then average.

        n = b2 n + (1-b2) g²      m = b1 m + (1-b1) g / (√(n / (1-b2ᵗ)) + eps)      θ -= η m / (1-b1ᵗ)

    Args:
        learning_rate: η > 0, applied outside the mean as in the paper, so that a schedule acts at once; the authors'
            code has it inside, which is the same for a constant η. It and eps are their code's.
        b1, b2: decay rates in [0, 1), free of one another: |m| <= 1/√(1-b2) for any b1, where Adam's quotient grows
            without bound for b1 > √b2. eps: > 0, in units of the gradient, outside the root.
        mu_dtype, nu_dtype: what m and n are stored in, as in `adam`.
    """

    def direction(g, s, p, t):
        n = b2 * s.nu + (1 - b2) * g**2
        m = b1 * s.mu + (1 - b1) * g / (jnp.sqrt(n / (1 - b2**t)) + eps)
        return m / (1 - b1**t), Moments(m, n)

    return descend(
        leafwise(zero_moments, direction, dtypes={"mu": mu_dtype, "nu": nu_dtype}, elementwise=True), learning_rate
    )


@optimizer(
    family="adam",
    reference="Taniguchi et al. 2024, arXiv:2411.02853; clipped as in the authors' code",
    laws=("scale_free", "shifted"),
)
def adopt(
    learning_rate: ScalarOrSchedule = 1e-3,
    b1: Scalar = 0.9,
    b2: Scalar = 0.9999,
    eps: Scalar = 1e-6,
    weight_decay: Scalar = 0.0,
    decay_kind: DecayKind = "decoupled",
    mu_dtype: StateDtype = None,
    nu_dtype: StateDtype = None,
) -> Transformation:
    """ADOPT: divide the gradient by the mean square of those before it, then average; converges for any b2.

        t = 1:  v = g², and no step
        t > 1:  m = b1 m + (1-b1) clip(g / max(√v, eps), ±(t-1)^¼)      θ -= η m      v = b2 v + (1-b2) g²

    Args:
        learning_rate: η > 0, in units of the parameter. b1, b2: decay rates in [0, 1).
        eps: > 0, in units of the gradient: the least that it is divided by.
        weight_decay: λ >= 0, as in `adamw`; it acts from the first update on, where the authors' code waits for the
            second. decay_kind: see padl/optimizers/decay.py.
        mu_dtype, nu_dtype: what m and v are stored in, as in `adam`.
    """

    def direction(g, s, p, t):
        first, bound = t == 1, (t - 1) ** 0.25
        normed = g / jnp.maximum(jnp.sqrt(s.nu), eps)
        m = b1 * s.mu + (1 - b1) * jnp.clip(normed, -bound, bound)  # the bound is 0 at the first
        v = jnp.where(first, g**2, b2 * s.nu + (1 - b2) * g**2)
        return m, Moments(m, v)

    dtypes: Policy = {"mu": mu_dtype, "nu": nu_dtype}
    rule = leafwise(zero_moments, direction, dtypes=dtypes, overwritten_last=("nu",), elementwise=True)
    return descend(rule, learning_rate, Decay(weight_decay, decay_kind))


@optimizer(
    family="adam",
    reference="Wortsman et al. 2023, arXiv:2304.13013, algorithm 2",
    temporary="g²/v of one array, as XLA sums what is in memory",
    laws=("scale_free", "unit_step", "eps_of_gradient", "shifted"),
)
def stableadamw(
    learning_rate: ScalarOrSchedule = 2e-3,
    b1: Scalar = 0.9,
    b2: Scalar = 0.99,
    eps: Scalar = 1e-6,
    weight_decay: Scalar = 0.2,
    decay_kind: DecayKind = "decoupled",
    mu_dtype: StateDtype = None,
    nu_dtype: StateDtype = None,
) -> Transformation:
    """StableAdamW: AdamW with Adafactor's clip in the place of a clip of the gradient's norm.

        RMS = √mean(g² / max(v̂, eps²)), of one array      η' = η / max(1, RMS)
        θ -= η' (m̂ / (√v̂ + eps) + λ θ)      m̂, v̂ as in `adam`

    Where gradients grow faster than v follows, the step of that array is shortened. The paper debiases b1 and b2 where
    Adam corrects m and v, which is the same.

    Args:
        learning_rate, b1, eps, mu_dtype, nu_dtype: as in `adam`; the numbers are those of the authors' code.
        b2: decay rate in [0, 1).
        weight_decay: λ >= 0; it is shortened with the step. decay_kind: see padl/optimizers/decay.py.
    """
    decay, peak = Decay(weight_decay, decay_kind), peak_of(learning_rate)
    refuse_without_peak(decay, learning_rate)

    def update(g, s, p, t, learning_rate):
        g = decay.of_gradient(g, p)
        mu = b1 * s.mu + (1 - b1) * g
        nu = b2 * s.nu + (1 - b2) * g**2
        c2 = 1 - b2**t
        least = jnp.maximum(eps**2, jnp.finfo(g.dtype).tiny) * c2  # v, not v̂: XLA would keep v̂ of all arrays at once
        rms = jnp.sqrt(c2 * jnp.sum(g / jnp.maximum(nu, least) * g) / max(g.size, 1))  # g² alone may overflow
        rate = learning_rate / jnp.maximum(1, rms)
        u = -rate * (mu / (1 - b1**t)) / (jnp.sqrt(nu / c2) + eps)
        highest = jnp.asarray(learning_rate if peak is None else peak, p.dtype)
        return decay.of_update(u, p, rate, highest), Moments(mu, nu)

    needs = ("params", "learning_rate")
    return move(leafwise(zero_moments, update, needs=needs, dtypes={"mu": mu_dtype, "nu": nu_dtype}), learning_rate)


@optimizer(
    family="adam",
    reference="Everett et al. 2024, arXiv:2407.05872, section on Adam-atan2",
    laws=("scale_free", "steady", "shifted"),
)
def adam_atan2(
    learning_rate: ScalarOrSchedule = 1e-3,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    a: Annotated[Scalar, FACTOR] = 1.0,
    b: Annotated[Scalar, FACTOR] = 1.0,
    weight_decay: Scalar = 0.0,
    decay_kind: DecayKind = "decoupled",
    mu_dtype: StateDtype = None,
    nu_dtype: StateDtype = None,
) -> Transformation:
    """Adam-atan2: Adam without eps: the arc tangent of the quotient, which no zero and no scale can hurt.

        θ -= η a atan2(m̂, b √v̂)      m̂, v̂ as in `adam`

    A gradient that is 1000 times as large gives the same step, down to where its square underflows. No coordinate moves
    by more than η a π/2, and one without a gradient so far by 0.

    Args:
        learning_rate, b1, b2, mu_dtype, nu_dtype: as in `adam`.
        a: > 0, the scale of the step: 4/π makes one of |m̂| = √v̂ as long as Adam's, for b = 1.
        b: > 0, how far the step is proportional to m̂/√v̂: a = b -> ∞ is `adam` with eps = 0.
        weight_decay, decay_kind: as in `adamw`.
    """

    def direction(g, s, p, t):
        mu = b1 * s.mu + (1 - b1) * g
        nu = b2 * s.nu + (1 - b2) * g**2
        return a * angle(mu / (1 - b1**t), b * jnp.sqrt(nu / (1 - b2**t))), Moments(mu, nu)

    rule = leafwise(zero_moments, direction, dtypes={"mu": mu_dtype, "nu": nu_dtype}, elementwise=True)
    return descend(rule, learning_rate, Decay(weight_decay, decay_kind))
