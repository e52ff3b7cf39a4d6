"""Adam with another second moment: adabelief, yogi; and one that waits until it is known well enough: radam."""

from typing import Annotated

import jax
import jax.numpy as jnp

from padl.optimizers.conventions import Convention, ConventionName, Conventions, form_of
from padl.optimizers.descend import descend
from padl.optimizers.leafwise import leafwise
from padl.optimizers.moments import Moments, zero_moments
from padl.optimizers.rounding import Policy, StateDtype
from padl.optimizers.transformation import Transformation
from padl.registry import optimizer
from padl.types import POSITIVE, Scalar, ScalarOrSchedule

YOGI: Conventions = {
    "paper": Convention(form={"corrected": False, "m_0": "0"}),
    "optax": Convention(
        "m begins at v's first value too, so that a parameter moves without ever having had a gradient; both moments"
        " are corrected as in Adam",
        {"corrected": True, "m_0": "v_0"},
    ),
}

RADAM: Conventions = {
    "paper": Convention(form={"above": 4.0, "eps": "before correction"}),
    "torch": Convention("a step is rectified from ρ > 5, and not from ρ > 4 on", {"above": 5.0}),
    "optax": Convention(
        "a step is rectified from ρ = 5 on, and eps is added to the corrected root",
        {"above": 5.0, "eps": "after correction"},
    ),
}


@optimizer(
    family="adam",
    reference="Zhuang et al. 2020, arXiv:2010.07468, algorithm 2",
    laws=("scale_free", "shifted"),
    exempt={
        "average_words": "on a constant gradient its second average is of zeros",
        "decay_rates": "its second average is of distances from the first",
    },
)
def adabelief(
    learning_rate: ScalarOrSchedule = 1e-3,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-16,
    mu_dtype: StateDtype = None,
    nu_dtype: StateDtype = None,
) -> Transformation:
    """AdaBelief: Adam that divides by how far the gradient is from its mean; steps are long where it is as expected.

        m = b1 m + (1-b1) g      s = b2 s + (1-b2) (g - m)² + eps      θ -= η m̂ / (√ŝ + eps)

    m̂, ŝ are corrected as in `adam`. eps builds up in s, to eps / (1-b2), as in the paper, its authors' code, and Optax.

    Args:
        learning_rate, b1, b2, mu_dtype: as in `adam`. nu_dtype: what s is stored in.
        eps: > 0, twice, in units of the gradient squared and of the gradient. The authors' code has 1e-16, for networks
            on which Adam does well; the paper 1e-8. Their code also rectifies as `radam`, the paper does not.
    """

    def direction(g, s, p, t):
        m = b1 * s.mu + (1 - b1) * g
        nu = b2 * s.nu + (1 - b2) * (g - m) ** 2 + eps
        return m / (1 - b1**t) / (jnp.sqrt(nu / (1 - b2**t)) + eps), Moments(m, nu)

    dtypes: Policy = {"mu": mu_dtype, "nu": nu_dtype}
    rule = leafwise(zero_moments, direction, dtypes=dtypes, overwritten_last=("nu",), elementwise=True)
    return descend(rule, learning_rate)


@optimizer(
    family="adam",
    reference="Zaheer et al. 2018, NeurIPS 31, algorithm 2",
    conventions=YOGI,
    exempt={
        "average_words": "b2 is of a sum with signs, which does not settle",
        "decay_rates": "b2 is of a sum with signs",
    },
    laws=("eps_of_square", "shifted"),
)
def yogi(
    learning_rate: ScalarOrSchedule = 1e-2,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-3,
    initial: Annotated[Scalar, POSITIVE._replace(search=(1e-8, 1e-2), scale="log")] = 1e-6,
    convention: ConventionName = "paper",
    mu_dtype: StateDtype = None,
    nu_dtype: StateDtype = None,
) -> Transformation:
    """Yogi: Adam whose mean of squares rises and falls by no more than the new square, so that it forgets slowly.

        m = b1 m + (1-b1) g      v -= (1-b2) sign(v - g²) g²      θ -= η m / (√v + eps)

    m begins at 0; neither moment is corrected.

    Args:
        learning_rate: η > 0; 0.01 is the paper's, for eps = 0.001. b1, b2: decay rates in [0, 1).
        eps: > 0, in units of the gradient, outside the root.
        initial: v at the beginning, > 0, in units of the gradient squared. The paper advises the mean square of a first
            gradient; this is what its authors' code has.
        convention: paper, or optax; see `padl diff`.
        mu_dtype, nu_dtype: what m and v are stored in, as in `adam`.
    """
    form = form_of(YOGI, convention)

    def init(p):
        v_0 = jnp.full_like(p, initial)
        return Moments(mu=v_0 if form["m_0"] == "v_0" else jnp.zeros_like(p), nu=v_0)

    def direction(g, s, p, t):
        m = b1 * s.mu + (1 - b1) * g
        change = jnp.where(s.nu == g**2, 0, jnp.sign(s.nu - g**2) * g**2)  # 0 too where both are infinite
        v = s.nu - (1 - b2) * change
        c1, c2 = (1 - b1**t, 1 - b2**t) if form["corrected"] else (1, 1)
        return m / c1 / (jnp.sqrt(v / c2) + eps), Moments(m, v)

    return descend(leafwise(init, direction, dtypes={"mu": mu_dtype, "nu": nu_dtype}, elementwise=True), learning_rate)


@optimizer(
    family="adam", reference="Liu et al. 2020, arXiv:1908.03265, algorithm 2", conventions=RADAM, laws=("shifted",)
)
def radam(
    learning_rate: ScalarOrSchedule = 1e-3,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    convention: ConventionName = "paper",
    mu_dtype: StateDtype = None,
    nu_dtype: StateDtype = None,
) -> Transformation:
    """RAdam: Adam whose steps are shorter while few gradients are in v, and momentum alone while v says nothing yet.

        ρ∞ = 2/(1-b2) - 1      ρ = ρ∞ - 2 t b2ᵗ / (1-b2ᵗ)      m̂, v̂ as in `adam`
        r² = (ρ-4)(ρ-2)ρ∞ / ((ρ∞-4)(ρ∞-2)ρ)
        θ -= η r m̂ / (√v̂ + eps/√(1-b2ᵗ)) where ρ > 4, η m̂ elsewhere

    With b2 = 0.999 the first four steps are momentum, of the length η |m̂|. b2 <= 0.6 never leaves it.

    Args:
        learning_rate: η > 0, in the units of both kinds of step. b1, b2, mu_dtype, nu_dtype: as in `adam`.
        eps: > 0, in units of the gradient; on √v before its correction, as in the authors' code. The paper has none.
        convention: from which ρ on, and where eps stands: paper, torch, or optax; see `padl diff`.
    """
    form = form_of(RADAM, convention)

    def direction(g, s, p, t):
        mu = b1 * s.mu + (1 - b1) * g
        nu = b2 * s.nu + (1 - b2) * g**2
        mu_hat, nu_hat = mu / (1 - b1**t), nu / (1 - b2**t)
        floor = eps if form["eps"] == "after correction" else eps / jnp.sqrt(1 - b2**t)
        known, r = rectification(t, b2, form["above"])
        return jnp.where(known, r * mu_hat / (jnp.sqrt(nu_hat) + floor), mu_hat), Moments(mu, nu)

    return descend(
        leafwise(zero_moments, direction, dtypes={"mu": mu_dtype, "nu": nu_dtype}, elementwise=True), learning_rate
    )


def rectification(t: jax.Array, b2: Scalar, above: float) -> tuple[jax.Array, jax.Array]:
    """Compute whether ρ of `radam` is above a bound of 4 at least, and r there; r is 1 elsewhere.

    At first ρ is about t, a small difference of numbers of the size of ρ∞, which float32 loses: the steps that are not
    rectified would be some others. With h = -log(b2)/2 it is t + L(h) - t L(t h), of L(y) = coth y - 1/y.
    """
    h = jnp.asarray(-jnp.log1p(-(1 - b2)) / 2, t.dtype)  # 1 - b2 is exact
    rho_inf = jnp.asarray((1 + b2) / (1 - b2), t.dtype)
    rho = jnp.where(t * h < 1, t + langevin(h) - t * langevin(t * h), rho_inf - 2 * t / jnp.expm1(2 * t * h))
    known = rho > above
    rho, rho_inf = jnp.where(known, rho, 5), jnp.where(known, rho_inf, 5)
    r_squared = (rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho)
    return known, jnp.sqrt(r_squared)


def langevin(y: jax.Array) -> jax.Array:
    """Compute coth y - 1/y for y >= 0, by its series below 0.1, where it is a small difference."""
    series = y * (1 / 3 - y**2 * (1 / 45 - y**2 * (2 / 945 - y**2 / 4725)))
    large = jnp.maximum(y, 0.1)
    return jnp.where(y < 0.1, series, 1 / jnp.tanh(large) - 1 / large)
