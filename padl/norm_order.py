"""Refuse an optimizer that moves the norm of parameters around one that holds it. held_after, ordered.

Which of the two a wrapper does, its decorator says: `holds_norm=True`, or `moves_norm=True`.
"""

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from padl.rule_errors import one_transformation
from padl.types import PadlError

F = TypeVar("F", bound=Callable[..., Any])
HELD = "norm_held_by"  # attribute of an optimizer: the names of those that hold a norm, of it and of all within


def norm_held_by(*optimizers: Any) -> frozenset[str]:
    """Return the names of the optimizers that hold a norm, among these and within them."""
    return frozenset().union(*(getattr(each, HELD, ()) for each in optimizers))


def held_after(name: str, traits: Mapping[str, Any], within: Iterable[str]) -> frozenset[str]:
    """Return which optimizers hold a norm in one that is around others.

    Args:
        name, traits: of the one outside, as it was registered. within: the names of those that hold a norm in it.

    Raises:
        PadlError: it moves the norm that one of these holds.
    """
    held = frozenset(within)
    if held and traits.get("moves_norm"):
        holder = min(held)
        raise PadlError(
            f"optimizer: {name} is around {holder}, and moves parameters off the norm that it holds: put {holder}"
            f" around {name}, in a list of wrappers after it"
        )
    return held | {name} if traits.get("holds_norm") else held


def ordered(name: str, traits: Mapping[str, Any], function: F) -> F:
    """Return a function that makes an optimizer with a look at the optimizers that it is called with, as `held_after`.

    What it makes says who holds a norm in it; one of Optax's without further arguments has no place to say so. A class,
    or another thing that can be called, comes back as it is.

    Raises:
        RuleError: by its call, it made no Optax transformation.
    """
    if not inspect.isfunction(function):
        return function

    @functools.wraps(function)
    def make(*args: Any, **arguments: Any) -> Any:
        held = held_after(name, traits, norm_held_by(*args, *arguments.values()))
        made = one_transformation(function(*args, **arguments), function)
        if held and hasattr(made, "__dict__"):
            setattr(made, HELD, held | norm_held_by(made))
        return made

    return make  # pyright: ignore[reportReturnType]
