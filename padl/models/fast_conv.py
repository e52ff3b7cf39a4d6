"""A convolution whose gradients are fast inside a compiled loop.

XLA on CPU brings convolutions into the layout that its fast kernels know (NHWC images, HWIO kernels) only at the entry
of a program. The gradients JAX derives are in other layouts, and inside `lax.scan` they fall to naive loops, 60 times
slower (jax#12868). Here the two gradients are written as convolutions in the fast layout from the start. Values are
those of `lax.conv_general_dilated`; forward-mode differentiation is not defined.

    y[n,i,j,o]  = Σ x[n, s i + a, s j + b, c] w[a,b,c,o]
    dx          = conv(dy spread out by the stride, w turned by 180° with c and o exchanged)
    dw[a,b,c,o] = conv(x with n and c exchanged, dy as a kernel spread out by the stride)
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

NHWC = ("NHWC", "HWIO", "NHWC")
Pads = tuple[tuple[int, int], ...]


def conv_general_dilated(
    lhs: jax.Array,
    rhs: jax.Array,
    window_strides: Sequence[int],
    padding: str | Sequence[tuple[int, int]],
    **options: Any,
) -> jax.Array:
    """For `flax.nnx.Conv(conv_general_dilated=...)`: a plain convolution of NHWC images is made fast.

    Args:
        lhs: images (N, H, W, C). rhs: kernels (kh, kw, C, O). window_strides, padding, options: as in
            `lax.conv_general_dilated`, which takes over where they ask for more (dilation, groups, another layout).
    """
    if not _is_plain(lhs, rhs, **options):
        return lax.conv_general_dilated(lhs, rhs, window_strides, padding, **options)
    strides = tuple(window_strides)
    if isinstance(padding, str):
        padding = lax.padtype_to_pads(lhs.shape[1:3], rhs.shape[:2], strides, padding)
    return conv(strides, tuple(map(tuple, padding)), lhs, rhs)


def _is_plain(
    lhs: jax.Array,
    rhs: jax.Array,
    lhs_dilation: Any = None,
    rhs_dilation: Any = None,
    dimension_numbers: Any = None,
    feature_group_count: int = 1,
    **others: Any,
) -> bool:
    """Whether all options are those of a two-dimensional convolution of NHWC images with HWIO kernels."""
    if lhs.ndim != 4 or feature_group_count != 1 or any(option is not None for option in others.values()):
        return False
    if any(d != 1 for d in (*(lhs_dilation or ()), *(rhs_dilation or ()))):
        return False
    layout = lax.conv_dimension_numbers(lhs.shape, rhs.shape, dimension_numbers)
    return layout == lax.conv_dimension_numbers(lhs.shape, rhs.shape, NHWC)


def _conv(x: jax.Array, w: jax.Array, **options: Any) -> jax.Array:
    return lax.conv_general_dilated(x, w, dimension_numbers=NHWC, **options)


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def conv(strides: tuple[int, ...], pads: Pads, x: jax.Array, w: jax.Array) -> jax.Array:
    """x (N, H, W, C) with w (kh, kw, C, O) -> (N, H', W', O)."""
    return _conv(x, w, window_strides=strides, padding=pads)


def _forward(strides, pads, x, w):
    return conv(strides, pads, x, w), (x, w)


def _backward(strides, pads, saved, dy):
    x, w = saved
    return _input_gradient(strides, pads, x, w, dy), _kernel_gradient(strides, pads, x, w, dy)


def _input_gradient(strides, pads, x, w, dy):
    back = []
    for size, k, s, (low, _), out in zip(x.shape[1:3], w.shape[:2], strides, pads, dy.shape[1:3], strict=True):
        spread = (out - 1) * s + 1
        back.append((k - 1 - low, size - spread + low))  # what makes the result `size` long
    turned = jnp.flip(w, (0, 1)).swapaxes(2, 3)
    return _conv(dy, turned, window_strides=(1, 1), padding=back, lhs_dilation=strides)


def _kernel_gradient(strides, pads, x, w, dy):
    reach = []
    for size, k, s, (low, _), out in zip(x.shape[1:3], w.shape[:2], strides, pads, dy.shape[1:3], strict=True):
        spread = (out - 1) * s + 1
        reach.append((low, k - 1 + spread - size - low))
    images, kernels = x.transpose(3, 1, 2, 0), dy.transpose(1, 2, 0, 3)  # (C, H, W, N) with (H', W', N, O)
    dw = _conv(images, kernels, window_strides=(1, 1), padding=reach, rhs_dilation=strides)
    return dw.transpose(1, 2, 0, 3)


conv.defvjp(_forward, _backward)
