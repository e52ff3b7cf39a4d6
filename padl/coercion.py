"""Read values by annotations: whether one fits, and as what. argument_hints, coerce, describe, written, notes,
FrozenDict.
"""

import contextlib
import inspect
import json
import numbers
import os
import types
import typing
from collections import abc
from collections.abc import Callable, Mapping
from typing import Any, Literal, Union

import yaml

from padl.errors import near
from padl.types import Nested, PadlError

TYPES = ("Scalar", "ScalarOrSchedule", "Optimizer", "Domain", "Annotated", "Literal", "Any")  # that annotations name


class FrozenDict(dict[str, Any]):
    """A dict that can be hashed, and is not to be changed: the value of a hyperparameter annotated `Mapping`."""

    def __hash__(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        return hash(frozenset(self.items()))


def argument_hints(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the annotations of the arguments, not that of the result; PadlError for one that cannot be read."""
    called = function.__init__ if isinstance(function, type) else function

    def arguments() -> None: ...

    try:
        of_all = getattr(called, "__annotations__", {})  # those of an object with __call__ are its own affair
        arguments.__annotations__ = {name: note for name, note in of_all.items() if name != "return"}
        names = getattr(inspect.unwrap(called), "__globals__", {})
        return typing.get_type_hints(arguments, globalns=names, include_extras=True)
    except Exception as error:  # whatever a stranger's text evaluates to
        missing = near(error.name or "", TYPES) if isinstance(error, NameError) else ""
        raise PadlError(f"an annotation cannot be read: {error}{missing}") from error


def coerce(value: Any, annotation: Any) -> tuple[bool, Any]:
    """Whether `value` is of the annotated type, and the value in it: 1 as a float, 1e3 as an int, a list as a tuple, a
    mapping with texts as keys as a `FrozenDict`."""
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation is Any:
        return True, value
    if origin is typing.Annotated:
        return coerce(value, args[0])
    if origin in (Union, types.UnionType):
        tries = [coerce(value, option) for option in args]
        return next((t for t in tries if t[0]), (False, value))
    if origin is Literal:
        return value in args and type(value) in map(type, args), value
    if origin is tuple:
        return _coerce_tuple(value, args)
    if origin in (dict, abc.Mapping):
        return _coerce_mapping(value, args[1])
    if annotation in (None, type(None)):
        return value is None, value
    if annotation is str and isinstance(value, os.PathLike):
        return True, os.fspath(value)
    if annotation is float:
        real = isinstance(value, numbers.Real) and not isinstance(value, bool)
        return real, float(value) if real else value
    if annotation is int:
        is_whole = isinstance(value, numbers.Real) and not isinstance(value, bool) and float(value).is_integer()
        return is_whole, int(float(value)) if is_whole and not isinstance(value, int) else value
    if origin is not None or not isinstance(annotation, type):
        return callable(value), value  # a Callable: only from Python
    return isinstance(value, annotation), value


def _coerce_tuple(value: Any, args: tuple[Any, ...]) -> tuple[bool, Any]:
    if not isinstance(value, (list, tuple)):
        return False, value
    wanted = [args[0]] * len(value) if args[-1:] == (...,) else list(args)
    if len(wanted) != len(value):
        return False, value
    items = [coerce(v, a) for v, a in zip(value, wanted, strict=True)]
    return all(fits for fits, _ in items), tuple(v for _, v in items)


def _coerce_mapping(value: Any, of: Any) -> tuple[bool, Any]:
    """A mapping, or a text that is one in YAML, as keys with other signs than letters are given on a command line."""
    read = value
    if isinstance(value, str) and value.startswith("{"):
        with contextlib.suppress(yaml.YAMLError):
            read = yaml.safe_load(value)
    if not isinstance(read, Mapping) or not all(isinstance(key, (str, int)) for key in read):
        return False, value
    items = {str(key): coerce(item, of) for key, item in read.items()}
    if not all(fits for fits, _ in items.values()):
        return False, value
    return True, FrozenDict({key: item for key, (_, item) in items.items()})


def describe(annotation: Any) -> str:
    """An annotation in a user's words: `a number`, `one of relu, tanh`, `a list of whole numbers`."""
    origin, args = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return "an optimizer" if any(isinstance(note, Nested) for note in notes(annotation)) else describe(args[0])
    if origin in (Union, types.UnionType):
        words = [describe(a) for a in args]
        return " or ".join(dict.fromkeys(w for w in words if w))
    if origin is Literal:
        return repr(*args) if len(args) == 1 else f"one of {', '.join(map(str, args))}"
    if origin is tuple:
        words = describe(args[0])
        if words.startswith("one of "):  # its words are the user's own, which have no plural
            return f"a list of some of {words.removeprefix('one of ')}"
        return "a list of " + " or ".join(f"{word.removeprefix('a ')}s" for word in words.split(" or "))
    if origin in (dict, abc.Mapping):
        return f"a mapping {{name: {describe(args[1])}}}"
    if annotation in (None, type(None)):
        return "null"
    return {float: "a number", int: "a whole number", bool: "true or false", str: "text"}.get(annotation, "")


def written(value: Any) -> str:
    """A value as it is typed on the command line: `0.001`, `null`, `[64, 64]`."""
    return f"{value:g}" if isinstance(value, float) else json.dumps(value)


def notes(annotation: Any) -> list[Any]:
    """What `Annotated` says anywhere in an annotation."""
    own = list(getattr(annotation, "__metadata__", ()))
    args = (annotation.__origin__,) if own else typing.get_args(annotation)
    return own + [n for a in args if not isinstance(a, (list, str)) for n in notes(a)]
