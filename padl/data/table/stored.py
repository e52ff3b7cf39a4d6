"""Check a description of a table that was stored, before it is believed: anybody can write JSON. check."""

from collections.abc import Callable
from typing import Any

import numpy as np

from padl.data.table.dates import FORMS, PARTS
from padl.data.table.encoding import VERSION, input_names
from padl.types import PadlError

LARGEST = float(np.finfo(np.float32).max)
Test = Callable[[Any], bool]


def check(description: Any) -> None:
    """Check that this is a description as `encoding.fitted` makes it.

    Raises:
        PadlError: it is of another version, or is none: what of it is wrong.
    """
    version = description.get("version") if isinstance(description, dict) else None
    if version != VERSION:
        raise PadlError(f"this description of a table is of version {version}, not {VERSION}")
    _check(description, TOP, "it")
    _check(description["numbers"], NUMBERS, "numbers")
    for key, kinds in (("columns", COLUMNS), ("targets", TARGETS)):
        for number, entry in enumerate(description[key], start=1):
            kind = entry.get("kind") if isinstance(entry, dict) else None
            if not isinstance(kind, str) or kind not in kinds:
                raise PadlError(f"{key[:-1]} {number} has no kind that there is")
            _check(entry, {"name": _text, **kinds[kind]}, f"{key[:-1]} {number}")
    for column in description["columns"]:
        if column["kind"] == "category" and not set(column["unseen"]) <= set(column["categories"]):
            raise PadlError(f"column '{column['name']}' lacks categories that it does not have")
        if column["kind"] == "date" and column["fill"] and len(column["fill"]) != len(column["parts"]):
            raise PadlError(f"column '{column['name']}' has {len(column['fill'])} numbers to fill in")
    if description["inputs"] != input_names(description):
        raise PadlError("its inputs are not those of its columns")


def _check(entry: Any, tests: dict[str, Test], what: str) -> None:
    wrong = next((key for key, test in tests.items() if not isinstance(entry, dict) or not test(entry.get(key))), None)
    if wrong is not None:
        raise PadlError(f"'{wrong}' of {what} is missing, or not what it should be")


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_text, value)) and len(set(value)) == len(value)


def _names(value: Any) -> bool:
    return _texts(value) and bool(value)


def _sequence(value: Any) -> bool:
    return isinstance(value, list)


def _columns(value: Any) -> bool:
    return isinstance(value, list) and bool(value)


def _number(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= LARGEST  # False for NaN


def _number_or_none(value: Any) -> bool:
    return value is None or _number(value)


def _numbers_or_none(value: Any) -> bool:
    return value is None or (isinstance(value, list) and bool(value) and all(map(_number, value)))


def _parts(value: Any) -> bool:
    return value == ["days"] or (_names(value) and set(value) <= set(PARTS))


def _moment(value: Any) -> bool:
    try:
        return isinstance(value, str) and value[:4].isdecimal() and not np.isnat(np.datetime64(value, "s"))
    except ValueError:
        return False


TOP: dict[str, Test] = {
    "numbers": lambda value: isinstance(value, dict),
    "columns": _columns,
    "targets": _sequence,
    "inputs": _texts,
    "dropped": _texts,
}
NUMBERS: dict[str, Test] = {
    "decimal": lambda sign: sign in (".", ","),
    "thousands": lambda sign: isinstance(sign, str) and len(sign) < 2,
    "na": _texts,
}
COLUMNS: dict[str, dict[str, Test]] = {
    "number": {"unit": _text, "fill": _number_or_none},
    "category": {"categories": _names, "unseen": _texts, "fill": _number_or_none},
    "date": {
        "form": lambda form: isinstance(form, str) and form in FORMS,
        "parts": _parts,
        "origin": _moment,
        "fill": _numbers_or_none,
    },
}
TARGETS: dict[str, dict[str, Test]] = {
    "number": {"unit": _text},
    "category": {"classes": _names},
    "date": {"origin": _moment, "clock": lambda value: isinstance(value, bool)},
}
