"""What the code of a rule does wrong, with the place of that code. RuleError, code_place, check_call,
one_transformation.

A rule is checked where it is used: its functions are called with what the house gives, and return what it takes.
"""

import inspect
from collections.abc import Callable, Collection
from functools import partial
from typing import Any

from padl.errors import PadlError


class RuleError(PadlError):
    """A mistake in the code of a rule.

    Attributes:
        place: of that code, as `code_place` says it; "" where whoever raises it does not know whose code it was.
    """

    def __init__(self, message: str, place: str = ""):
        super().__init__(f"{place}: {message}" if place else message)
        self.place = place


def code_place(function: Any) -> str:
    """Return `file:line, in function` of where a function is written; "" of one without Python code."""
    function = inspect.unwrap(function.func if isinstance(function, partial) else function)
    code = getattr(function, "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}, in {code.co_name}" if code else ""


def check_call(function: Callable[..., Any], what: str, arguments: str, by_name: Collection[str] = ()) -> None:
    """Check that a function of a rule can be called as it will be.

    Args:
        what: it is, "direction of a rule". arguments: those by position, as the paper's letters: "g, s, p, t".
        by_name: those that come by name.

    Raises:
        RuleError: it takes others.
    """
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # of a function in C
        return
    try:
        signature.bind(*arguments.split(", "), **dict.fromkeys(by_name))
    except TypeError as error:
        named = "".join(f", {name}=" for name in by_name)
        raise RuleError(
            f"{what} is called with ({arguments}{named}), and this one takes {signature}: {error}", code_place(function)
        ) from error


def one_transformation(made: Any, function: Callable[..., Any]) -> Any:
    """Return what a function of an optimizer returned; RuleError where that is no Optax transformation."""
    if hasattr(made, "init") and hasattr(made, "update"):
        return made
    if hasattr(made, "init") and hasattr(made, "direction"):
        advice = "returned a rule: end in descend(rule, learning_rate)"
    else:
        advice = (
            f"returned {shown_kind(made)}, and an optimizer is an Optax transformation: end in"
            " `return descend(rule, learning_rate)`, or in optax.GradientTransformation(init, update)"
        )
    raise RuleError(advice, code_place(function))


def shown_kind(value: Any) -> str:
    """Say of what type a value is: `None`, `a list`."""
    return "None" if value is None else f"a {type(value).__name__}"
