"""Take the columns of a data frame: of pandas, polars or Arrow, or a dict of arrays. from_frame."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from padl.data.table.arrow import arrow
from padl.data.table.reading import from_arrow
from padl.data.table.source_table import Table
from padl.types import PadlError, one_line


def from_frame(frame: Any, where: str = "the data frame") -> Table:
    """Take the columns of a data frame in the form in which `reading.read` gives them; an index is no column.

    Args:
        frame: what has `__arrow_c_stream__` (polars, pandas, Arrow) or `__dataframe__`, or {name: array (n,)}.

    Raises:
        PadlError: it is none, two columns have one name, or a column holds what Arrow has no type for.
    """
    pa = arrow()

    try:
        return from_arrow(_arrow(frame), where, {"format": "frame"})
    except (pa.ArrowException, TypeError, ValueError) as error:
        if isinstance(error, PadlError):
            raise
        raise PadlError(f"{where} cannot be read as a table ({one_line(error)})") from error


def _arrow(frame: Any) -> Any:
    pa = arrow()

    if isinstance(frame, Mapping):
        return pa.table({str(name): np.asarray(values) for name, values in frame.items()})
    if hasattr(frame, "iloc"):  # pandas, whose index is left out; names may be numbers
        return pa.Table.from_pandas(frame.set_axis([str(name) for name in frame.columns], axis=1), preserve_index=False)
    if hasattr(frame, "__arrow_c_stream__"):
        return pa.table(frame)
    if hasattr(frame, "__dataframe__"):
        from pyarrow.interchange import from_dataframe

        return from_dataframe(frame)
    raise PadlError(
        f"a {type(frame).__name__} is no data frame: give one of pandas, polars or Arrow, or a dict of arrays"
    )
