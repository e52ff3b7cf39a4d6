"""Standardise inputs by the training rows alone. moments, input_axes, check_inputs."""

import numpy as np

from padl.data.checks import check_finite, check_span
from padl.types import PadlError


def moments(values: np.ndarray, axes: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Compute mean and standard deviation (1 for a constant) over these axes, which stay with length 1, in float32."""
    centre, spread = (np.asarray(f(values, axes, dtype=np.float64, keepdims=True)) for f in (np.mean, np.std))
    return centre.astype(np.float32), np.where(spread > 0, spread, 1.0).astype(np.float32)


def input_axes(inputs: np.ndarray) -> tuple[int, ...]:
    """Return the axes that inputs are standardised over: each column of a table, each channel of images."""
    return (0,) if inputs.ndim == 2 else tuple(range(inputs.ndim - 1))


def check_inputs(inputs: np.ndarray, where: str) -> None:
    if not len(inputs):
        raise PadlError(f"{where}: no rows")
    if np.issubdtype(inputs.dtype, np.floating):
        table = inputs.reshape(len(inputs), -1)
        names = [f"input {i + 1}" for i in range(table.shape[1])]
        check_finite(table, names, where)
        axes = input_axes(inputs)
        low, high = (np.ravel(end(inputs, axis=axes)) for end in (np.min, np.max))
        check_span(low, high, names, where)
