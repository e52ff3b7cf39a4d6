"""Show an object in a few lines: as text at the prompt, as a small table in a notebook. Card, Readable, number."""

import html
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from padl.errors import printable

ROWS, COLUMNS = 12, 10  # of a table, at most
CELL_LETTERS, LINE_LETTERS = 80, 160  # at most
LEFT = "text-align: left"


class Card(NamedTuple):
    """What is to be said of an object: texts, no arrays. What is more than a few lines is cut, and counted.

    Attributes:
        title: a line. facts: {what: how it is}; an empty one is left out.
        columns, rows: a table, of as many texts in each row as there are columns. notes: lines below it.
        left_out: how many rows there are besides.
    """

    title: str
    facts: Mapping[str, str]
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    notes: Sequence[str] = ()
    left_out: int = 0


class Readable:
    """Shows itself by its card: in text, and in HTML for a notebook."""

    def card(self) -> Card:
        """Say what there is to see."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return as_text(self.card())

    def _repr_html_(self) -> str:
        return as_html(self.card())


def number(value: Any, digits: int = 4) -> str:
    """Write a number with so many digits, `1,438` for a whole one; "" for None, and another value as it is."""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return f"{value:.{digits}g}" if isinstance(value, float) else "" if value is None else str(value)


def as_text(card: Card) -> str:
    """Lay out a card in lines, none of which ends in blanks."""
    facts = [(name, fact) for name, fact in card.facts.items() if fact]
    lines = [_cut(card.title, LINE_LETTERS), *_aligned([(f"  {_cut(name)}", _cut(fact)) for name, fact in facts])]
    if card.rows:
        columns, rows, left = _fitting(card)
        lines += _aligned([(f"  {first}", *others) for first, *others in (columns, *rows)])
        lines += [f"  {left}"] if left else []
    return "\n".join([*lines, *(f"  {note}" for note in _notes(card))])


def as_html(card: Card) -> str:
    """Lay out a card as tables of HTML without any script or style sheet; all texts are escaped."""
    facts = [_row("td", (name, fact)) for name, fact in card.facts.items() if fact]
    title = html.escape(_cut(card.title, LINE_LETTERS))
    parts = [f"<b>{title}</b>", f"<table>{''.join(facts)}</table>" if facts else ""]
    if card.rows:
        columns, rows, left = _fitting(card)
        body = "".join(_row("td", row) for row in rows)
        parts.append(f"<table><thead>{_row('th', columns)}</thead><tbody>{body}</tbody></table>")
        parts.append(f"<p>{html.escape(left)}</p>" if left else "")
    parts += [f"<p>{html.escape(note)}</p>" for note in _notes(card)]
    return f"<div>{''.join(parts)}</div>"


def _fitting(card: Card) -> tuple[list[str], list[list[str]], str]:
    """The columns and rows that are shown, and what is said of the others."""
    rows = [[_cut(cell) for cell in row[:COLUMNS]] for row in card.rows[:ROWS]]
    more = {"row": len(card.rows) - len(rows) + card.left_out, "column": len(card.columns) - COLUMNS}
    left = [f"{n:,} more {what}{'s' if n > 1 else ''}" for what, n in more.items() if n > 0]
    return [_cut(name) for name in card.columns[:COLUMNS]], rows, f"… {' and '.join(left)}" if left else ""


def _notes(card: Card) -> list[str]:
    left = len(card.notes) - ROWS
    shown = [_cut(note, LINE_LETTERS) for note in card.notes[:ROWS]]
    return [*shown, *([f"… {left:,} more"] if left > 0 else [])]


def _cut(text: str, letters: int = CELL_LETTERS) -> str:
    text = printable(" ".join(text.split()) if "\n" in text else text)
    return text if len(text) <= letters else f"{text[: letters - 1]}…"


def _row(tag: str, cells: Sequence[str]) -> str:
    inside = "".join(f'<{tag} style="{LEFT}">{html.escape(_cut(cell))}</{tag}>' for cell in cells)
    return f"<tr>{inside}</tr>"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines whose columns stand below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
