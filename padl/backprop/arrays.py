"""Numbers that sum up one array. as_numpy, norm, share_of_zeros, nonfinite_kind."""

from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np


def as_numpy(value: Any) -> np.ndarray:
    """Convert to NumPy; a random key becomes the integers that it holds."""
    if isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jax.dtypes.prng_key):
        value = jax.random.key_data(value)
    return np.asarray(value)


def norm(x: np.ndarray | None) -> float:
    """Compute the Euclidean norm in double precision, of numbers whose squares overflow in it too; NaN for None."""
    if x is None:
        return float("nan")
    magnitudes = np.abs(_in_double_precision(x))
    power = np.frexp(magnitudes.max(initial=0))[1]  # the largest number × 2^-power is below 1, and nothing is rounded
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.ldexp(np.sqrt((np.ldexp(magnitudes, -power) ** 2).sum()), power))


def share_of_zeros(x: np.ndarray | None) -> float:
    """Compute the share of elements that are exactly 0, in [0, 1]; NaN for None and for no elements."""
    return float("nan") if x is None or x.size == 0 else float((x == 0).mean())


def nonfinite_kind(value: Any) -> Literal["NaN", "infinity", ""]:
    """Return "NaN" or "infinity" if there is one among the numbers (NaN if there are both), else ""; "" for None."""
    if value is None:
        return ""
    x = as_numpy(value)
    if x.dtype.kind in "iub":
        return ""
    x = _in_double_precision(x)
    return "NaN" if np.isnan(x).any() else "infinity" if np.isinf(x).any() else ""


def _in_double_precision(x: np.ndarray) -> np.ndarray:
    return x.astype(np.complex128 if np.iscomplexobj(x) else np.float64)
