"""Read a table from a file: text, Parquet, Arrow IPC (Feather), each also in gzip. read."""

import gzip
import io
import os
import zlib
from typing import Any, NamedTuple

from padl import files
from padl.data.table.arrow import arrow, compute
from padl.data.table.delimited import columns_of
from padl.data.table.layout import decoded, layout_of
from padl.data.table.numbers import plain_text
from padl.data.table.source_table import Table, excerpt
from padl.types import PadlError, one_line, printable

LARGEST_TABLE = 2**31  # bytes; a table is read into memory whole
GZIP, PARQUET, ARROW, FEATHER = b"\x1f\x8b", b"PAR1", b"ARROW1", b"FEA1"
OTHERS = {
    b"PK\x03\x04": "a spreadsheet or a ZIP archive: save it as CSV, or unpack it",
    b"\xd0\xcf\x11\xe0": "an old spreadsheet: save it as CSV",
    b"\x93NUMPY": "an array of NumPy: task=array_files reads a folder of them",
    b"%PDF": "a PDF: save the table as CSV",
    b"BZh": "packed by bzip2: unpack it, or pack it by gzip",
    b"\xfd7zXZ": "packed by xz: unpack it, or pack it by gzip",
    b"\x28\xb5\x2f\xfd": "packed by Zstandard: unpack it, or pack it by gzip",
    b"[{": "JSON: save it as CSV",
    b'{"': "JSON: save it as CSV",
    b"version https://git-lfs": "a pointer of Git LFS: 'git lfs pull' brings the table",
    b"SQLite format 3": "a database of SQLite: save the table as CSV",
    b"\x89HDF": "a file of HDF5: save the table as CSV or Parquet",
}


class TextOptions(NamedTuple):
    """What a user says of a text file.

    Attributes:
        delimiter: "auto", a word of `layout.DELIMITERS`, or the sign itself. encoding: "auto", or Python's name of it.
        header: whether the first line names the columns; None refuses one that holds numbers.
    """

    delimiter: str = "auto"
    encoding: str = "auto"
    header: bool | None = None


AS_IT_IS = TextOptions()


def read(path: str, reading: TextOptions = AS_IT_IS, option: str = "") -> Table:
    """Read a table; what kind of file it is, its content says.

    A column without a name is left out, with a line, where it is empty or counts the rows, as an index does; another
    is called "column 3" by its place.

    Args:
        option: of the task that names the path, for a message; "" where none does.

    Raises:
        PadlError: no regular file, too large, not to be read, its layout in doubt, a line of another length, no rows.
    """
    try:
        content = files.read(os.path.expanduser(path), LARGEST_TABLE)
        if content.startswith(GZIP):
            content = _unpacked(content)
    except (OSError, EOFError, zlib.error) as error:
        why = getattr(error, "strerror", None) or error
        named = f"task.{option}=" if option else ""
        raise PadlError(f"{named}{path!r} cannot be read as a table: {why}") from error
    for mark, what in OTHERS.items():
        if content.startswith(mark):
            raise PadlError(f"{path}: it is {what}")
    if content.startswith((PARQUET, ARROW, FEATHER)):
        table = _of_arrow(content, path, reading)
    else:
        table = _of_text(content, path, reading)
    if not table.rows:
        raise PadlError(f"{path}: no rows below the header")
    return _with_names(table)


def from_arrow(arrow: Any, where: str, form: dict[str, Any]) -> Table:
    """Take the columns of an Arrow table.

    Raises:
        PadlError: fewer than one, or two of one name.
    """
    names = [printable(str(name)) for name in arrow.column_names]
    twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if twice is not None or not names:
        raise PadlError(f"{where}: every column needs a name of its own; it has: {excerpt(names)}")
    return Table(tuple(names), tuple(arrow.columns), where, form=form)


def _unpacked(content: bytes) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as packed:
        unpacked = packed.read(LARGEST_TABLE + 1)
    if len(unpacked) > LARGEST_TABLE:
        raise OSError(None, f"larger than {LARGEST_TABLE:,} bytes when it is unpacked")
    return unpacked


def _of_text(content: bytes, path: str, reading: TextOptions) -> Table:
    text, encoding, content = decoded(content, reading.encoding, path)
    if reading.delimiter in ("space", " "):
        text = "".join(" ".join(line.split()) + "\n" for line in text.splitlines())
        content = text.encode()
    layout = layout_of(text, reading.delimiter, reading.header, path)
    columns = columns_of(text, content, layout, path)
    notes = layout.notes if encoding in ("utf-8", reading.encoding) else (f"its encoding is {encoding}", *layout.notes)
    form = {
        "format": "text",
        "encoding": encoding,
        "delimiter": layout.delimiter,
        "header": reading.header is not False,
    }
    return Table(layout.names, tuple(columns), path, notes, form=form)


def _of_arrow(content: bytes, path: str, reading: TextOptions) -> Table:
    given = [name for name, value in reading._asdict().items() if value != TextOptions._field_defaults[name]]
    if given:
        raise PadlError(f"task.{given[0]} is for text, and {path} is none: leave it out")
    pa = arrow()
    from pyarrow import feather, parquet

    source, is_parquet = pa.BufferReader(content), content.startswith(PARQUET)
    try:
        if is_parquet:
            _check_size(parquet.ParquetFile(source).metadata)
        columns = parquet.read_table(source) if is_parquet else feather.read_table(source)
    except (pa.ArrowException, OSError, ValueError, TypeError) as error:
        if isinstance(error, PadlError):
            raise
        raise PadlError(f"{path!r} cannot be read as a table ({one_line(error)})") from error
    return from_arrow(columns, path, {"format": "parquet" if is_parquet else "arrow"})


def _check_size(metadata: Any) -> None:
    size = sum(metadata.row_group(i).total_byte_size for i in range(metadata.num_row_groups))
    if size > LARGEST_TABLE:
        raise PadlError(f"its columns take {size:,} bytes, more than {LARGEST_TABLE:,}")


def _with_names(table: Table) -> Table:
    """The table without unnamed columns that hold nothing or count the rows; the others get names to speak of."""
    names = tuple(name or f"column {i + 1}" for i, name in enumerate(table.names))
    unnamed = {name: _what_is_unnamed(table, i) for i, name in enumerate(names) if not table.names[i]}
    if twice := [name for name in unnamed if name in table.names]:
        raise PadlError(f"{table.where}: {twice[0]} has no name, and another is called that: name it in the first line")
    left_out = tuple(name for name, what in unnamed.items() if what)
    notes = [f"its {name} has no name and {unnamed[name]}: it is left out" for name in left_out]
    table = table._replace(names=names, notes=(*table.notes, *notes), unnamed=frozenset(unnamed))
    return table.without(left_out)


def _what_is_unnamed(table: Table, place: int) -> str:
    pa = arrow()
    pc = compute()

    texts = plain_text(table.columns[place])
    if not pc.any(pc.not_equal(texts, "")).as_py():
        return "holds nothing"
    counted = [pa.array(map(str, range(start, start + table.rows)), pa.string()) for start in (0, 1)]
    return "counts the rows" if any(texts.equals(count) for count in counted) else ""
