"""The user's own table. csv: a file of text, Parquet or Arrow, its columns read by `padl.data.table`."""

from collections.abc import Mapping

from padl.coercion import FrozenDict
from padl.data.table.kinds import DatesAs, ToldKind
from padl.data.table.missing import Missing
from padl.data.table.reading import TextOptions, read
from padl.registry import task
from padl.tasks.table_split import SplitBy
from padl.tasks.table_targets import TargetKind
from padl.tasks.table_task import TableOptions, Word, table_task
from padl.tasks.task import Task
from padl.types import PadlError


@task(
    family="tables",
    loss={"regression": "mse", "classification": "cross_entropy"},
    model="mlp",
    reference="the user's own table",
)
def csv(
    path: str = "",
    target: str | tuple[str, ...] = "",
    kind: TargetKind = "auto",
    classes: int | None = None,
    held_out: float = 0.2,
    test: float | str = 0.0,
    group: str = "",
    order: str = "",
    split: str = "",
    drop: tuple[Word, ...] = (),
    types: Mapping[str, ToldKind] = FrozenDict(),
    missing: Missing = "refuse",
    na: tuple[Word, ...] = (),
    dates: DatesAs = "refuse",
    decimal: str = ".",
    thousands: str = "",
    delimiter: str = "auto",
    header: bool | None = None,
    encoding: str = "auto",
) -> Task:
    """Your own table, one sample in each row: text with a line of names, Parquet, or Arrow (Feather); also .gz.

    A column of numbers is an input. A column of texts is an input of 0 or 1 for each of its values. `dates` says what a
    date becomes. What can be meant in two ways is refused, with its column, its row and the option that settles it.

    Args:
        path: of the file. target: the column to predict, or several of numbers; "" takes the last.
        kind: auto takes texts for classes, and at most 20 different whole numbers in at least twice as many rows.
        classes: the target holds the labels 0 .. classes-1; None numbers its different values in their order.
        held_out: share of the rows that choose the best parameters, in (0, 1), stratified where they have classes.
        test: share that the trained parameters are evaluated on once, in [0, 1), or a file of such rows.
        group: a column, as of patients; rows of one value stay on one side. order: a column of times; the last
            rows are held out, the very last test. split: a column that says train, held_out (or val) or test. These
            columns are no features.
        drop: columns that are left out. types: {column: number, category, date or drop}; number also reads 5 %, $5 and
            5 kg.
        missing: refuse, drop such rows, or impute: the training rows' mean for a number, zeros for a category. A row
            without its target is always left out. na: what means missing, beside "", NA, NaN, null, none, ?, - in
            columns of numbers and dates.
        dates: days since the first, or parts: year, month, day, weekday, and the hour where there is one.
        decimal: "." or ",". thousands: the sign between groups of digits, also space, apostrophe.
        delimiter: auto, comma, tab, semicolon, pipe, space, or the sign. header: the first line has the names; null
            refuses one that holds numbers. encoding: auto is UTF-8, or what a mark at the beginning says.

    Raises:
        PadlError: with what is wrong, where, and the option that settles it.
    """
    if not path:
        raise PadlError("task 'csv' needs a table: task.path=FILE.csv, and task.target=COLUMN unless it is the last")
    reading, by = TextOptions(delimiter, encoding, header), SplitBy(held_out, test, group, order, split)
    before = read(path, reading, option="path")
    table = by.with_test_rows(before, reading)
    options = TableOptions(drop, types, missing, na, dates, decimal, thousands)
    return table_task(table, target, kind, classes, by, options, rows=before.rows)
