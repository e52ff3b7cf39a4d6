"""Losses of a predicted distribution. kl_div, gaussian_nll, poisson_nll, crps_gaussian."""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float, Num

from padl.losses import checks
from padl.losses.checks import poisoned
from padl.losses.plot_axes import COUNT, DIVERGENCE, SPREAD
from padl.losses.reduce import Array, Reduced, Reduction, align, alike, floating, masked, mean, reduce, same_shape
from padl.losses.subgradients import counted
from padl.registry import loss
from padl.types import POSITIVE, PadlError, Scalar

Eps = Annotated[Scalar, POSITIVE]
EPS = 1e-8  # of `poisson_nll`


def _eps_of_rates(values: Mapping[str, Any]) -> str:
    return (
        "eps is for rates: give log_input=false, or leave it out"
        if values["log_input"] and values["eps"] != EPS
        else ""
    )


@loss(
    family="likelihood",
    targets="distributions",
    predictions="log_probabilities",
    range="ℝ, in sum over a distribution [0, ∞)",
    convex=True,
    elicits="the distribution (strictly proper)",
    view=DIVERGENCE,
    reference="Kullback & Leibler 1951, Ann. Math. Stat. 22(1)",
)
def kl_div(
    predictions: Float[Array, "*batch classes"],
    targets: Float[Array, "*batch classes"],
    *,
    log_target: bool = False,
    validate: bool = True,
    where: Bool[Array, "..."] | None = None,
    reduction: Reduction | Literal["batchmean"] = "mean",
) -> Reduced:
    """Kullback-Leibler divergence KL(y || e^x) in nats, element by element.

        L(x, y) = y (log y - x)      dL/dx = -y      dL/dy = log y + 1 - x, 0 at y = 0

    A target of 0 costs nothing: L(x, 0) = 0, at x = -∞ too.

    Args:
        predictions: log-probabilities x. targets: probabilities y, or with `log_target` their logarithms, of one shape.
        validate: refuse probabilities outside [0, 1] (logarithms above 0).
        where: of the batch or of elements.
        reduction: see `padl.losses.reduce`. "mean" divides by the number of elements, as torch does, and "batchmean" by
            the number of rows on the first axis of which anything is kept: only that is a divergence.

    Raises:
        PadlError: a target is not a probability. Under jit value and gradient are NaN instead.
    """
    x, t = floating(predictions), floating(targets, "targets")
    same_shape(x, t)
    if log_target:
        ok = checks.log_probabilities(targets, where, validate)
        t = masked(t, where).astype(x.dtype)
        x, y = poisoned(masked(x, where), ok), jnp.exp(t)
        values = y * jnp.where(y == 0, 0, jnp.where(y == 0, 0, t) - x)
    else:
        ok = checks.probabilities(targets, where, validate)
        t = masked(t, where, fill=1.0).astype(x.dtype)
        values = _kl(poisoned(masked(x, where), ok), t)
    if reduction != "batchmean":
        return reduce(values, where=where, reduction=reduction)
    rows = jnp.ones(x.shape, bool) if where is None else align(where, x)
    total, _ = reduce(values, where=where, reduction="sum_and_count")
    return mean(total, rows.any(tuple(range(1, x.ndim))).sum().astype(x.dtype))


@jax.custom_jvp
def _kl(x: jax.Array, y: jax.Array) -> jax.Array:
    """y (log y - x), 0 where y is, whatever x is."""
    return jnp.where(y == 0, 0, y * (jnp.log(y) - x))


@_kl.defjvp
def _kl_jvp(primals, tangents):
    (x, y), (dx, dy) = primals, tangents
    return _kl(x, y), jnp.where(y == 0, 0, jnp.log(y) + 1 - x) * dy - y * dx


@loss(
    family="likelihood",
    targets="values",
    predictions="moments",
    range="ℝ",
    convex=True,
    elicits="mean and variance (strictly proper)",
    view=SPREAD,
    reference="Nix & Weigend 1994, ICNN; torch.nn.GaussianNLLLoss",
)
def gaussian_nll(
    predictions: Float[Array, "*values"],
    targets: Num[Array, "*values"],
    variances: Float[Array, "*values"],
    *,
    full: bool = False,
    eps: Eps = 1e-6,
    validate: bool = True,
    where: Bool[Array, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Reduced:
    """Negative log-likelihood of a Gaussian whose variance is predicted too.

        L(x, y, v) = ½ ( log v + (x - y)² / v ) + ½ log 2π  if `full`

    Convex in the mean x, not in v.

    Args:
        predictions: means x. targets: y, of one shape.
        variances: v >= 0, of the same shape, or with a last axis of 1 or without it, then one for all on that axis.
        eps: > 0, a floor under v, through which the gradient goes as if it were not there (as in torch).
        validate: refuse negative variances. where, reduction: see `padl.losses.reduce`.

    Raises:
        PadlError: a variance is negative or NaN. Under jit value and gradient are NaN instead.
    """
    x, y = alike(predictions, targets, where)
    v = _spread(variances, x, "variances")
    x = poisoned(x, checks.non_negative(v, where, validate, "variance"))
    v = masked(v, where, fill=1.0)
    v = v + jax.lax.stop_gradient(jnp.maximum(v, eps) - v)
    values = (jnp.log(v) + (x - y) ** 2 / v) / 2
    if full:
        values += math.log(2 * math.pi) / 2
    return reduce(values, where=where, reduction=reduction)


def _spread(spread: jax.Array, like: jax.Array, what: str) -> jax.Array:
    """Variances or scales in the shape of the values they belong to; PadlError where they do not fit."""
    v = floating(spread, what).astype(like.dtype)
    if v.ndim == like.ndim - 1:
        v = v[..., None]
    if v.shape not in (like.shape, (*like.shape[:-1], 1)):
        raise PadlError(f"{what} of shape {jnp.shape(spread)} do not fit predictions of shape {like.shape}")
    return jnp.broadcast_to(v, like.shape)


@loss(
    family="likelihood",
    targets="counts",
    predictions="rates",
    range="ℝ",
    convex=True,
    elicits="the mean",
    view=COUNT,
    reference="Nelder & Wedderburn 1972, J. R. Stat. Soc. A 135(3); torch.nn.PoissonNLLLoss",
    conflict=_eps_of_rates,
)
def poisson_nll(
    predictions: Float[Array, "*values"],
    targets: Num[Array, "*values"],
    *,
    log_input: bool = True,
    full: bool = False,
    eps: Eps = EPS,
    validate: bool = True,
    where: Bool[Array, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Reduced:
    """Negative log-likelihood of a count under a Poisson distribution, without the part that no prediction changes.

        L(x, y) = eˣ - y x  of a log-rate x,   x - y log(x + eps)  of a rate x (log_input=False)

    Args:
        predictions: log-rates, or rates >= 0. targets: counts y >= 0, of one shape.
        full: add Stirling's formula for log y! where y > 1: y log y - y + ½ log 2πy.
        eps: > 0, for rates of 0. validate: refuse negative counts and rates.
        where, reduction: see `padl.losses.reduce`.

    Raises:
        PadlError: a count or rate is negative or NaN. Under jit value and gradient are NaN instead.
    """
    x, y = alike(predictions, targets, where)
    x = poisoned(x, checks.non_negative(targets, where, validate))
    if not log_input:
        x = poisoned(x, checks.non_negative(predictions, where, validate, "rate"))
    values = _poisson(x, y) if log_input else x - y * jnp.log(x + eps)
    if full:
        n = jnp.where(y > 1, y, 1)
        values += jnp.where(y > 1, n * jnp.log(n) - n + jnp.log(2 * math.pi * n) / 2, 0)
    return reduce(values, where=where, reduction=reduction)


@jax.custom_jvp
def _poisson(log_rate: jax.Array, y: jax.Array) -> jax.Array:
    rate = jnp.exp(log_rate)
    return jnp.where(y == 0, rate, rate - y * log_rate)  # no count of what cannot come: 0 × ∞ is 0


@_poisson.defjvp
def _poisson_jvp(primals, tangents):
    (log_rate, y), (dx, dy) = primals, tangents
    return _poisson(log_rate, y), (jnp.exp(log_rate) - y) * dx - counted(y, log_rate) * dy


@loss(
    family="likelihood",
    targets="values",
    predictions="moments",
    range="[0, ∞)",
    convex=True,
    elicits="mean and standard deviation (strictly proper)",
    view=SPREAD,
    reference="Gneiting & Raftery 2007, J. Am. Stat. Assoc. 102(477), eq. 21",
)
def crps_gaussian(
    predictions: Float[Array, "*values"],
    targets: Num[Array, "*values"],
    scales: Float[Array, "*values"],
    *,
    validate: bool = True,
    where: Bool[Array, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Reduced:
    """Continuous ranked probability score of a Gaussian: the absolute error, for a predicted distribution.

        L(x, y, σ) = d erf(z / √2) + σ ( 2 φ(z) - 1/√π )      d = y - x,  z = d / σ,  φ the normal density

    Args:
        predictions: means x. targets: y, of one shape.
        scales: standard deviations σ >= 0, in the shapes that `gaussian_nll` takes; 0 gives |y - x|.
        validate: refuse negative scales. where, reduction: see `padl.losses.reduce`.

    Raises:
        PadlError: a scale is negative or NaN. Under jit value and gradient are NaN instead.
    """
    x, y = alike(predictions, targets, where)
    sigma = _spread(scales, x, "scales")
    d = y - poisoned(x, checks.non_negative(sigma, where, validate, "scale"))
    return reduce(_crps(d, masked(sigma, where, fill=1.0)), where=where, reduction=reduction)


@jax.custom_jvp
def _crps(d: jax.Array, sigma: jax.Array) -> jax.Array:
    slope, rise = _crps_slopes(d, sigma)
    return d * slope + sigma * rise


@_crps.defjvp
def _crps_jvp(primals, tangents):
    slope, rise = _crps_slopes(*primals)
    return _crps(*primals), slope * tangents[0] + rise * tangents[1]


def _crps_slopes(d: jax.Array, sigma: jax.Array) -> tuple[jax.Array, jax.Array]:
    """dL/dd = erf(z / √2) and dL/dσ = 2 φ(z) - 1/√π; at σ = 0 the sign of d, and -1/√π."""
    sharp = sigma == 0
    z = d / jnp.where(sharp, 1, sigma)
    slope = jnp.where(sharp, jnp.sign(d), jax.lax.erf(z / math.sqrt(2)))
    density = jnp.where(sharp & (d != 0), 0, jnp.exp(-(z**2) / 2) * math.sqrt(2 / math.pi))
    return slope, density - 1 / math.sqrt(math.pi)
