"""How the rows of a table are split, by the words of a task: shares, columns, another file. SplitBy."""

import re
from typing import Any, NamedTuple

import numpy as np

from padl.data.sides import NAMES, TEST, TRAIN
from padl.data.split import Holdout
from padl.data.table.arrow import arrow
from padl.data.table.columns import array_of
from padl.data.table.reading import TextOptions, read
from padl.data.table.source_table import Table, excerpt
from padl.data.table.spelling import NumberFormat
from padl.types import PadlError, printable

YEAR_FIRST = re.compile(r"[0-9]{4}(?:[-/. ]?[QWT]?[0-9:]{1,2})*")  # 2024-05, 2024Q1


class SplitBy(NamedTuple):
    """What a user says of the split; the hyperparameters of `csv` of these names."""

    held_out: float
    test: float | str = 0.0
    group: str = ""
    order: str = ""
    split: str = ""

    def columns(self, table: Table, targets: tuple[str, ...]) -> tuple[str, ...]:
        """Return the columns that split, and so are no features.

        Raises:
            PadlError: the table has not one of them, or it is a target.
        """
        told = {option: printable(getattr(self, option)) for option in ("group", "order", "split")}
        for option, name in told.items():
            if name and name not in table.names:
                raise PadlError(f"task.{option}='{name}' is no column of {table.where}: it has {excerpt(table.names)}")
            if name in targets:
                raise PadlError(f"task.{option}='{name}' is the target: another column")
        return tuple(name for name in table.names if name in told.values())

    def with_test_rows(self, table: Table, reading: TextOptions) -> Table:
        """Append the rows of the file that `test` names, if it does.

        Raises:
            PadlError: the file cannot be read, or has other columns.
        """
        if not isinstance(self.test, str):
            return table
        other = read(self.test, reading, option="test")
        if set(other.names) != set(table.names):
            lack = sorted({*other.names} ^ {*table.names})
            raise PadlError(
                f"task.test={self.test}: it must have the columns of {table.where}; one has not: {excerpt(lack)}"
            )
        columns = tuple(_joined(table.column(name), other.column(name), name, self.test) for name in table.names)
        note = f"its rows after {table.rows:,} are the test rows, {other.rows:,} of {other.where}"
        return table._replace(columns=columns, where=f"{table.where} with {other.where}", notes=(*table.notes, note))

    def holdout(self, table: Table, rows: int, kept: np.ndarray | None, numbers: NumberFormat) -> Holdout:
        """Say which rows of the table are not trained on.

        Args:
            table: with the test rows. rows: how many it had before them. kept: bool, of its rows; None for all.
            numbers: how they are written.

        Raises:
            PadlError: a column of sides holds another word.
        """
        at = lambda array: array if kept is None else array[kept]  # noqa: E731
        groups = at(array_of(table, printable(self.group), numbers)) if self.group else None
        order = at(_times(table, printable(self.order), numbers)) if self.order else None
        given = _given(table, printable(self.split)) if self.split else np.full(table.rows, TRAIN, np.int8)
        if isinstance(self.test, str):
            if (given == TEST).any():
                raise PadlError(
                    f"task.split={self.split} has test rows, and task.test={self.test} others: leave one out"
                )
            given[rows:] = TEST
        share = 0.0 if isinstance(self.test, str) else self.test
        return Holdout(self.held_out, share, groups, order, at(given) if (given != TRAIN).any() else None)


def _times(table: Table, name: str, numbers: NumberFormat) -> np.ndarray:
    """The values of a column by which rows are in order: numbers, dates, or texts as 2024-05 that sort as times do.

    Raises:
        PadlError: they are other texts, as 01/02/2024, which may be two dates.
    """
    values = array_of(table, name, numbers)
    if values.dtype.kind == "U":
        texts = np.unique(values).tolist()
        other = next((text for text in texts if not YEAR_FIRST.fullmatch(text) or len(text) != len(texts[0])), None)
        if other is not None:
            raise PadlError(
                f"{table.where}: '{excerpt([printable(other)])}' in column '{name}', which task.order names, says no"
                " time for certain: write numbers, or dates as 2021-03-01"
            )
    return values


def _given(table: Table, name: str) -> np.ndarray:
    """The side of each row, by the words of a column."""
    words = array_of(table, name).astype(str)
    different, places = np.unique(words, return_inverse=True)
    unknown = [word for word in different if word.strip().lower() not in NAMES]
    if unknown:
        raise PadlError(
            f"{table.where}: column '{name}', which task.split names, holds '{excerpt([printable(unknown[0])])}':"
            f" it must hold {', '.join(NAMES)}"
        )
    return np.array([NAMES[word.strip().lower()] for word in different], np.int8)[places]


def _joined(one: Any, two: Any, name: str, file: str) -> Any:
    """Two Arrow arrays, one behind the other, of the type of the first."""
    pa = arrow()

    try:
        chunks = [chunk for array in (one, two.cast(one.type)) for chunk in getattr(array, "chunks", [array])]
        return pa.concat_arrays(chunks)
    except pa.ArrowException as error:
        raise PadlError(f"task.test={file}: column '{name}' holds {two.type}, and must hold {one.type}") from error
