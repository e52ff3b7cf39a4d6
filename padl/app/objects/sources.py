"""Tell where things from Python come from, for the records. things, source_of."""

import inspect
import textwrap
from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import optax

from padl.app.objects.content import digest, is_of_a_library
from padl.app.objects.signatures import label_of
from padl.runs.redaction import redact
from padl.tasks.task import Task


def things(parts: Mapping[Any, Any]) -> dict[str, Any]:
    """Describe the things from Python among the parts of a run, {kind: ...}: the content of python.json."""
    return {kind: _describe(part.thing) for kind, part in parts.items() if part.thing is not None}


def _describe(thing: Any) -> dict[str, Any]:
    """What it is called, its type, its module, its source and the digest of its content; "" for what there is not."""
    definition = _definition(thing)
    described = {
        "called": label_of(thing if isinstance(thing, Task) else definition),
        "type": "class" if inspect.isclass(thing) else type(thing).__name__,
        "module": getattr(definition, "__module__", "") or "",
        "source": source_of(thing),
        "digest": digest(thing),
    }
    return redact(described)


def source_of(thing: Any) -> str:
    """Return the text of the class or function that a thing is, or is made by; "" where there is none to be had, and
    for what is a library's."""
    definition = _definition(thing)
    if is_of_a_library(definition):
        return ""
    try:
        text = textwrap.dedent(inspect.getsource(definition))
    except (OSError, TypeError):
        return ""
    name = getattr(definition, "__name__", "")
    return text if ("lambda" if name == "<lambda>" else name) in text else ""  # what exec defined has others' lines


def _definition(thing: Any) -> Any:
    """The class or function that a thing is made by."""
    thing = getattr(thing, "made_of", thing)
    if isinstance(thing, partial):
        return _definition(thing.func)
    if isinstance(thing, optax.GradientTransformation):
        return thing.update
    if inspect.isclass(thing) or inspect.isroutine(thing):
        return inspect.unwrap(thing)
    return type(thing) if not isinstance(thing, jax.tree_util.Partial) else _definition(thing.func)
