"""Refuse data that cannot be trained on, naming column and row.

check_finite, check_resolution, check_span, check_labels, is_beyond_32_bits.
"""

import numpy as np

from padl.types import PadlError

LARGEST_SPAN, SMALLEST_SPAN = 2.0**126, 2.0**-120  # beyond, 1 / span is no normal float32, and processors take 0 for it


def check_finite(table: np.ndarray, columns: list[str], where: str) -> None:
    """Refuse the first NaN or infinity in a (rows, columns) table by PadlError, with its column and row."""
    bad = np.argwhere(~np.isfinite(table))
    if len(bad):
        row, column = bad[0]
        value = table[row, column]
        raise PadlError(
            f"{where}: {value} in column '{columns[column]}', row {row + 1} of {len(table)}"
            f" ({len(bad)} such values in all): remove or repair these rows"
        )


def check_resolution(table: np.ndarray, columns: list[str], where: str) -> None:
    """Refuse a column (rows, columns) whose numbers float32 can hardly hold, or tell apart, by PadlError."""
    low, high = (end(table, axis=0).astype(np.float64) for end in (np.min, np.max))
    largest = np.maximum(np.abs(low), np.abs(high))
    for at in np.flatnonzero(largest > np.finfo(np.float32).max)[:1]:
        raise PadlError(
            f"{where}: {largest[at]:g} in column '{columns[at]}' is too large for float32: use another unit"
        )
    check_span(low, high, columns, where)
    for at in np.flatnonzero(high - low < 0.1 * largest):  # all others vary by more than 1e-5 of the largest
        column = table[:, at]
        width = (column - column.min()).std(dtype=np.float64)  # the difference is exact for whole numbers too
        if 0 < width < 1e-5 * largest[at]:
            raise PadlError(
                f"{where}: column '{columns[at]}' varies by {width:.3g} around {largest[at]:.3g}, which float32 cannot"
                " tell apart: subtract a constant from it"
            )


def check_span(low: np.ndarray, high: np.ndarray, columns: list[str], where: str) -> None:
    """Refuse the first column whose numbers lie so far apart, or so near, that float32 cannot divide by their spread.

    Args:
        low, high: of each column, (columns,).

    Raises:
        PadlError: with the column and its ends.
    """
    spans = np.asarray(high, np.float64) - np.asarray(low, np.float64)
    bad = np.flatnonzero((spans > LARGEST_SPAN) | ((spans > 0) & (spans < SMALLEST_SPAN)))
    if len(bad):
        at = bad[0]
        raise PadlError(
            f"{where}: column '{columns[at]}' goes from {low[at]:.3g} to {high[at]:.3g}, which float32 cannot be"
            " standardised by: use another unit"
        )


def is_beyond_32_bits(numbers: np.ndarray) -> bool:
    """Tell whether there are whole numbers of which the device, which has 32 bits for one, would keep a part."""
    if numbers.dtype.kind not in "iu" or numbers.dtype.itemsize < 8 or not numbers.size:
        return False
    limits = np.iinfo(np.int32 if numbers.dtype.kind == "i" else np.uint32)
    return bool(numbers.min() < limits.min or numbers.max() > limits.max)


def check_labels(labels: np.ndarray, classes: int, where: str) -> None:
    """Refuse the first label outside 0 .. classes-1 by PadlError, with its row."""
    bad = np.flatnonzero((labels < 0) | (labels >= classes))
    if len(bad):
        raise PadlError(
            f"{where}: label {labels[bad[0]]} in row {bad[0] + 1} is outside 0 .. {classes - 1}"
            f" ({len(bad)} such labels in all): mend them, or set task.classes"
        )
