"""Give each column of a table its kind. typed, typed_column, array_of."""

from typing import Any

import numpy as np

from padl.data.table import advice
from padl.data.table.arrow import arrow
from padl.data.table.kinds import Column, Types
from padl.data.table.numbers import is_no_value, merged
from padl.data.table.source_table import Table
from padl.data.table.spelling import PLAIN_NUMBERS, NumberFormat
from padl.data.table.text_columns import ColumnPlace, is_empty, of_text
from padl.types import PadlError


def typed(table: Table, types: Types) -> dict[str, Column]:
    """Give every column its kind, but for those that are dropped.

    Raises:
        PadlError: a kind for a column that there is not; a column whose kind is in doubt, with row, value and options.
    """
    for name in types.kinds:
        table.column(name)
    for name in table.names:
        if name in table.unnamed and name not in types.kinds:
            raise PadlError(f"{table.where}: its {name} has no name in the first line: {advice.unnamed(name)}")
    return {name: typed_column(table, name, types) for name in table.names if types.kinds.get(name) != "drop"}


def typed_column(table: Table, name: str, types: Types) -> Column:
    """Give one column its kind: that of its Arrow type, and of texts by `of_text`.

    Raises:
        PadlError: its kind is in doubt, or is not the one it is told.
    """
    pa = arrow()
    import pyarrow.types as of

    array, told = table.column(name), types.kinds.get(name)
    if of.is_dictionary(array.type) and not isinstance(array.type.value_type, pa.BaseExtensionType):
        array, told = array.cast(array.type.value_type), told or "category"
    if of.is_boolean(array.type) or (_is_number(array.type) and told == "category"):
        array, told = array.cast(pa.string()), told or "category"
    if _is_number(array.type) and told in (None, "number"):
        return _of_numbers(array, name, types, table.where)
    if (of.is_date(array.type) or of.is_timestamp(array.type)) and told in (None, "date"):
        return _of_dates(array, name, types, table.where)
    if of.is_null(array.type) or of.is_string(array.type) or str(array.type) in ("large_string", "string_view"):
        return of_text(array.cast(pa.string()), told, ColumnPlace(table.where, name, types))
    as_told = f", which cannot be read as a {told}" if told else ""
    raise PadlError(f"{table.where}: column '{name}' holds {array.type}{as_told}: {advice.drop(name)} leaves it out")


def array_of(table: Table, name: str, numbers: NumberFormat = PLAIN_NUMBERS) -> np.ndarray:
    """Return a column that is no feature, as one that groups or orders the rows, (n,).

    Returns:
        float64 of numbers, datetime64[us] of dates, else its texts as they are, however many.

    Raises:
        PadlError: there is no such column, or a value is missing.
    """
    try:
        column = typed_column(table, name, Types({}, numbers, "days"))
    except PadlError:
        column = typed_column(table, name, Types({name: "category"}, numbers))
    if column.missing.any():
        raise PadlError(f"{table.where}: {advice.no_value(column)}: fill it, or remove the row")
    return column.texts if column.kind == "category" else column.values


def _is_number(kind: Any) -> bool:
    import pyarrow.types as of

    return of.is_integer(kind) or of.is_floating(kind) or of.is_decimal(kind)


def _of_numbers(array: Any, name: str, types: Types, where: str) -> Column:
    pa = arrow()

    array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    values = array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    values = np.where(is_no_value(values, types.numbers.na), np.nan, values)
    infinite = np.isinf(values)
    if infinite.any():
        row = int(infinite.argmax())
        raise PadlError(
            f"{where}: {values[row]} in column '{name}', row {row + 1}, cannot be trained on: repair the row"
        )
    if np.isnan(values).all() and name not in types.kinds:
        raise is_empty(where, name)
    if name not in types.kinds and (large := merged(array, values)).any():
        row = int(large.argmax())
        raise PadlError(f"{where}: {array[row].as_py()} in column '{name}', row {row + 1}, {advice.merged(name)}")
    return Column(name, "number", values, empty="NaN or null")


def _of_dates(array: Any, name: str, types: Types, where: str) -> Column:
    pa = arrow()

    array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    if types.dates == "refuse" and types.kinds.get(name) != "date":
        first = next((x for x in array if x.is_valid), None)
        raise PadlError(f"{where}: column '{name}' holds dates{f', as {first}' if first else ''}{advice.dates(name)}")
    values = array.cast(pa.timestamp("us"), safe=False).to_numpy(zero_copy_only=False)
    if np.isnat(values).all() and name not in types.kinds:
        raise is_empty(where, name)
    return Column(name, "date", values, empty="null", form="year-month-day")
