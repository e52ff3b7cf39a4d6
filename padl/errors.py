"""A mistake in one line, and texts that a terminal can show; without JAX, which takes a second to import.

PadlError, near, one_line, printable, printable_lines.
"""

import difflib
from collections.abc import Iterable


def printable(text: str) -> str:
    r"""Write what is not printable as Python does: \x1b for the sign that begins a command to the terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def printable_lines(text: str) -> str:
    """Make each line of a text `printable`."""
    return "\n".join(map(printable, text.split("\n")))


class PadlError(ValueError):
    """A mistake that one line explains: what is wrong, where, and how to go on. No traceback is owed for it.

    Whatever of the user's data stands in its message, only what is printable reaches a terminal.
    """

    def __init__(self, message: str):
        super().__init__(printable_lines(message))


def near(word: str, words: Iterable[str]) -> str:
    """`; did you mean 'adam'?`, or nothing when no word is near."""
    close = difflib.get_close_matches(word, list(words), n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


def one_line(error: BaseException) -> str:
    """`ValueError: what it says first`."""
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
