"""Arrays of numbers as JSON, and back to the last bit. encode, decode, encode_all, decode_all."""

from collections.abc import Mapping
from typing import Any

import numpy as np


def encode(array: np.ndarray) -> dict[str, Any]:
    """Return a flat array as JSON: its type and its values, each a number that reads back as the same bits."""
    return {"dtype": array.dtype.name, "values": array.tolist()}


def decode(saved: Mapping[str, Any]) -> np.ndarray:
    """Return the array that `encode` gave; NaN and infinities may have become texts, as `run_folder.strict` does.

    Raises:
        KeyError, TypeError, ValueError: it gave no such thing.
    """
    array = np.array([float(x) if isinstance(x, str) else x for x in saved["values"]], saved["dtype"])
    if array.ndim != 1 or array.dtype.kind not in "fiub":
        raise ValueError("it is no list of numbers")
    return array


def encode_all(arrays: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Encode named arrays."""
    return {name: encode(array) for name, array in arrays.items()}


def decode_all(saved: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Decode what `encode_all` gave."""
    return {name: decode(each) for name, each in saved.items()}
