"""What the commands print: brackets as brackets, and nothing that commands a terminal."""

from io import StringIO

import pytest
from rich.console import Console
from rich.table import Table

from padl.cli.formatting import cell, print_line
from padl.runs.sink import warn
from padl.types import PadlError, printable

HOSTILE = ("x[old].csv", "[/b]", "[bold]", "\\[", "a\x1b[2J", "\x1b]0;title\x07", "\r", "\u202e", "\udce9", "\x9b2J")


@pytest.mark.parametrize("text", HOSTILE)
def test_a_cell_and_a_heading_are_shown_as_they_are(text):
    table, out = Table(), StringIO()
    table.add_column(cell(text))
    table.add_row(cell(text))
    Console(file=out, width=80).print(table)
    assert out.getvalue().count(printable(text)) == 2
    assert out.getvalue().replace("\n", "").isprintable()


@pytest.mark.parametrize("text", HOSTILE)
def test_lines_warnings_and_mistakes_show_what_is_not_printable(text, capsys):
    print_line(f"a {text}")
    warn(text)
    out, err = capsys.readouterr()
    assert out == f"a {printable(text)}\n"
    assert err == f"padl: {printable(text)}\n"
    assert str(PadlError(f"one\ntwo {text}")) == f"one\ntwo {printable(text)}"


def test_what_is_printable_stays(capsys):
    print_line("∂f/∂x = ½ größe 漢字 \\x")
    assert capsys.readouterr().out == "∂f/∂x = ½ größe 漢字 \\x\n"
