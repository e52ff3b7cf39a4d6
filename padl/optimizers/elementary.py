"""Elementary functions in vector operations, where XLA on CPUs calls a library for each number. cube_root, angle."""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

SIGMA = 0.045  # by which the logarithm that the bits are is too large, in the mean
TAN = 0.41421356237309503  # tan π/8
# atan(z)/z as a polynomial in z², of |z| <= tan π/8, interpolated at Chebyshev's nodes in long double: relative errors
# of 6.3e-10 with 6 terms, and of 3.5e-17 with 11.
SINGLE = (
    0.9999999993712282,
    -0.33333306893048514,
    0.19998183041083242,
    -0.14239532669649543,
    0.10569828806418179,
    -0.060263052276671183,
)
DOUBLE = (
    1.0,
    -0.3333333333332844,
    0.19999999998855564,
    -0.142857141810081,
    0.11111106181547845,
    -0.09090773096589308,
    0.07689953764831331,
    -0.06640236012713611,
    0.0568835912466907,
    -0.043480785651031945,
    0.02113567393324693,
)


def cube_root(x: jax.Array) -> jax.Array:
    """Compute ∛x of x >= 0: a third of the logarithm, read from its bits, and steps of Halley's method.

        y = y (y³ + 2x) / (2y³ + x)      each triples the digits: 4 %, 2e-5, 2e-15, ...

    As an integer the bits of x are about 2ᵐ (log₂ x + b - σ), with m digits of the mantissa and b the bias of the
    exponent, so that those of ∛x are a third of them and 2/3 · 2ᵐ (b - σ).

    Args:
        x: float32 or float64. What is subnormal counts as 0.
    """
    kind = jnp.finfo(x.dtype)
    integer = jnp.int32 if kind.bits == 32 else jnp.int64
    large, small = x > 2.0**100, x < 2.0**-100
    a = x * _chosen(large, 2.0**-24, small, 2.0**24, x.dtype)  # the cubes of the steps neither overflow nor vanish
    bits = lax.bitcast_convert_type(a, integer)
    two_thirds = int(2 / 3 * (kind.maxexp - 1 - SIGMA) * 2**kind.nmant)
    y = lax.bitcast_convert_type((bits.astype(x.dtype) / 3).astype(integer) + two_thirds, x.dtype)
    for _ in range(2 if kind.bits == 32 else 3):
        cube = y * y * y
        y = y * ((cube + 2 * a) / (2 * cube + a))
    y = y * _chosen(large, 2.0**8, small, 2.0**-8, x.dtype)
    return jnp.where((a > 0) & (a < jnp.inf), y, a)


def _chosen(first: jax.Array, x: float, second: jax.Array, y: float, dtype: Any) -> jax.Array:
    """x where the first holds, y where the second does, 1 elsewhere."""
    return jnp.where(first, x, jnp.where(second, y, 1)).astype(dtype)


def angle(y: jax.Array, x: jax.Array) -> jax.Array:
    """Compute atan2(y, x) of x >= 0: in [-π/2, π/2], 0 where both are 0.

    Args:
        y, x: of one shape, float32 or float64.
    """
    r = jnp.abs(y)
    large, small = jnp.maximum(r, x), jnp.minimum(r, x)
    z = jnp.where(large > 0, small / jnp.where(large > 0, large, 1), large)  # NaN stays
    z = jnp.where(small == jnp.inf, 1, z)  # ∞/∞
    far = z > TAN
    turned = jnp.where(far, (z - 1) / (z + 1), z)
    square = turned * turned
    series = jnp.zeros_like(z)
    for a in reversed(SINGLE if z.dtype == jnp.float32 else DOUBLE):
        series = series * square + a
    below = turned * series + jnp.where(far, jnp.pi / 4, 0).astype(z.dtype)
    return jnp.copysign(jnp.where(r > x, jnp.pi / 2 - below, below), y)
