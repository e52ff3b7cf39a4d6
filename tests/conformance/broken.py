"""What all broken items of the tests share: an item as checks see it, made of a function of a module."""

from collections.abc import Callable
from typing import Any, NamedTuple

from padl.conformance.checked_item import CheckedItem
from padl.registry import Entry
from padl.types import Kind


class Broken(NamedTuple):
    """function: with one mistake. traits: what its decorator would say. also: other checks that cannot but fail."""

    function: Callable[..., Any]
    traits: dict[str, Any] = {}  # noqa: RUF012
    also: tuple[str, ...] = ()


def item(kind: Kind, subject: type[CheckedItem], broken: Broken, **more: Any) -> CheckedItem:
    """A broken item, whose cases import it from its module."""
    name, module = broken.function.__name__, broken.function.__module__
    entry = Entry(kind, name, broken.function, "", "", "tests", broken.traits)
    code = f"from functools import partial\nimport {module}"
    call = f"{module}.{name}(" if kind == "task" else f"partial({module}.{name}"
    return subject(entry, code, call, **more)
