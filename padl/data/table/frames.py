"""Take the columns of a data frame: of pandas, polars or Arrow, a dict of arrays, or rows in a list.

is_frame, from_frame.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from padl.data.table.arrow import arrow
from padl.data.table.reading import from_arrow
from padl.data.table.source_table import Table
from padl.types import PadlError, one_line


def is_frame(value: Any) -> bool:
    """Tell whether something is what `from_frame` takes, and no array or single column."""
    if isinstance(value, Mapping) or _is_rows(value):
        return True
    of_rows = any(hasattr(value, name) for name in ("iloc", "__arrow_c_stream__", "__dataframe__"))
    return of_rows and not any(hasattr(value, name) for name in ("dtype", "type"))  # which a column has


def from_frame(frame: Any, where: str = "the data frame") -> Table:
    """Take the columns of a data frame in the form in which `reading.read` gives them; an index is no column.

    Args:
        frame: what has `__arrow_c_stream__` (polars, pandas, Arrow) or `__dataframe__`, {name: array (n,)}, or a row
            each in a list, [{name: value}].

    Raises:
        PadlError: it is none, it has no rows, two columns have one name, or a column holds what Arrow has no type for.
    """
    pa = arrow()

    try:
        table = from_arrow(_arrow(frame), where, {"format": "frame"})
    except (pa.ArrowException, TypeError, ValueError) as error:
        if isinstance(error, PadlError):
            raise
        raise PadlError(f"{where} cannot be read as a table ({one_line(error)})") from error
    if not table.rows:
        raise PadlError(f"{where} has no rows")
    return table


def _is_rows(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and bool(value) and all(isinstance(row, Mapping) for row in value)


def _plain(value: Any) -> Any:
    """A scalar of NumPy as Python's, which Arrow takes."""
    return value.item() if isinstance(value, np.generic) else value


def _arrow(frame: Any) -> Any:
    pa = arrow()

    if _is_rows(frame):
        names = dict.fromkeys(str(name) for row in frame for name in row)
        rows = [{str(name): _plain(value) for name, value in row.items()} for row in frame]
        return pa.table({name: pa.array([row.get(name) for row in rows]) for name in names})
    if isinstance(frame, Mapping):
        columns = {str(name): np.asarray(values) for name, values in frame.items()}
        single = next((name for name, values in columns.items() if not values.ndim), None)
        if single is not None:
            raise PadlError(f"column '{single}' is one value and no array: a single row is given as [{{name: value}}]")
        return pa.table(columns)
    if hasattr(frame, "iloc"):  # pandas, whose index is left out; names may be numbers
        return pa.Table.from_pandas(frame.set_axis([str(name) for name in frame.columns], axis=1), preserve_index=False)
    if hasattr(frame, "__arrow_c_stream__"):
        return pa.table(frame)
    if hasattr(frame, "__dataframe__"):
        from pyarrow.interchange import from_dataframe

        return from_dataframe(frame)
    raise PadlError(
        f"a {type(frame).__name__} is no data frame: give one of pandas, polars or Arrow, a dict of arrays or rows as"
        " dicts in a list"
    )
