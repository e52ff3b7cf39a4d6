"""Write numbers and lines as the commands print them."""

from typing import Any

from padl.runs.console import Output


def short(value: Any, digits: int = 6) -> str:
    """A cell of a table: a float to so many significant digits, nothing for None, else as Python writes it."""
    if value is None:
        return ""
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)


def print_line(text: str) -> None:
    """Print a line on standard output as it stands, unbroken and without markup."""
    Output().print(text, markup=False, highlight=False, soft_wrap=True)
