"""Information, the lecture's way. surprise, entropy, cross_entropy_of, kl_divergence, perplexity: of distributions.

    surprise(p) = -log p        entropy H(p) = -Σ p log p         H(p, q) = -Σ p log q = H(p) + KL(p, q)

In bits (base=2) unless told otherwise. Distributions lie on the last axis. What never comes adds nothing: 0 log 0 is 0.

>>> round(float(entropy([0.75, 0.25])), 3)      # who wins, if one side wins three times in four
0.811
>>> round(float(entropy([1 / 8] * 8)), 3)       # the winner in a league of eight
3.0
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float

from padl.losses import checks
from padl.losses.checks import poisoned
from padl.losses.reduce import floating, same_shape
from padl.losses.subgradients import weighed
from padl.types import PadlError

SUM = 1e-3  # how far from 1 a distribution may add up: that of float16


def surprise(p: Float[Array, "..."], *, base: float = 2.0) -> Float[Array, "..."]:
    """-log p: what it tells that something of probability p came.

    Args:
        p: in [0, 1], any shape; 0 gives ∞. base: > 0 and not 1, of the logarithm: 2 for bits, `math.e` for nats.

    Raises:
        PadlError: a p outside [0, 1]. Under jit the value is NaN instead.
    """
    x, ok = _checked(p, "probability")
    return poisoned(-jnp.log(x) / _unit(base), ok)


def entropy(p: Float[Array, "*batch outcomes"], *, base: float = 2.0) -> Float[Array, "*batch"]:
    """H(p) = -Σ p log p: how much is told, on average, by what comes; at most log of the number of outcomes.

    Args:
        p: a distribution on the last axis. base: of the logarithm, as in `surprise`.

    Raises:
        PadlError: a p outside [0, 1], or that does not add up to 1 (to 0.001). Under jit the value is NaN instead.
    """
    return cross_entropy_of(p, p, base=base)


def cross_entropy_of(
    p: Float[Array, "*batch outcomes"], q: Float[Array, "*batch outcomes"], *, base: float = 2.0
) -> Float[Array, "*batch"]:
    """H(p, q) = -Σ p log q: what it costs, on average, to tell what comes of p in a code made for q. Least for q = p.

    Args:
        p, q: distributions on the last axis, of one shape; ∞ where q rules out what p does not.
        base: of the logarithm, as in `surprise`.

    Raises:
        PadlError: as `entropy`, for p or q.
    """
    (x, ok_p), (y, ok_q) = _distribution(p, "p"), _distribution(q, "q")
    same_shape(x, y, "p and q")
    return poisoned(weighed(x, _surprise(y)).sum(-1) / _unit(base), ok_p, ok_q)


def kl_divergence(
    p: Float[Array, "*batch outcomes"], q: Float[Array, "*batch outcomes"], *, base: float = 2.0
) -> Float[Array, "*batch"]:
    """KL(p, q) = Σ p log(p / q) = H(p, q) - H(p): how much of a code made for q is wasted on p; >= 0, 0 for q = p.

    Args:
        p, q: distributions on the last axis, of one shape; ∞ where q rules out what p does not.
        base: of the logarithm, as in `surprise`.

    Raises:
        PadlError: as `entropy`, for p or q.
    """
    (x, ok_p), (y, ok_q) = _distribution(p, "p"), _distribution(q, "q")
    same_shape(x, y, "p and q")
    apart = _surprise(y) - jnp.where(x == 0, 0, _surprise(x))
    return poisoned(weighed(x, apart).sum(-1) / _unit(base), ok_p, ok_q)


def perplexity(p: Float[Array, "*batch outcomes"]) -> Float[Array, "*batch"]:
    """2^H(p): as uncertain as a fair choice among so many.

    Args:
        p: a distribution on the last axis.

    Raises:
        PadlError: as `entropy`.
    """
    return 2.0 ** entropy(p)


def gaussian_kl(mean: Float[Array, "..."], log_variance: Float[Array, "..."]) -> Float[Array, "..."]:
    """KL( N(m, e^s) || N(0, 1) ) = ½ (m² + e^s - 1 - s), in nats, of each coordinate: what a variational code costs.

    Args:
        mean: m. log_variance: s, of the same shape. (Kingma & Welling 2014, arXiv:1312.6114, appendix B.)
    """
    m, s = floating(mean, "mean"), floating(log_variance, "log_variance")
    same_shape(m, s, "mean and log_variance")
    return (m**2 + jnp.expm1(s) - s) / 2


def _surprise(x: jax.Array) -> jax.Array:
    """-log x, ∞ with slope 0 at 0: what a probability of 0 adds is decided by what it is weighed with."""
    return jnp.where(x == 0, jnp.inf, -jnp.log(jnp.where(x == 0, 1, x)))


def _checked(p: Any, what: str) -> tuple[jax.Array, checks.Ok]:
    try:
        array = p if isinstance(p, (jax.Array, np.ndarray)) else np.asarray(p, np.float32)
    except (TypeError, ValueError):
        raise PadlError(f"{what} must be real numbers, one or a list") from None
    return floating(array, what), checks.probabilities(array, None, True, what)


def _distribution(p: Any, name: str) -> tuple[jax.Array, checks.Ok]:
    x, ok = _checked(p, f"probability of {name}")
    if not x.ndim:
        raise PadlError(f"{name} is one number, and a distribution has one for each outcome: [p, 1 - p]")
    total = x.sum(-1)
    if not isinstance(total, Tracer):
        checks.require(lambda s: abs(s - 1) <= SUM, total, None, f"the sum of {name},", "is not 1")
        return x, ok
    return x, (jnp.abs(total - 1) <= SUM) & (True if ok is None else ok.all(-1))


def _unit(base: float) -> float:
    if not (base > 0 and base != 1):
        raise PadlError(f"base={base} is no base of a logarithm: 2 for bits, math.e for nats")
    return math.log(base)
