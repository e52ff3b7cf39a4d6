"""Take the rows of a text apart: fast where it is plain, else row by row. columns_of."""

import csv
import io
from typing import Any

import numpy as np

from padl.data.table.arrow import arrow
from padl.data.table.layout import TextLayout
from padl.types import PadlError

QUOTE, NEWLINE = np.frombuffer(b'"\n', np.uint8)


def columns_of(text: str, content: bytes, layout: TextLayout, where: str) -> list[Any]:
    """Read the rows below the header as Arrow arrays of text, one a column.

    Args:
        content: the text in UTF-8.

    Raises:
        PadlError: a line has more or fewer fields than there are names, or its quotes do not close.
    """
    body = memoryview(content)[len(text[: layout.start].encode()) :]
    is_plain = not layout.spaced and (b'"' not in content or _is_plainly_quoted(body, layout.delimiter))
    columns = _fast(body, layout, b'"' in content) if is_plain else None
    return _row_by_row(text, layout, where) if columns is None else columns


def _fast(body: memoryview, layout: TextLayout, is_quoted: bool) -> list[Any] | None:
    """Read a text by Arrow's reader; None where it refuses it."""
    pa = arrow()
    from pyarrow.csv import ConvertOptions, ParseOptions, ReadOptions, read_csv

    places = [str(i) for i in range(len(layout.names))]
    try:
        return read_csv(
            pa.py_buffer(body),
            ReadOptions(column_names=places),
            ParseOptions(delimiter=layout.delimiter, newlines_in_values=is_quoted),
            ConvertOptions(column_types=dict.fromkeys(places, pa.string()), strings_can_be_null=False),
        ).columns
    except pa.ArrowInvalid:
        return None


def _is_plainly_quoted(body: memoryview, delimiter: str) -> bool:
    """Tell whether every quote begins or ends a field or stands beside another: no reader differs on such."""
    signs = np.concatenate([[NEWLINE], np.frombuffer(body, np.uint8), [NEWLINE]])
    places = np.flatnonzero(signs == QUOTE)
    beside = np.frombuffer(f'{delimiter}"\r\n'.encode(), np.uint8)
    at_an_end = np.isin(signs[places - 1], beside) | np.isin(signs[places + 1], beside)
    return len(places) % 2 == 0 and bool(at_an_end.all())


def _row_by_row(text: str, layout: TextLayout, where: str) -> list[Any]:
    pa = arrow()

    lines, wanted = io.StringIO(text[layout.start :], newline=""), len(layout.names)
    rows: list[list[str]] = []
    reader = csv.reader(lines, delimiter=layout.delimiter, strict=True, skipinitialspace=layout.spaced)
    try:
        for row in reader:
            if len(row) == wanted:
                rows.append(row)
            elif any(field.strip() for field in row):
                raise PadlError(f"{where}, line {layout.line + reader.line_num}: {_lengths(row, layout)}")
    except csv.Error as error:
        raise PadlError(f"{where}, line {layout.line + reader.line_num}, cannot be read as CSV: {error}") from error
    return [pa.array([row[i] for row in rows], pa.string()) for i in range(wanted)]


def _lengths(row: list[str], layout: TextLayout) -> str:
    """Say how a row differs from the header in its number of fields."""
    text = f"{len(row)} fields where the header has {len(layout.names)}"
    if len(row) == len(layout.names) + 1 and not row[-1].strip():
        return f"{text}: the line ends with '{layout.delimiter}', and not all do"
    return text
