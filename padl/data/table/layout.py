"""Tell how a text is laid out: its encoding, the sign between fields, where its names are. decoded, layout_of."""

import codecs
import csv
import io
import re
from collections.abc import Sequence
from typing import NamedTuple

from padl.data.table.source_table import excerpt
from padl.data.table.spelling import INFINITE, is_plain, looks_like
from padl.types import PadlError, printable

DELIMITERS = {"comma": ",", "tab": "\t", "semicolon": ";", "pipe": "|", "space": " "}
WORDS = {sign: word for word, sign in DELIMITERS.items()}
GUESSED = (",", "\t", ";", "|")
_names_sign = re.compile(r"sep=([^\w\s\"]|\t)\s*", re.IGNORECASE).fullmatch  # as spreadsheets write
SAMPLE, LONGEST_SAMPLE = 200, 2**20  # rows and signs by which the layout is told
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class TextLayout(NamedTuple):
    """How a text is laid out.

    Attributes:
        names: of its columns; "" for one without. delimiter: between fields. start: where its rows begin, in signs.
        line: the number of lines before them. spaced: blanks stand between a delimiter and a quote.
        notes: lines on what was found out.
    """

    names: tuple[str, ...]
    delimiter: str
    start: int
    line: int
    spaced: bool
    notes: tuple[str, ...]


class Decoded(NamedTuple):
    """A text, and how it was decoded.

    Attributes:
        encoding: Python's name of it. content: the text in UTF-8.
    """

    text: str
    encoding: str
    content: bytes


def decoded(content: bytes, encoding: str, where: str) -> Decoded:
    """Decode a text: by the mark at its beginning, as UTF-8, or as it is told.

    Raises:
        PadlError: it is not of this encoding, or there is none of this name.
    """
    if encoding == "auto":
        encoding = next((name for mark, name in MARKS if content.startswith(mark)), "utf-8")
        advice = "task.encoding=latin-1, or cp1252 or what else it is, reads it"
    else:
        advice = "give another task.encoding"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        byte = content[error.start]
        raise PadlError(f"{where}, line {line}: byte 0x{byte:02x} is not {encoding.upper()}: {advice}") from error
    except (LookupError, UnicodeError) as error:
        raise PadlError(f"task.encoding={encoding}: {error}: utf-8, latin-1, cp1252 and utf-16 are some") from error
    if "\0" in text:
        raise PadlError(
            f"{where}: it holds NUL, as UTF-16 without a mark and binary files do: task.encoding=utf-16-le, or a table"
        )
    text, encoding = text.removeprefix("\ufeff"), encoding.removesuffix("-sig")
    return Decoded(text, encoding, content.removeprefix(codecs.BOM_UTF8) if encoding == "utf-8" else text.encode())


def layout_of(text: str, delimiter: str, header: bool | None, where: str) -> TextLayout:
    """Tell the layout of a text.

    Args:
        delimiter: "auto", a word of DELIMITERS, or the sign itself. header: whether its first line names the columns;
            None takes it for names, and refuses one that holds numbers.

    Raises:
        PadlError: it is in doubt; a delimiter that is not told finds a single column.
    """
    lines = _lines(text)
    blank = next((i for i, line in enumerate(lines) if line.strip()), len(lines))
    if blank == len(lines):
        raise PadlError(f"{where}: it is empty: the first line must name two or more columns")
    notes = [f"{blank} blank lines at the beginning are passed over"] if blank else []
    if named := _names_sign(lines[blank]) if len(lines) > blank + 1 else None:
        notes.append("its first line names the sign between fields, and is passed over")
        delimiter, blank = named[1] if delimiter == "auto" else delimiter, blank + 1
    sign = _delimiter(delimiter, lines[blank:], where)
    if sign != "," and delimiter == "auto":
        notes.append(f"its fields are separated by {WORDS[sign]}s")
    rows = _rows(lines[blank:], sign)
    first, used = rows[0]
    names = _names(first, [row for row, _ in rows[1:]], header, where)
    if len(names) < 2 and delimiter == "auto":
        name = "".join(names)
        other = "; task.delimiter=space reads fields separated by blanks" if " " in name else ""
        raise PadlError(f"{where}: the first line must name two or more columns; it has: {excerpt(names)}{other}")
    start = sum(map(len, lines[: blank + used])) if header is not False else sum(map(len, lines[:blank]))
    spaced = sign != " " and any(f'{sign} "' in line for line in lines[:SAMPLE])
    line = blank + (used if header is not False else 0)
    return TextLayout(names, sign, start, line, spaced, tuple(notes))


def _lines(text: str) -> list[str]:
    """The first lines of a text, with their ends."""
    head = text[:LONGEST_SAMPLE]
    lines = io.StringIO(head, newline="").readlines()
    return lines if len(head) == len(text) or len(lines) == 1 else lines[:-1]


def _rows(lines: Sequence[str], sign: str) -> list[tuple[list[str], int]]:
    """The first rows, each with the number of lines read up to its end; what is no CSV ends them."""
    reader, rows = csv.reader(lines, delimiter=sign, skipinitialspace=sign not in "\t "), []
    try:
        for row in reader:
            if any(field.strip() for field in row):
                rows.append((row, reader.line_num))
            if len(rows) > SAMPLE:
                break
    except csv.Error:
        pass
    return rows or [([lines[0].strip()], 1)]


def _delimiter(told: str, lines: Sequence[str], where: str) -> str:
    """The sign between fields: the one that every line has as often as the first, where there is just one such."""
    if told != "auto":
        sign = DELIMITERS.get(told, told)
        if len(sign) != 1 or sign in '"\r\n':
            raise PadlError(f"task.delimiter={told}: one sign, or one of auto, {', '.join(DELIMITERS)}")
        return sign
    fields = {sign: [len(row) for row, _ in _rows(lines, sign)] for sign in GUESSED}
    even = [sign for sign, counts in fields.items() if counts[0] > 1 and len(set(counts)) == 1]
    if len(even) > 1:
        words = " or ".join(WORDS[sign] for sign in even)
        raise PadlError(
            f"{where}: its fields may be separated by {words}: say which, as task.delimiter={WORDS[even[0]]}"
        )
    return even[0] if even else max(GUESSED, key=lambda sign: fields[sign][0])


def _names(first: list[str], rows: list[list[str]], header: bool | None, where: str) -> tuple[str, ...]:
    """The names of the columns, "" for one without: those of the first line, or column 1, column 2, ..."""
    if header is False:
        return tuple(f"column {i + 1}" for i in range(len(first)))
    names = [printable(name.strip()) for name in first]
    if header is None and (why := _why_no_names(names, rows)):
        raise PadlError(
            f"{where}: {why}: task.header=false takes it for a row, and names the columns column 1, column 2, ...;"
            " task.header=true takes it for names"
        )
    if rows and all(len(row) == len(names) - 1 for row in rows) and names[-1] == "":
        names = names[:-1]
    if rows and all(len(row) == len(names) + 1 and not row[-1].strip() for row in rows):
        names = [*names, ""]
    named = [name for name in names if name]
    twice = next((name for i, name in enumerate(named) if name in named[:i]), None)
    if twice is not None:
        raise PadlError(
            f"{where}: the first line must name two or more columns, each once; '{excerpt([twice])}' is there twice;"
            " where it is no header, task.header=false"
        )
    return tuple(names)


def _why_no_names(names: list[str], rows: list[list[str]]) -> str:
    """Why the first line may be a row; "" where its fields are names and nothing else."""
    numbers = [name for name in names if is_plain(name)]
    if numbers:
        return f"the first line holds numbers, as {excerpt(numbers[:1])}, and no names"
    values = [name for name in names if looks_like(name) not in ("", INFINITE)]
    if values:
        return f"the first line holds '{excerpt(values[:1])}', {looks_like(values[0])}, and no name"
    columns = zip(*(map(str.strip, row) for row in rows if len(row) == len(names)), strict=True)
    pairs = zip(names, columns, strict=False)  # of no rows there are no columns
    again = [name for name, column in pairs if name and name in column and not any(map(is_plain, column))]
    return f"the first line may be a row, since '{excerpt(again[:1])}' stands in its column again" if again else ""
