"""Cross entropy of a vocabulary too large for its logits to be held. linear_cross_entropy.

The tokens are taken a chunk at a time: their logits are made, used and forgotten. The gradient of a sum or mean is made
in the same pass, while the logits are at hand; that of "none" makes them again.
"""

from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Bool, Float, Integer

from padl.losses import checks
from padl.losses.checks import poisoned
from padl.losses.classification import smoothed
from padl.losses.plot_axes import VOCABULARY
from padl.losses.reduce import (
    Array,
    Reduced,
    Reduction,
    Weights,
    align,
    both,
    broadcast_weights,
    floating,
    mean,
    pair,
    reduce,
)
from padl.losses.stable_costs import softmax_cost
from padl.registry import loss
from padl.types import COUNT, FRACTION, NON_NEGATIVE, POSITIVE, PadlError, Scalar, at_least_float32


@loss(
    family="classification",
    targets="tokens",
    predictions="hidden",
    range="[0, ∞)",
    convex=False,
    elicits="the probabilities of the tokens (strictly proper)",
    view=VOCABULARY,
    reference="Wijmans et al. 2024, arXiv:2411.09009; chunks of tokens: Hsu et al. 2024, arXiv:2410.10989",
    same_value={"chunk": "tokens at once: memory and speed alone"},
)
def linear_cross_entropy(
    predictions: Float[Array, "*batch width"],
    targets: Integer[Array, "*batch"],
    kernel: Float[Array, "width vocabulary"],
    bias: Float[Array, " vocabulary"] | None = None,
    *,
    weight: Weights = None,
    ignore_index: int | None = None,
    label_smoothing: Annotated[Scalar, FRACTION._replace(off=0.0)] = 0.0,
    z_loss: Annotated[Scalar, NON_NEGATIVE] = 0.0,
    softcap: Annotated[Scalar, POSITIVE] | None = None,
    chunk: Annotated[int, COUNT] = 256,
    validate: bool = True,
    where: Bool[Array, "..."] | None = None,
    reduction: Reduction = "mean",
) -> Reduced:
    """`cross_entropy` of the logits h W + b, a chunk of tokens at a time, so that they are never all in memory.

        L(h, y) = cross_entropy(x, y) + c w_y (log Σ e^x)²      x = h W + b,  or  s tanh((h W + b) / s)

    Args:
        predictions: hidden states h. targets: labels in 0 .. vocabulary-1, of the shape without the last axis.
        kernel: W. bias: b, or None. In half precision products are summed in float32.
        weight, ignore_index, label_smoothing, validate, where, reduction: as in `cross_entropy`.
        z_loss: c >= 0. softcap: s > 0; None leaves the logits as they are.
        chunk: how many tokens at a time: memory is chunk × vocabulary numbers, a few times.

    Raises:
        PadlError: a label is outside its range. Under jit, where nothing can raise, value and gradient are NaN instead.
    """
    h, y, w = jnp.asarray(predictions), jnp.asarray(targets), jnp.asarray(kernel)
    if w.ndim != 2 or h.shape[-1:] != w.shape[:1]:
        raise PadlError(f"hidden states of shape {h.shape}, kernel of shape {w.shape}: (..., D) and (D, V) expected")
    checks.label_shape(y, h.shape[:-1], h.shape)
    keep = jnp.ones(y.shape, bool) if where is None else align(where, y)
    if ignore_index is not None:
        keep = both(keep, y != ignore_index)
    ok = checks.labels(targets, w.shape[1], keep if ignore_index is not None else where, validate)
    dtype = floating(h).dtype
    weights = broadcast_weights(weight, jnp.empty(w.shape[1], dtype))
    head = Head(w, bias, weights, label_smoothing, z_loss, softcap)
    h, y = jnp.where(keep[..., None], h, 0), jnp.where(keep, jnp.clip(y, 0, w.shape[1] - 1), 0)
    counts = None if weight is None else poisoned(weights[y], ok)
    rows = [_chunks(a, y.ndim, chunk) for a in (h, y, poisoned(keep.astype(dtype), ok))]
    if reduction == "none":
        costs = jax.lax.map(jax.checkpoint(lambda row: row[2] * _costs(head, *row[:2])), tuple(rows))
        return costs.reshape(-1)[: y.size].reshape(y.shape)
    total = _total(head, *rows)
    if reduction == "sum":
        return total
    _, count = reduce(jnp.ones(y.shape, total.dtype), where=keep, counts=counts, reduction="sum_and_count")
    return pair(total, count) if reduction == "sum_and_count" else mean(total, count)


class Head(NamedTuple):
    """What turns hidden states into costs: kernel (D, V), bias (V,) or None, class weights (V,), and the scalars."""

    kernel: jax.Array
    bias: jax.Array | None
    weight: jax.Array
    label_smoothing: Any
    z_loss: Any
    softcap: Any


@jax.custom_jvp
def _total(head: Head, h: jax.Array, y: jax.Array, counts: jax.Array) -> jax.Array:
    """Σ counts × cost over all tokens, in chunks: h (chunks, C, D), y and counts (chunks, C)."""
    return jax.lax.map(lambda row: (row[2] * _costs(head, *row[:2])).sum(), (h, y, counts)).sum()


@_total.defjvp
def _total_jvp(primals, tangents):
    """The gradient is made with the value, chunk by chunk, so that a backward pass has only to scale it."""
    (head, *rows), (d_head, d_h, _, _) = primals, tangents

    @jax.checkpoint  # of a second derivative, which comes through here again
    def step(carry, row):
        h, y, counts = row
        cost, back = jax.vjp(lambda head, h: (counts * _costs(head, h, y)).sum(), head, h)
        of_head, of_h = back(jnp.ones_like(cost))
        return jax.tree.map(lambda sum_, new: sum_ + new.astype(sum_.dtype), carry, (cost, of_head)), of_h

    dtype = at_least_float32(rows[0].dtype)
    zeros = jax.tree.map(lambda a: jnp.zeros(jnp.shape(a), dtype), (0.0, head))
    (total, of_head), of_h = jax.lax.scan(step, zeros, tuple(rows))
    slopes = jax.tree.map(lambda g, d: (g * d.astype(dtype)).sum(), (of_head, of_h.astype(dtype)), (d_head, d_h))
    return total, jnp.stack(jax.tree.leaves(slopes)).sum()


def _chunks(a: jax.Array, axes: int, chunk: int) -> jax.Array:
    """(*batch, ...) with so many axes of the batch -> (chunks, at most `chunk`, ...), padded with 0."""
    flat = a.reshape(-1, *a.shape[axes:])
    size = max(min(chunk, len(flat)), 1)
    return jnp.pad(flat, [(0, -len(flat) % size)] + [(0, 0)] * (flat.ndim - 1)).reshape(-1, size, *flat.shape[1:])


def _costs(head: Head, h: jax.Array, y: jax.Array) -> jax.Array:
    """The cost of each token of a chunk: h (C, D), y (C,)."""
    x = jnp.dot(h, head.kernel, preferred_element_type=at_least_float32(h.dtype))
    if head.bias is not None:
        x += head.bias[None].astype(x.dtype)
    if head.softcap is not None:
        x = head.softcap * jnp.tanh(x / head.softcap)
    right = jax.nn.one_hot(y, x.shape[1], dtype=x.dtype)
    t = smoothed(right, x, head.label_smoothing) * head.weight[None]
    return softmax_cost(x, t) + head.z_loss * head.weight[y] * jax.nn.logsumexp(x, -1) ** 2
