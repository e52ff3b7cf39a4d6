"""What columns of a table are as targets: classes, or numbers. ClassTarget, NumberTargets, target_of, observed."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from padl.data.table import advice
from padl.data.table.columns import typed_column
from padl.data.table.dates import in_days
from padl.data.table.encoding import has_clock, origin
from padl.data.table.kinds import Column, Types
from padl.data.table.source_table import Table
from padl.data.table.spelling import NumberFormat
from padl.types import PadlError

TargetKind = Literal["auto", "classification", "regression"]
FEW = 20  # different whole numbers that are taken for classes, where there are two rows for each
GUESSED = "taken for classes: task.kind=regression predicts the number"
EXACT = 2**53  # whole numbers beyond are not all told apart in float64


class ClassTarget(NamedTuple):
    """A target of classes.

    Attributes:
        names: of the classes, in the order of their labels. labels: int64 (n,). described: for the encoding.
    """

    name: str
    names: tuple[str, ...]
    labels: np.ndarray
    described: list[dict[str, Any]]
    notes: tuple[str, ...] = ()


class NumberTargets(NamedTuple):
    """Targets that are numbers.

    Attributes:
        values: float64 (n, targets). described: each, for the encoding.
    """

    names: tuple[str, ...]
    values: np.ndarray
    described: list[dict[str, Any]]
    notes: tuple[str, ...] = ()


def target_of(
    columns: Sequence[Column], kind: TargetKind, classes: int | None, where: str
) -> ClassTarget | NumberTargets:
    """Read the columns to predict.

    Args:
        kind, classes: as of the task.

    Raises:
        PadlError: they do not suit their kind, or several are no numbers.
    """
    if kind == "regression" and classes is not None:
        raise PadlError(f"task.classes={classes} is for classification, and task.kind=regression: leave one out")
    if len(columns) > 1:
        return _several(columns, kind, classes, where)
    (column,) = columns
    guessed = kind == "auto" and not classes
    if kind == "auto":
        kind = "classification" if classes or _looks_like_classes(column) else "regression"
    if kind == "regression" and column.kind == "category":
        raise PadlError(f"{where}: column '{column.name}' holds text: task.kind=classification, or another task.target")
    if kind == "regression":
        return _numbers(columns)
    found = _classes(column, classes, where)
    if guessed and column.kind == "number" and len(found.names) > 2:
        found = found._replace(notes=(f"{len(found.names)} different whole numbers are {GUESSED}",))
    return found


def _several(columns: Sequence[Column], kind: TargetKind, classes: int | None, where: str) -> NumberTargets:
    wrong = next((column.name for column in columns if column.kind == "category"), None)
    if wrong or kind == "classification" or classes:
        what = f"column '{wrong}' holds text" if wrong else "classes are predicted of one column"
        raise PadlError(f"{where}: several targets must be numbers, and {what}: give one task.target")
    return _numbers(columns)


def _looks_like_classes(column: Column) -> bool:
    if column.kind != "number":
        return column.kind == "category"
    most = min(FEW, max(2, len(column.values) // 2))
    return len(np.unique(column.values)) <= most and bool((column.values == np.floor(column.values)).all())


def _numbers(columns: Sequence[Column]) -> NumberTargets:
    values, described, notes = [], [], []
    for column in columns:
        if column.kind == "date":
            first = origin(column)
            values.append(in_days(column.values, np.datetime64(first)))
            described.append({"name": column.name, "kind": "date", "origin": first, "clock": has_clock(column)})
            notes.append(f"target '{column.name}' is in days since {first}")
        else:
            values.append(column.values)
            described.append({"name": column.name, "kind": "number", "unit": column.unit})
    return NumberTargets(tuple(c.name for c in columns), np.stack(values, 1), described, tuple(notes))


def _classes(column: Column, classes: int | None, where: str) -> ClassTarget:
    """The classes of a column, numbered in the order of their values."""
    if column.kind == "date":
        raise PadlError(
            f"{where}: column '{column.name}' holds dates, no classes: {advice.kind(column.name, 'category')} takes"
            " each for one"
        )
    if classes is not None:
        return _labels(column, classes, where)
    if column.kind == "category":
        different, names, labels = column.categories, column.categories, column.values
    else:
        different, labels = np.unique(column.values, return_inverse=True)
        names = tuple(map(_class_name, different))
    few_rows_each = column.kind == "number" and len(different) > max(FEW, len(labels) // 2)
    if len(different) < 2 or few_rows_each:
        raise PadlError(
            f"{where}: column '{column.name}' has {len(different)} different values: no classes to tell apart"
        )
    if column.kind == "number" and np.abs(column.values).max() > EXACT:
        raise PadlError(
            f"{where}: numbers of column '{column.name}' are too large to be told apart:"
            f" {advice.kind(column.name, 'category')} takes them as they are written"
        )
    return ClassTarget(column.name, names, labels, [_described(column.name, names)])


def observed(target: Mapping[str, Any], table: Table, numbers: NumberFormat) -> np.ndarray:
    """Read what a later table says of a target, (n,).

    Args:
        target: as `Description` has it.

    Returns:
        Of classes their names, "" where there is none; numbers, or dates in days since the target's origin, NaN where
        there is none.

    Raises:
        PadlError: it holds something else.
    """
    column = typed_column(table, target["name"], Types({target["name"]: target["kind"]}, numbers, "days"))
    if target["kind"] == "date":
        return in_days(column.values, np.datetime64(target["origin"]))
    if target["kind"] == "number":
        if column.unit not in ("", target["unit"]):
            raise PadlError(f"{table.where}: column '{target['name']}' is in {column.unit}")
        return column.values
    names = [text if text in target["classes"] else _of_number(text) for text in column.categories]
    return np.array([*names, ""])[column.values]


def _of_number(text: str) -> str:
    """The name that a class of this number has; the text itself where it is none."""
    try:
        return _class_name(float(text))
    except (ValueError, OverflowError):
        return text


def _class_name(value: float) -> str:
    return str(int(value)) if value == np.floor(value) else repr(float(value))


def _labels(column: Column, classes: int, where: str) -> ClassTarget:
    """Labels 0 .. classes-1, as they are; `classification` looks at their range."""
    if column.kind == "category" or (column.values != np.floor(column.values)).any():
        raise PadlError(
            f"{where}: task.classes={classes} wants whole numbers in column '{column.name}': leave it out for text"
        )
    names, labels = tuple(map(str, range(classes))), column.values.astype(np.int64)
    return ClassTarget(column.name, names, labels, [_described(column.name, names)])


def _described(name: str, classes: Sequence[str]) -> dict[str, Any]:
    return {"name": name, "kind": "category", "classes": list(classes)}
