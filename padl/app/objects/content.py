"""Tell whether a thing from Python is the one that it was, in another process too: a digest of what it is made of.

Of a function that is its code, its defaults and what it closes over; of a class its methods; of an Optax transformation
the numbers in it; of anything else its attributes. What a library defines is known by its name, and what stands in a
module's variables is left out. digest.
"""

import hashlib
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from types import CodeType
from typing import Any

import jax
import numpy as np
from flax import nnx

from padl.app.objects.models import builder, numbers_of
from padl.tasks.task import Task

LIBRARIES = ("builtins", "padl", "optax", "flax", "jax", "jaxlib", "numpy", "functools")
PLAIN = (type(None), bool, int, float, complex, str, bytes)


def digest(thing: Any) -> str:
    """Return the SHA-256 of what a thing is made of; it changes with the version of Python, and not with a comment."""
    total = hashlib.sha256()
    for word in _words(thing, {}):
        total.update(f"{len(word)} {word};".encode())
    return total.hexdigest()


def is_of_a_library(definition: Any) -> bool:
    """Tell whether a class or function is one of a library's, whose version a run records."""
    return str(getattr(definition, "__module__", "")).partition(".")[0] in LIBRARIES


def _words(thing: Any, seen: dict[int, Any]) -> Iterator[str]:
    if isinstance(thing, PLAIN):
        yield repr(thing)
        return
    if id(thing) in seen:  # a circle, or one thing twice
        yield "again"
        return
    seen[id(thing)] = thing  # held, so that nothing else gets its id
    if isinstance(thing, nnx.Module):
        thing = builder(thing)
    if isinstance(thing, Task):  # a run records the digest of its rows
        seen |= {id(rows): rows for rows in thing.rows.values()}
    yield type(thing).__name__
    for part in _parts(thing):
        yield from _words(part, seen)


def _parts(thing: Any) -> list[Any]:
    """What a thing is made of, in an order that does not change."""
    if isinstance(thing, (jax.Array, np.ndarray, np.generic)):
        array = numbers_of(thing)
        return [str(array.dtype), array.shape, array.tobytes()]
    if isinstance(thing, Mapping):
        return [part for key in sorted(thing, key=str) for part in (str(key), thing[key])]
    if isinstance(thing, (set, frozenset)):
        return sorted(map(repr, thing))
    if isinstance(thing, (list, tuple)):
        return list(thing)
    if isinstance(thing, partial):
        return [thing.func, thing.args, thing.keywords]
    if isinstance(thing, CodeType):
        return [thing.co_code, thing.co_names, thing.co_varnames, thing.co_consts]
    if inspect.ismodule(thing):
        return [thing.__name__]
    if inspect.ismethod(thing):
        return [thing.__func__, thing.__self__]
    if inspect.isfunction(thing):
        return _of_function(thing)
    if inspect.isclass(thing):
        return [thing.__qualname__] if is_of_a_library(thing) else [thing.__qualname__, _own(thing)]
    if isinstance(thing, Task):
        return [thing.objective]
    if is_dataclass(thing):
        return [type(thing), *(getattr(thing, each.name) for each in fields(thing))]
    inner = getattr(thing, "__wrapped__", None)  # of what jax.jit and the like made
    return [type(thing), inner if inner is not None else getattr(thing, "__dict__", {})]


def _of_function(function: Any) -> list[Any]:
    code = function.__qualname__ if is_of_a_library(function) else function.__code__
    return [code, function.__defaults__, function.__kwdefaults__, *map(_content, function.__closure__ or ())]


def _own(cls: type) -> dict[str, Any]:
    """What a class defines itself, and its bases."""
    own = {name: value for name, value in vars(cls).items() if inspect.isroutine(value) or isinstance(value, PLAIN)}
    left_out = ("__doc__", "__module__", "__firstlineno__", "__static_attributes__")
    return {"bases": cls.__bases__, **{name: value for name, value in own.items() if name not in left_out}}


def _content(cell: Any) -> Any:
    """What a function closes over; None for a name that is not bound yet."""
    try:
        return cell.cell_contents
    except ValueError:
        return None
