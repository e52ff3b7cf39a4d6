"""Read the signature of a stranger's function or class. Adapted, label_of, parameters_of, hyperparameters_of."""

import inspect
import typing
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from padl.coercion import notes
from padl.registry import ANYTHING, Hyperparameter
from padl.types import DOMAINS, Domain, Traced

PLAIN = (bool, int, float, str)


@dataclass(frozen=True, eq=False)
class Adapted:
    """A thing from Python, as PADL calls it.

    Attributes:
        made_of: the thing.
    """

    made_of: Any

    @property
    def __name__(self) -> str:
        return label_of(self.made_of)

    @property
    def hyperparameters(self) -> dict[str, Hyperparameter]:
        """What a user may give by name: nothing, where all was given as the thing was made."""
        return {}


def label_of(thing: Any) -> str:
    """Return what a thing is called: its `__name__`, that of its class, or of what a partial is of."""
    if isinstance(thing, partial):
        return label_of(thing.func)
    name = getattr(thing, "__name__", type(thing).__name__)
    return "function" if name == "<lambda>" else str(name)


def parameters_of(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """Return the parameters of a call, without those that gather what is left; {} where there is no signature.

    Of a `functools.partial`, those that it leaves open, with the defaults that it gives.
    """
    if isinstance(function, partial):
        still_open = list(parameters_of(function.func).values())[len(function.args) :]
        return {each.name: _with_default(each, function.keywords) for each in still_open}
    is_class = inspect.isclass(function)
    try:
        parameters = list(inspect.signature(function.__init__ if is_class else function).parameters.values())
    except (TypeError, ValueError):
        return {}
    gathering = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    return {each.name: each for each in parameters[is_class:] if each.kind not in gathering}  # a class: not its self


def _with_default(parameter: inspect.Parameter, given: Mapping[str, Any]) -> inspect.Parameter:
    if parameter.name not in given:
        return parameter
    return parameter.replace(default=given[parameter.name], kind=parameter.KEYWORD_ONLY)


def gathers(function: Callable[..., Any]) -> bool:
    """Tell whether a call takes any number of arguments by position, or does not say what it takes."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return True
    return any(each.kind is each.VAR_POSITIONAL for each in parameters)


def hyperparameters_of(function: Callable[..., Any], leave_out: Collection[str]) -> dict[str, Hyperparameter]:
    """Return the parameters that a user may give by name.

    One annotated `Scalar` is traced. Of the other annotations those of plain data are checked; a value without one is
    taken as it is, and is part of the program. A parameter whose default is no plain data is left out: what such a one
    is to be, a `functools.partial` says.
    """
    hints = _hints(function)
    found = {}
    for name, parameter in parameters_of(function).items():
        if name in leave_out or parameter.kind is parameter.POSITIONAL_ONLY or not _is_data(parameter.default):
            continue
        annotation = hints.get(name, Any)
        traced = any(isinstance(note, Traced) for note in notes(annotation))
        annotation = annotation if traced or _is_plain(annotation) else Any
        domain = next((note for note in notes(annotation) if isinstance(note, Domain)), None)
        required = parameter.default is parameter.empty
        domain = domain or (DOMAINS.get(name, ANYTHING) if traced else ANYTHING)
        found[name] = Hyperparameter(
            name, annotation, None if required else parameter.default, traced, domain, required
        )
    return found


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    """The annotations, or none where one of them cannot be read: they are a stranger's."""
    inner = function.func if isinstance(function, partial) else function
    try:
        return typing.get_type_hints(inner.__init__ if inspect.isclass(inner) else inner, include_extras=True)
    except Exception:
        return {}


def _is_data(value: Any) -> bool:
    """Whether a default can stand in a configuration; no default can."""
    if isinstance(value, (list, tuple)):
        return all(map(_is_data, value))
    return value is inspect.Parameter.empty or value is None or isinstance(value, PLAIN)


def _is_plain(annotation: Any) -> bool:
    origin = typing.get_origin(annotation)
    return annotation in PLAIN or origin is Literal
