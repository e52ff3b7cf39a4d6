"""Nested mappings, as a configuration is: values by dotted keys; and rows of them. flattened, with_value,
named_groups, without, with_equal_keys."""

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
    """Return a copy in which a dotted key has this value.

    A group that is not there, or None, is made. A text in the place of one is its name, and a list holds names.
    """
    name, dot, inner = key.partition(".")
    return {**tree, name: with_value(named_groups(tree.get(name) or {}), inner, value) if dot else value}


def named_groups(value: Any) -> Any:
    """Return a mapping for what stands in its place: "adam" is {"name": "adam"}; ["a", {"name": "b", "k": 1}] is
    {"a": {}, "b": {"k": 1}}. Anything else stays."""
    if isinstance(value, str):
        return {"name": value}
    if not isinstance(value, (list, tuple)):
        return value
    groups = [each if isinstance(each, Mapping) else {"name": each} for each in value]
    return {group["name"]: {key: item for key, item in group.items() if key != "name"} for group in groups}


def without(tree: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """Return a copy that has none of these keys."""
    return {key: value for key, value in tree.items() if key not in keys}


def with_equal_keys(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows that all have the keys that any has, as they first come; None where one has it not."""
    names = dict.fromkeys(name for row in rows for name in row)
    return [{name: row.get(name) for name in names} for row in rows]
