"""Deal with rows in which a value is missing. complete_rows."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

import numpy as np

from padl.data.table import advice
from padl.data.table.kinds import Column
from padl.types import PadlError

Missing = Literal["refuse", "drop", "impute"]


class CompleteRows(NamedTuple):
    """Which rows are kept.

    Attributes:
        kept: bool (n,); None for all. notes: lines on those that are not.
    """

    kept: np.ndarray | None
    notes: tuple[str, ...] = ()


def complete_rows(columns: Iterable[Column], missing: Missing, where: str) -> CompleteRows:
    """Choose the rows that are kept: all, or those without a missing value.

    Args:
        columns: those that must have a value: with "impute", the targets alone. missing: "refuse" refuses; the others
            leave rows out.

    Raises:
        PadlError: a value is missing, and `missing` is "refuse"; no row is complete.
    """
    lacking = [column for column in columns if column.missing.any()]
    if not lacking:
        return CompleteRows(None)
    if missing == "refuse":
        raise PadlError(
            f"{where}: {advice.no_value(lacking[0])}: task.missing=drop leaves such rows out, task.missing=impute fills"
            " features in with the mean of the training rows"
        )
    kept = ~np.logical_or.reduce([column.missing for column in lacking])
    if not kept.any():
        names = ", ".join(column.name for column in lacking)
        raise PadlError(
            f"{where}: no row has a value in every column ({names} lack some): leave columns out by task.drop"
        )
    most = max(lacking, key=lambda column: column.missing.sum())
    gone = f"{int((~kept).sum()):,} of {len(kept):,} rows without a value are left out"
    return CompleteRows(kept, (f"{gone} (column '{most.name}' lacks {int(most.missing.sum()):,})",))
