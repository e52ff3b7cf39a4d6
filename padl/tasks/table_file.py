"""The user's own table. csv: a file of text, Parquet or Arrow, its columns read by `padl.data.table`."""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from padl.data.checks import check_resolution
from padl.data.source import Split
from padl.data.split import Holdout
from padl.data.table import summary
from padl.data.table.columns import typed
from padl.data.table.encoding import Description, describe, fitted, indicators, inputs_of
from padl.data.table.kinds import Column, DatesAs, ToldKind, Types
from padl.data.table.missing import Missing, complete_rows
from padl.data.table.reading import TextOptions, read
from padl.data.table.source_table import Table, excerpt
from padl.data.table.spelling import NumberFormat
from padl.data.table.text_columns import is_empty
from padl.registry import FrozenDict, task
from padl.tasks.classification import classification
from padl.tasks.regression import regression
from padl.tasks.standardise import InputKinds
from padl.tasks.table_split import SplitBy
from padl.tasks.table_targets import ClassTarget, NumberTargets, TargetKind, target_of
from padl.tasks.task import Task
from padl.types import PadlError, printable

SIGNS = {"comma": ",", "point": ".", "space": " ", "apostrophe": "'", "nbsp": "\u00a0", "nnbsp": "\u202f"}
Word = str | int | float | None  # of a list on the command line, where -999 is a number and null is None


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
    """Your own table, one row a sample: a file of text with a line of names, Parquet, or Arrow (Feather); also .gz.

    A column of numbers is an input; a column of texts one for each of its values, 0 or 1; a date what `dates` says.
    What may be meant in two ways is refused with its column, its row and the option that settles it.

    Args:
        path: of the file. target: the column to predict, or several of numbers; "" takes the last.
        kind: auto takes a target of text for classes, or one of at most 20 different whole numbers, in twice the rows.
        classes: the target holds the labels 0 .. classes-1; None numbers its different values in their order.
        held_out: share of the rows that choose the best parameters, in (0, 1), stratified where they have classes.
        test: share that the trained parameters are evaluated on once, in [0, 1), or a file of such rows.
        group: a column, as of patients; rows of one value are never on two sides. order: a column of times; the last
            rows are held out, the very last test. split: a column that says train, held_out (or val) or test. These
            columns are no features.
        drop: columns that are left out. types: {column: number, category, date or drop}; number also reads 5 % and $5.
        missing: refuse, drop such rows, or impute: the training rows' mean for a number, zeros for a category; a row
            without its target is left out. na: what means so, beside "", NA, NaN, null, none, ?, - in columns of
            numbers and dates.
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
    before = read(path, reading)
    table = by.with_test_rows(before, reading)
    numbers = NumberFormat(_sign("decimal", decimal), _sign("thousands", thousands), tuple(map(_word, na)))
    if numbers.decimal not in (".", ",") or numbers.decimal == numbers.thousands:
        raise PadlError(
            f"task.decimal={decimal}, task.thousands={thousands}: the first is . or , and the other another"
        )
    names = _predicted(target, table)
    left_out = (*map(_word, drop), *by.columns(table, names))
    dropped = _dropped(left_out, types, names, table)
    rows = _rows(table, Types({**types, **dict.fromkeys(dropped, "drop")}, numbers, dates), names, missing)
    found = target_of(rows.targets, kind, classes, path)
    description = describe(rows.features, found.described, dropped, numbers, dates)
    holdout = by.holdout(table, before.rows, rows.kept, numbers)
    return _task(rows, found, description, missing == "impute", holdout, table)


class _Rows(NamedTuple):
    """The rows that are kept: the features, the targets, lines on what was done, and which (a mask; None for all)."""

    features: list[Column]
    targets: list[Column]
    notes: tuple[str, ...]
    kept: np.ndarray | None


def _rows(table: Table, types: Types, targets: tuple[str, ...], missing: Missing) -> _Rows:
    """Give the columns their kinds, and leave rows out where values are missing."""
    columns = typed(table, types)
    for column in columns.values():
        if column.missing.all():
            raise is_empty(table.where, column.name)
    must_have = [column for name, column in columns.items() if missing != "impute" or name in targets]
    complete = complete_rows(must_have, missing, table.where)
    notes = (*table.notes, *(note for column in columns.values() for note in column.notes), *complete.notes)
    if complete.kept is not None:
        columns = {name: column.of_rows(complete.kept) for name, column in columns.items()}
    features = [column for name, column in columns.items() if name not in targets]
    if not features:
        raise PadlError(f"{table.where}: no column is left to predict {excerpt(targets)} from")
    for column in features:
        if column.kind == "number" and (there := column.values[~column.missing]).size:
            check_resolution(there[:, None], [column.name], table.where)
    return _Rows(features, [columns[name] for name in targets], notes, complete.kept)


def _task(
    rows: _Rows,
    target: ClassTarget | NumberTargets,
    description: Description,
    imputed: bool,
    holdout: Holdout,
    table: Table,
) -> Task:
    inputs = inputs_of(description, {column.name: column for column in rows.features})
    categories = indicators(description)
    kinds = InputKinds(categories, imputed) if imputed or categories.any() else None
    about: dict[str, Any] = {"where": table.where, "holdout": holdout, "kinds": kinds, "synthetic": False}
    if isinstance(target, ClassTarget):
        made = classification(inputs, target.labels, len(target.names), names=list(target.names), **about)
        said, measured = summary.of_classes(target.name, target.names, target.labels)
    else:
        several = len(target.names) > 1
        values = target.values if several else target.values[:, 0]
        made = regression(inputs, values, names=target.names if several else (), **about)
        said, measured = summary.of_numbers(target.names, target.values)
    line = summary.line(len(inputs), description, said, table.where)
    notes = (*rows.notes, *target.notes)

    def described(split: Split) -> dict[str, Any]:
        fill, seen = (None if name not in split.stats else split.stats[name][0] for name in ("fill", "seen"))
        told = {"rows": len(inputs), "file": table.form, "target": measured, "said": [line, *notes]}
        return {**told, "encoding": fitted(description, fill, seen)}

    return dataclasses.replace(made, describe=described, said=(line, *notes))


def _predicted(target: str | tuple[str, ...], table: Table) -> tuple[str, ...]:
    """The columns to predict: those named, each once, or the last."""
    names = tuple(map(printable, (target,) if isinstance(target, str) else target)) or ("",)
    names = (table.names[-1],) if names == ("",) else names
    for name in names:
        if name not in table.names:
            raise PadlError(f"task.target='{name}' is no column of {table.where}: it has {excerpt(table.names)}")
    if len(set(names)) < len(names):
        raise PadlError(f"task.target=[{','.join(names)}] names a column twice")
    return names


def _dropped(
    drop: tuple[str, ...], types: Mapping[str, ToldKind], targets: tuple[str, ...], table: Table
) -> tuple[str, ...]:
    """The columns that are left out, by either option."""
    for option, names in (("drop", drop), ("types", types)):
        for name in names:
            if name not in table.names:
                raise PadlError(
                    f"task.{option} names '{name}', no column of {table.where}: it has {excerpt(table.names)}"
                )
    for name in drop:
        if types.get(name, "drop") != "drop":
            raise PadlError(f"task.drop leaves column '{name}' out, and task.types says what it is: one of them")
    dropped = tuple(name for name in table.names if name in drop or types.get(name) == "drop")
    if lost := [name for name in targets if name in dropped]:
        raise PadlError(f"column '{lost[0]}' is the target, and left out: another task.target, or keep it")
    return dropped


def _sign(option: str, sign: str) -> str:
    """The sign that a word names, or the sign itself."""
    found = SIGNS.get(sign, sign)
    if len(found) > 1 or found.isalnum():
        raise PadlError(f"task.{option}={sign} is no sign: one of {', '.join(SIGNS)}, or the sign itself")
    return found


def _word(word: Word) -> str:
    return "null" if word is None else str(word)
