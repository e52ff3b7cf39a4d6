"""Write numbers, cells and lines as the commands print them: brackets as brackets, nothing that is not printable."""

from typing import Any

from rich.text import Text

from padl.errors import printable, printable_lines
from padl.runs.console import Output


def short(value: Any, digits: int = 6) -> str:
    """A cell of a table: a float to so many significant digits, nothing for None, else as Python writes it."""
    if value is None:
        return ""
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)


def cell(value: Any, digits: int = 6) -> Text:
    """Return a cell or a heading of a table, `short`, in which rich takes nothing for markup."""
    return Text(printable(short(value, digits)))


def print_line(text: str, style: str = "") -> None:
    """Print a text on standard output as it stands, unbroken and without markup."""
    Output().print(Text(printable_lines(text), style), soft_wrap=True)
