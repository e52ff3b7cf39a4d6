"""Make inputs of columns, by a description that is data: JSON can hold it, and a later table is encoded alike.

describe: columns -> the description. inputs_of: columns -> float32, NaN where a number is missing. fitted: what the
training rows say of what is missing and of categories that they lack. encode: the rows of a new table.

A description is a dict:

    version   1
    numbers   {"decimal": ".", "thousands": "", "na": []}: how texts are read as numbers
    columns   in the order of the inputs, each with its "name" and "kind":
              number    "unit": "$", "%" or ""; "fill": what stands for a missing value, None where none may be missing
              category  "categories": the texts, one input each; "unseen": those of them that no training row has;
                        "fill": 0 where one may be missing, or None
              date      "form": how texts are read; "parts": ["days"] since "origin", or some of year, month, day,
                        weekday, hour; "fill": a number for each part, or None
    inputs    a name for each input: "size", "stone=granite", "day.month"
    dropped   columns of the table that are no inputs and no targets
    targets   what is predicted: {"name", "kind"}, of a number its "unit", of dates in days the "origin", of categories
              the "classes" in the order of their labels; dates say whether they have a "clock"
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from padl.data.checks import check_finite
from padl.data.table import advice
from padl.data.table.columns import typed_column
from padl.data.table.dates import PARTS, in_days, in_parts
from padl.data.table.kinds import Column, DatesAs, Types
from padl.data.table.source_table import Table, excerpt
from padl.data.table.spelling import PLAIN_NUMBERS, NumberFormat
from padl.types import PadlError

VERSION = 1
LARGEST_INPUTS = 2**34  # bytes
Description = Mapping[str, Any]


class Encoded(NamedTuple):
    """Rows as a model takes them.

    Attributes:
        inputs: float32 (n, features). notes: lines on what of the table was passed over.
    """

    inputs: np.ndarray
    notes: tuple[str, ...]


def describe(
    features: Sequence[Column],
    targets: Sequence[Mapping[str, Any]] = (),
    dropped: Sequence[str] = (),
    numbers: NumberFormat = PLAIN_NUMBERS,
    dates: DatesAs = "days",
) -> dict[str, Any]:
    """Describe how these columns become inputs; what training rows say is not in it yet, see `fitted`.

    Args:
        targets: what is known of each. dates: "parts" makes an input of each part of a date, else the days count.
    """
    described = [_described(column, dates) for column in features]
    return {
        "version": VERSION,
        "numbers": {**numbers._asdict(), "na": list(numbers.na)},
        "columns": described,
        "inputs": input_names({"columns": described}),
        "dropped": list(dropped),
        "targets": [dict(target) for target in targets],
    }


def input_names(description: Description) -> list[str]:
    """Return the names of the inputs that the described columns become."""
    return [name for column in description["columns"] for name in _input_names(column)]


def inputs_of(description: Description, columns: Mapping[str, Column]) -> np.ndarray:
    """Lay columns out as inputs, float32 (n, features): NaN for a missing number, zeros for a missing category.

    Raises:
        PadlError: they are larger than LARGEST_INPUTS.
    """
    rows = len(next(iter(columns.values())).values)
    size = 4 * rows * len(description["inputs"])
    if size > LARGEST_INPUTS:
        widest = max(description["columns"], key=lambda column: len(_input_names(column)))["name"]
        raise PadlError(
            f"{rows:,} rows of {len(description['inputs']):,} inputs take {size / 1e9:.0f} GB: drop '{widest}'"
        )
    inputs, start = np.empty((rows, len(description["inputs"])), np.float32), 0
    for described in description["columns"]:
        block, column = _block(described), columns[described["name"]]
        inputs[:, start : start + block] = _laid_out(described, column)
        start += block
    return inputs


def indicators(description: Description) -> np.ndarray:
    """Tell which inputs are 0 or 1 for a category, bool (features,)."""
    return np.array([c["kind"] == "category" for c in description["columns"] for _ in _input_names(c)], bool)


def fitted(description: Description, fill: np.ndarray | None, seen: np.ndarray | None) -> dict[str, Any]:
    """Complete a description by what the training rows say.

    Args:
        fill: (features,) what stands for a missing number; None where none may be missing.
        seen: (features,) 0 for a category that no training row has; None for all ones.
    """
    columns, start = [], 0
    for described in description["columns"]:
        part = slice(start, start + _block(described))
        start = part.stop
        if described["kind"] == "category":
            absent = [] if seen is None else np.flatnonzero(seen[part] == 0)
            unseen = [described["categories"][i] for i in absent]
            columns.append({**described, "unseen": unseen, "fill": None if fill is None else 0.0})
        else:
            means = None if fill is None else [float(x) for x in fill[part]]
            columns.append({**described, "fill": means if described["kind"] == "date" or not means else means[0]})
    return {**description, "columns": columns}


def encode(description: Description, table: Table) -> Encoded:
    """Encode the rows of a table as those were that a model was trained on. It depends on its arguments alone.

    Args:
        description: as of `fitted`; from data.json of a run, or as `describe` made it. table: `reading.read` of a file
            or `frames.from_frame` of a data frame; columns in any order, the targets may be among them.

    Returns:
        The inputs; and a line for each column that is not known, for categories that are not, which are all zeros, for
        missing values that are filled in, and for numbers without their unit.

    Raises:
        PadlError: a column is missing, or holds something that it did not hold, or in another unit; a value is missing
            where none was; a number is beyond float32.
    """
    if description.get("version") != VERSION:
        raise PadlError(f"this description of a table is of version {description.get('version')}, not {VERSION}")
    types, described = column_types(description), description["columns"]
    absent = [column["name"] for column in described if column["name"] not in table.names]
    if absent:
        raise PadlError(
            f"{table.where}: no column {excerpt(absent)}: the model needs it; there are {excerpt(table.names)}"
        )
    columns = {column["name"]: _column(table, column["name"], types) for column in described}
    notes = list(_of_other_columns(description, table))
    for known in described:
        notes += _of_categories(known, columns[known["name"]], table.where)
        _check(known, columns[known["name"]], table.where)
        notes += _of_values(known, columns[known["name"]], table.where)
    with np.errstate(over="ignore"):
        inputs = _filled(inputs_of(description, columns), description)
    check_finite(inputs, list(description["inputs"]), table.where)
    return Encoded(inputs, tuple(notes))


def _column(table: Table, name: str, types: Types) -> Column:
    """A column of the kind that it had; what is wrong with it is said without options of the task."""
    try:
        return typed_column(table, name, types)
    except PadlError as error:
        raise PadlError(advice.without_options(str(error))) from error


def _check(known: Mapping[str, Any], column: Column, where: str) -> None:
    """Raise PadlError where a value is missing that may not be, or numbers are in another unit."""
    lacks = column.missing
    if known["fill"] is None and lacks.any():
        row = int(lacks.argmax()) + 1
        raise PadlError(f"{where}: no value in column '{known['name']}', row {row}: the model knows none without")
    if column.unit and column.unit != known["unit"]:
        trained = f"numbers in {known['unit']}" if known["unit"] else "plain numbers"
        raise PadlError(
            f"{where}: column '{known['name']}' is in {column.unit}, and the model was trained on {trained}"
        )


def column_types(description: Description) -> Types:
    """Return what is known of the columns of a later table."""
    written, described = description["numbers"], description["columns"]
    forms = {column["name"]: column["form"] for column in described if column["kind"] == "date"}
    numbers = NumberFormat(written["decimal"], written["thousands"], tuple(written["na"]))
    return Types({column["name"]: column["kind"] for column in described}, numbers, "days", forms)


def _of_other_columns(description: Description, table: Table) -> list[str]:
    """A line on columns that the description does not know."""
    named = [entry["name"] for key in ("columns", "targets") for entry in description[key]]
    others = [name for name in table.names if name not in {*named, *description["dropped"]}]
    return [f"{table.where}: columns that the model does not know are passed over: {excerpt(others)}"] if others else []


def _of_categories(known: Mapping[str, Any], column: Column, where: str) -> list[str]:
    """A line on categories of a column that no training row had."""
    if known["kind"] != "category":
        return []
    trained = set(known["categories"]) - set(known["unseen"])
    places = [i for i, category in enumerate(column.categories) if category not in trained]
    if not places:
        return []
    rows = int(np.isin(column.values, places).sum())
    names = excerpt([f"'{column.categories[i]}'" for i in places])
    seen = f"{rows} row{'s' if rows != 1 else ''}"
    return [f"{where}: column '{known['name']}' has {names}, and no training row has: all zeros ({seen})"]


def _of_values(known: Mapping[str, Any], column: Column, where: str) -> list[str]:
    """Lines on values that are missing, and on numbers without the unit that they had."""
    what, lacks, notes = f"{where}: column '{known['name']}'", int(column.missing.sum()), []
    if lacks:
        filled = "all zeros stand for it" if known["kind"] == "category" else "the training rows' mean stands for it"
        notes.append(f"{what} has no value in {lacks} {'row' if lacks == 1 else 'rows'}: {filled}")
    if known.get("unit") and not column.unit and lacks < len(column.values):
        notes.append(f"{what} has numbers without a unit, which are taken for {known['unit']}")
    return notes


def _filled(inputs: np.ndarray, description: Description) -> np.ndarray:
    """Inputs with what stands for missing numbers, and zeros for categories that no training row has."""
    start = 0
    for column in description["columns"]:
        block = inputs[:, start : start + _block(column)]
        start += _block(column)
        if column["kind"] == "category":
            block[:, [column["categories"].index(text) for text in column["unseen"]]] = 0
        elif column["fill"] is not None:
            np.copyto(block, np.asarray(column["fill"], np.float32), where=np.isnan(block))
    return inputs


def _described(column: Column, dates: DatesAs) -> dict[str, Any]:
    if column.kind == "number":
        return {"name": column.name, "kind": "number", "unit": column.unit, "fill": None}
    if column.kind == "category":
        categories = list(column.categories)
        return {"name": column.name, "kind": "category", "categories": categories, "unseen": [], "fill": None}
    parts = [part for part in PARTS if part != "hour" or has_clock(column)] if dates == "parts" else ["days"]
    return {
        "name": column.name,
        "kind": "date",
        "form": column.form,
        "parts": parts,
        "origin": origin(column),
        "fill": None,
    }


def origin(column: Column) -> str:
    """The first date of a column, which days are counted from."""
    return str(np.nanmin(column.values).astype("datetime64[s]"))


def has_clock(column: Column) -> bool:
    """Tell whether some date of a column is later than the day's beginning."""
    return bool((~np.isnat(column.values) & (column.values != column.values.astype("datetime64[D]"))).any())


def _block(described: Mapping[str, Any]) -> int:
    """How many inputs a column becomes."""
    return len(described.get("categories", described.get("parts", [0])))


def _input_names(described: Mapping[str, Any]) -> list[str]:
    name = described["name"]
    if described["kind"] == "category":
        return [f"{name}={category}" for category in described["categories"]]
    return [name] if described["kind"] == "number" else [f"{name}.{part}" for part in described["parts"]]


def _laid_out(described: Mapping[str, Any], column: Column) -> np.ndarray:
    """The inputs of a column, (n, block)."""
    if described["kind"] == "number":
        return column.values[:, None]
    if described["kind"] == "category":
        place = {category: i for i, category in enumerate(described["categories"])}
        known = np.array([*(place.get(category, -1) for category in column.categories), -1])
        return known[column.values][:, None] == np.arange(len(place))[None]
    if described["parts"] == ["days"]:
        return in_days(column.values, np.datetime64(described["origin"]))[:, None]
    parts = in_parts(column.values)
    return np.stack([parts[part] for part in described["parts"]], axis=1)
