"""Write a table as CSV. csv_text, blank_for_none."""

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from typing import Any


def blank_for_none(value: Any) -> Any:
    """Return an empty cell for None, and the value itself otherwise: NaN is written as `nan`."""
    return "" if value is None else value


def csv_text(columns: Sequence[str], rows: Iterable[Iterable[Any]], cell: Callable[[Any], Any] = blank_for_none) -> str:
    r"""Return a CSV file's text: a line of column names, then a line for each row, each ended by \n.

    Args:
        columns: their names. rows: the values of each, in the order of the columns.
        cell: value -> what is written for it, quoted where it must be. A table in which NaN means that there is no
            value, or whose numbers have fewer digits, says so here.

    Raises:
        ValueError: a row with more or fewer values than there are columns.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        cells = [cell(value) for value in row]
        if len(cells) != len(columns):
            raise ValueError(f"a row of {len(cells)} values for {len(columns)} columns: {cells}")
        writer.writerow(cells)
    return text.getvalue()
