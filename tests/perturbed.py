"""Other values of a hyperparameter or a key, from its annotation and domain: what a test changes, one at a time."""

import types
import typing
from collections import abc
from typing import Any, Literal, Union

import jax

from padl.registry import Hyperparameter
from padl.types import PadlError

WORDS = ("other", ",", ".", "space", "latin-1")  # texts, where nothing says which


def other_values(hyperparameter: Hyperparameter, words: typing.Sequence[str] = WORDS) -> list[Any]:
    """Values that it takes and that are not its default, those that change most first.

    Args:
        words: for texts.
    """
    if hyperparameter.nested:
        return ["adam" if hyperparameter.default != "adam" else "momentum"]
    values = []
    for value in _proposed(hyperparameter.annotation, hyperparameter, words):
        try:
            checked = hyperparameter.check(value, hyperparameter.name)
        except PadlError:
            continue
        if checked != hyperparameter.default and checked not in values:
            values.append(checked)
    return values


def _proposed(annotation: Any, hyperparameter: Hyperparameter, words: typing.Sequence[str]) -> list[Any]:
    origin, options = typing.get_origin(annotation), typing.get_args(annotation)
    default = hyperparameter.default
    if origin is typing.Annotated:
        return _proposed(options[0], hyperparameter, words)
    if origin in (Union, types.UnionType):
        return [value for option in options for value in _proposed(option, hyperparameter, words)]
    if origin is Literal:
        return list(options)
    if origin is tuple:
        items = _proposed(options[0], hyperparameter._replace(default=None), words)
        of_default = [default[:-1], default + default[-1:]] if isinstance(default, tuple) and default else []
        return of_default + [(item,) for item in items] + [tuple(items[:n]) for n in (2, 3, 5)]
    if origin in (dict, abc.Mapping):
        return [{key: value} for key in words for value in _proposed(options[1], hyperparameter, words)]
    if annotation is bool:
        return [True, False]
    if annotation is str:
        return list(words)
    if annotation in (int, float):
        return _numbers(hyperparameter, whole=annotation is int)
    return []


def _numbers(hyperparameter: Hyperparameter, whole: bool) -> list[float]:
    default = hyperparameter.default
    near = [default / 2, default * 2] if isinstance(default, (int, float)) and not isinstance(default, bool) else []
    searched = list(hyperparameter.domain.search or ())
    numbers = [*searched, *near, 0.5, 2, 1, 0, 3, 10]
    return [int(x) for x in numbers if x == int(x)] if whole else [float(x) for x in numbers]


def as_data(hyperparameter: Hyperparameter, value: Any) -> Any:
    """A value as a program is given it: an array, of one that is traced."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return jax.numpy.float32(value) if hyperparameter.traced and is_number else value
