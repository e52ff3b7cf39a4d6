"""CSV files: what is in a cell, and that what is read back is what was written."""

import csv
import io
import math

import pytest

from padl.runs.csv_table import csv_text


def test_a_table_has_a_line_of_names_and_a_line_for_each_row():
    assert csv_text(("step", "loss"), [(0, 0.5), (1, 0.25)]) == "step,loss\n0,0.5\n1,0.25\n"


def test_a_table_without_rows_has_its_names():
    assert csv_text(("step", "loss"), []) == "step,loss\n"


def test_none_is_an_empty_cell_and_nan_is_written():
    assert csv_text(("a", "b"), [(None, math.nan)]) == "a,b\n,nan\n"


def test_a_table_says_what_it_writes_for_a_value():
    blank = lambda value: "" if value is None or value != value else f"{value:.3g}"  # noqa: E731
    assert csv_text(("a", "b", "c"), [(None, math.nan, 1 / 3)], blank) == "a,b,c\n,,0.333\n"


def test_what_is_read_back_is_what_was_written():
    columns, row = ("plain", "comma, in name"), ('say "hi"', "two\nlines, ünïcode")
    assert list(csv.reader(io.StringIO(csv_text(columns, [row])))) == [list(columns), list(row)]


def test_a_row_that_does_not_fit_the_columns_is_refused():
    with pytest.raises(ValueError, match="a row of 1 values for 2 columns"):
        csv_text(("a", "b"), [(1,)])
