"""Adam with a maximum in the place of a mean, or over it. adamax, amsgrad."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from padl.optimizers.conventions import Convention, ConventionName, Conventions, form_of
from padl.optimizers.descend import descend
from padl.optimizers.leafwise import leafwise
from padl.optimizers.rounding import Policy, StateDtype
from padl.optimizers.transformation import Transformation
from padl.registry import optimizer
from padl.types import Scalar, ScalarOrSchedule

ADAMAX: Conventions = {
    "paper": Convention(form={"eps": "on |g|"}),
    "torch": Convention(),
    "optax": Convention(),
    "keras": Convention(
        "eps is added to u, not to |g| before the maximum is taken",
        {"eps": "on u"},
        {"learning_rate": 1e-3, "eps": 1e-7},
    ),
}

AMSGRAD: Conventions = {
    "paper": Convention(form={"corrected": "nothing", "eps": "after correction"}),
    "torch": Convention("m and the maximum of v are corrected as in Adam", {"corrected": "the maximum"}),
    "optax": Convention(
        "m and v are corrected as in Adam, and the maximum is that of the corrected v",
        {"corrected": "v"},
    ),
    "keras": Convention(
        "m and the maximum of v are corrected, and eps is added before the correction, as in Keras' Adam",
        {"corrected": "the maximum", "eps": "before correction"},
        {"eps": 1e-7},
    ),
}


class LargestGradient(NamedTuple):
    mu: jax.Array
    u: jax.Array


class LargestMoment(NamedTuple):
    mu: jax.Array
    nu: jax.Array
    nu_max: jax.Array


@optimizer(
    family="adam",
    reference="Kingma & Ba 2015, arXiv:1412.6980, algorithm 2",
    conventions=ADAMAX,
    laws=("scale_free", "unit_step", "eps_of_gradient", "shifted"),
)
def adamax(
    learning_rate: ScalarOrSchedule = 2e-3,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    convention: ConventionName = "paper",
    mu_dtype: StateDtype = None,
    nu_dtype: StateDtype = None,
) -> Transformation:
    """AdaMax: Adam that divides by the largest recent gradient, where Adam has the root of the mean square.

        m = b1 m + (1-b1) g      u = max(b2 u, |g| + eps)      θ -= η m / ((1-b1ᵗ) u)

    No square is taken: u holds any gradient that float32 holds, and needs no correction.

    Args:
        learning_rate: η > 0, in units of the parameter: the largest change in one step, nearly.
        b1, b2: decay rates in [0, 1).
        eps: > 0, in units of the gradient. The paper has none, and so 0/0 where every gradient was 0; this is torch's.
        convention: whose eps; see `padl diff`.
        mu_dtype, nu_dtype: what m and u are stored in, as in `adam`.
    """
    on_u = form_of(ADAMAX, convention)["eps"] == "on u"

    def init(p):
        return LargestGradient(mu=jnp.zeros_like(p), u=jnp.zeros_like(p))

    def direction(g, s, p, t):
        mu = b1 * s.mu + (1 - b1) * g
        u = jnp.maximum(b2 * s.u, jnp.abs(g) if on_u else jnp.abs(g) + eps)
        return mu / (1 - b1**t) / (u + eps if on_u else u), LargestGradient(mu, u)

    return descend(leafwise(init, direction, dtypes={"mu": mu_dtype, "u": nu_dtype}, elementwise=True), learning_rate)


@optimizer(
    family="adam",
    reference="Reddi, Kale & Kumar 2018, arXiv:1904.09237, algorithm 2",
    conventions=AMSGRAD,
    laws=("scale_free", "shifted"),
)
def amsgrad(
    learning_rate: ScalarOrSchedule = 1e-3,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    convention: ConventionName = "paper",
    mu_dtype: StateDtype = None,
    nu_dtype: StateDtype = None,
) -> Transformation:
    """AMSGrad: Adam that divides by the largest mean square so far, so that no step grows when gradients turn small.

        m = b1 m + (1-b1) g      v = b2 v + (1-b2) g²      v̂ = max(v̂, v)      θ -= η m / (√v̂ + eps)

    The paper corrects neither m nor v for their zero start: the first step has the length η (1-b1)/√(1-b2), 3.2 η.

    Args:
        learning_rate, b1, b2: as in `adam`; the paper leaves them open, and these are torch's, Optax's and Keras'.
        eps: > 0, in units of the gradient, outside the root. The paper has none, and so 0/0 where every gradient was 0.
        convention: what is corrected, and where eps stands: paper, torch, optax, or keras; see `padl diff`.
        mu_dtype, nu_dtype: what m and v are stored in, as in `adam`; v̂ then too, to the nearest, as nothing builds up
            in a maximum.
    """
    form = form_of(AMSGRAD, convention)

    def init(p):
        return LargestMoment(mu=jnp.zeros_like(p), nu=jnp.zeros_like(p), nu_max=jnp.zeros_like(p))

    def direction(g, s, p, t):
        mu = b1 * s.mu + (1 - b1) * g
        nu = b2 * s.nu + (1 - b2) * g**2
        c1, c2 = 1 - b1**t, 1 - b2**t
        nu_max = jnp.maximum(s.nu_max, nu / c2 if form["corrected"] == "v" else nu)
        floor = eps if form["eps"] == "after correction" else eps / jnp.sqrt(c2)
        root = jnp.sqrt(nu_max / c2 if form["corrected"] == "the maximum" else nu_max)
        return (mu if form["corrected"] == "nothing" else mu / c1) / (root + floor), LargestMoment(mu, nu, nu_max)

    dtypes: Policy = {"mu": mu_dtype, "nu": nu_dtype, "nu_max": None if nu_dtype is None else "bfloat16"}
    return descend(leafwise(init, direction, dtypes=dtypes, elementwise=True), learning_rate)
