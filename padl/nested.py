"""Nested mappings, as a configuration is: values by dotted keys; and rows of them. flattened, with_value,
with_equal_keys."""

from collections.abc import Mapping, Sequence
from typing import Any


def flattened(tree: Mapping[str, Any], separator: str = ".") -> dict[str, Any]:
    """{"best": {"loss": 1}} -> {"best.loss": 1}; an empty mapping has no values."""
    values: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            values |= {f"{key}{separator}{name}": inner for name, inner in flattened(value, separator).items()}
        else:
            values[key] = value
    return values


def with_value(tree: Mapping[str, Any], key: str, value: Any) -> dict[str, Any]:
    """Return a copy in which a dotted key has this value; a group that is not there, or None, is made."""
    name, dot, inner = key.partition(".")
    return {**tree, name: with_value(tree.get(name) or {}, inner, value) if dot else value}


def with_equal_keys(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows that all have the keys that any has, as they first come; None where one has it not."""
    names = dict.fromkeys(name for row in rows for name in row)
    return [{name: row.get(name) for name in names} for row in rows]
