"""Make a task of a table: its columns get kinds, become inputs, and are described for later tables. table_task."""

import dataclasses
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from padl.coercion import FrozenDict
from padl.data.checks import check_resolution
from padl.data.source import Split
from padl.data.split import Holdout
from padl.data.table import summary
from padl.data.table.columns import typed
from padl.data.table.encoding import Description, describe, fitted, indicators, inputs_of
from padl.data.table.kinds import Column, DatesAs, ToldKind, Types
from padl.data.table.missing import Missing, complete_rows
from padl.data.table.source_table import Table, excerpt
from padl.data.table.spelling import NumberFormat
from padl.data.table.text_columns import is_empty
from padl.tasks.classification import classification
from padl.tasks.regression import regression
from padl.tasks.standardise import InputKinds
from padl.tasks.table_split import SplitBy
from padl.tasks.table_targets import ClassTarget, NumberTargets, TargetKind, target_of
from padl.tasks.task import Task
from padl.types import PadlError, printable

SIGNS = {"comma": ",", "point": ".", "space": " ", "apostrophe": "'", "nbsp": "\u00a0", "nnbsp": "\u202f"}
Word = str | int | float | None  # of a list on the command line, where -999 is a number and null is None


class TableOptions(NamedTuple):
    """What a user says of a table: as of the task `csv`."""

    drop: tuple[Word, ...] = ()
    types: Mapping[str, ToldKind] = FrozenDict()
    missing: Missing = "refuse"
    na: tuple[Word, ...] = ()
    dates: DatesAs = "refuse"
    decimal: str = "."
    thousands: str = ""


def table_task(
    table: Table,
    target: str | tuple[str, ...],
    kind: TargetKind,
    classes: int | None,
    by: SplitBy,
    options: TableOptions,
    rows: int,
    **about: Any,
) -> Task:
    """Make a task of a table; a run of it has data.json, by which later tables are encoded.

    Args:
        table: with the rows of another file that are the test rows, where there is one. rows: how many it has of its
            own, the first ones.
        target, kind, classes: as of the task `csv`. by: how it is split. about: for the records.

    Raises:
        PadlError: with what is wrong, where, and the option that settles it.
    """
    numbers = _number_format(options)
    names = _predicted(target, table)
    left_out = (*map(_word, options.drop), *by.columns(table, names))
    dropped = _dropped(left_out, options.types, names, table)
    types = Types({**options.types, **dict.fromkeys(dropped, "drop")}, numbers, options.dates)
    used = _rows(table, types, names, options.missing)
    found = target_of(used.targets, kind, classes, table.where)
    description = describe(used.features, found.described, dropped, numbers, options.dates)
    holdout = by.holdout(table, rows, used.kept, numbers)
    return _task(used, found, description, options.missing == "impute", holdout, table, about)


def _number_format(options: TableOptions) -> NumberFormat:
    decimal, thousands = (_sign(name, getattr(options, name)) for name in ("decimal", "thousands"))
    if decimal not in (".", ",") or decimal == thousands:
        raise PadlError(
            f"task.decimal={options.decimal}, task.thousands={options.thousands}: the first is . or , and the other"
            " another"
        )
    return NumberFormat(decimal, thousands, tuple(map(_word, options.na)))


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
    about: Mapping[str, Any],
) -> Task:
    inputs = inputs_of(description, {column.name: column for column in rows.features})
    categories = indicators(description)
    kinds = InputKinds(categories, imputed) if imputed or categories.any() else None
    about = {"where": table.where, "holdout": holdout, "kinds": kinds, "synthetic": False, **about}
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
