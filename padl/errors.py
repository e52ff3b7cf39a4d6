"""A mistake in one line, and texts that a terminal can show; without JAX, which takes a second to import.

PadlError, near, nearest_word, edits, one_line, printable, printable_lines.
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
    nearest = nearest_word(word, words)
    return "" if nearest is None else f"; did you mean '{nearest}'?"


def nearest_word(word: str, words: Iterable[str]) -> str | None:
    """Return the word that is fewest edits from `word` of those alike, the shorter of two; None where none is alike.

    Alike is what has most letters in common, in their order, as difflib has it, or of three letters and more what is
    one edit away.
    """
    known = list(words)
    alike = set(difflib.get_close_matches(word, known, n=10))
    if len(word) > 2:
        alike |= {other for other in known if len(other) > 2 and edits(word, other) == 1}
    return min(alike, key=lambda other: (edits(word, other), len(other), known.index(other)), default=None)


def edits(word: str, other: str) -> int:
    """Count the letters put in, left out, changed, or swapped with their neighbour that make one word the other.

    The optimal string alignment distance: Damerau 1964, Commun. ACM 7(3), with no letter changed twice.
    """
    before, row = [0] * (len(other) + 1), list(range(len(other) + 1))
    for i, a in enumerate(word, start=1):
        above, before, row = before, row, [i]
        for j, b in enumerate(other, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and (a, word[i - 2]) == (other[j - 2], b):
                cost = min(cost, above[j - 2] + 1)
            row.append(cost)
    return row[-1]


def one_line(error: BaseException) -> str:
    """`ValueError: what it says first`, and where that ends in a colon what it introduces, up to an empty line."""
    first, _, more = str(error).partition("\n")
    if first.rstrip().endswith(":"):
        first = " ".join([first, *more.strip().partition("\n\n")[0].split()])
    return f"{type(error).__name__}: {first}"
