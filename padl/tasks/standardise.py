"""Standardise inputs by the training rows alone.

moments, InputKinds, input_stats, standardise; check_inputs, check_numbers: what cannot be.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from padl.data.checks import check_finite, check_resolution, check_span, is_beyond_32_bits
from padl.types import PadlError


class InputKinds(NamedTuple):
    """What inputs (n, features) are, beside numbers.

    Attributes:
        indicators: bool (features,), True where an input is 0 or 1 for a category.
        imputed: a number may be missing, NaN, and the mean of the training rows stands for it.
    """

    indicators: np.ndarray
    imputed: bool


def moments(values: np.ndarray, axes: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Compute mean and standard deviation (1 for a constant) over these axes, which stay with length 1, in float32."""
    centre, spread = (np.asarray(f(values, axes, dtype=np.float64, keepdims=True)) for f in (np.mean, np.std))
    return centre.astype(np.float32), np.where(spread > 0, spread, 1.0).astype(np.float32)


def input_axes(inputs: np.ndarray) -> tuple[int, ...]:
    """Return the axes that inputs are standardised over: each column of a table, each channel of images."""
    return (0,) if inputs.ndim == 2 else tuple(range(inputs.ndim - 1))


def input_stats(inputs: np.ndarray, kinds: InputKinds | None = None) -> dict[str, np.ndarray]:
    """Estimate what `standardise` needs of training inputs.

    Returns:
        "mean" and "std"; of `kinds` with a missing number also "fill" (1, features), what stands for it, and of those
        with categories "seen" (1, features), 0 for a category that no training row has and 1 for all else.
    """
    if kinds is None:
        centre, spread = moments(inputs, input_axes(inputs))
        return {"mean": centre, "std": spread}
    stats = {}
    if kinds.imputed:
        there = ~np.isnan(inputs)
        total = np.where(there, inputs, 0).sum(0, np.float64, keepdims=True)
        stats["fill"] = (total / np.maximum(there.sum(0, keepdims=True), 1)).astype(np.float32)
        inputs = np.where(there, inputs, stats["fill"])
    if kinds.indicators.any():
        stats["seen"] = (~kinds.indicators | inputs.any(0))[None].astype(np.float32)
    centre, spread = moments(inputs, (0,))
    return {"mean": centre, "std": spread, **stats}


def standardise(inputs: Any, stats: Mapping[str, Any]) -> Any:
    """Scale inputs by what `input_stats` estimated, in the array library and the dtype that they are in."""
    xp = inputs.__array_namespace__()
    if "fill" in stats:
        inputs = xp.where(xp.isnan(inputs), stats["fill"], inputs)
    if "seen" in stats:
        inputs = inputs * stats["seen"]
    return (inputs - stats["mean"]) / stats["std"]


def check_inputs(inputs: np.ndarray, where: str, kinds: InputKinds | None = None) -> None:
    """Refuse inputs (n, ...) that cannot be trained on.

    Raises:
        PadlError: there are none; as `check_numbers`; whole numbers that 32 bits do not hold.
    """
    if not len(inputs):
        raise PadlError(f"{where}: no rows")
    if not (kinds and kinds.imputed):
        check_numbers(inputs, where)
    if is_beyond_32_bits(inputs):
        raise PadlError(f"{where}: inputs hold whole numbers beyond 32 bits: give them in floating point")


def check_numbers(inputs: np.ndarray, where: str) -> None:
    """Refuse inputs (n, ...) that float32 cannot hold, tell apart or standardise.

    Raises:
        PadlError: one is not finite; a column of a table, or a channel, is too large, too narrow or too wide.
    """
    kind, size = inputs.dtype.kind, inputs.dtype.itemsize
    table = inputs.reshape(len(inputs), -1)
    names = [f"input {i + 1}" for i in range(table.shape[1])]
    if kind == "f":
        check_finite(table, names, where)
    together = table if inputs.ndim < 3 else inputs.reshape(-1, inputs.shape[-1])
    if size > 4 or (size == 4 and kind != "f"):
        check_resolution(together, names, where)
    elif kind == "f":
        check_span(together.min(axis=0), together.max(axis=0), names, where)
