"""Look things up by name: what is registered, PADL's own and plugins'. Part: one name of a run, with its numbers."""

import importlib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax import nnx
from optax import GradientTransformationExtraArgs

from padl import plugins, registry
from padl.app import objects
from padl.app.composition import composed, entries
from padl.app.objects import models, stored
from padl.origins import PADL
from padl.registry import Entry, Registry, StaticPartial
from padl.types import KINDS, Kind, PadlError

HOMES: dict[Kind, str] = {
    "optimizer": "padl.optimizers",
    "loss": "padl.losses",
    "model": "padl.models",
    "task": "padl.tasks",
    "schedule": "padl.schedules",
}


@dataclass(frozen=True)
class Part:
    """One of the five names of a run, looked up and checked.

    Attributes:
        entry: what is registered under it, or made of a thing from Python. choice: its function with what chooses the
            program. scalars: its data.
        config: the name and every hyperparameter, as config.yaml has them.
        thing: the thing from Python; None for a name.
    """

    entry: Entry
    choice: StaticPartial
    scalars: dict[str, Any]
    config: dict[str, Any]
    thing: Any = None


def strangers(parts: Iterable[Part]) -> list[tuple[Entry, Any]]:
    """Return what of a run is not PADL's own, with the thing from Python where it is one.

    Of an optimizer those within it, around it and of its groups are looked at too.
    """
    found: list[tuple[Entry, Any]] = []
    for part in parts:
        named = part.thing is None and part.entry.kind == "optimizer"
        every = entries(part.entry, part.config, find) if named else [part.entry]
        found += [(each, part.thing) for each in every if part.thing is not None or each.origin != PADL]
    return list({(each.kind, each.name): (each, thing) for each, thing in found}.values())


@cache
def load() -> tuple[plugins.Plugin, ...]:
    """Fill the registries: PADL's own entries, then the plugins, which may use them.

    Raises:
        PadlError: something was registered under a name of PADL's; PADL's own has it from now on.
    """
    for home in HOMES.values():
        importlib.import_module(home)
    registry.check_refused()
    return plugins.load()


def of(kind: Kind) -> Registry:
    """Return the filled registry of one kind; PadlError for a kind there is not."""
    if kind not in KINDS:
        raise PadlError(f"no kind '{kind}'{registry.near(kind, KINDS)} (kinds: {', '.join(KINDS)})")
    load()
    found = registry.REGISTRIES[kind]
    if kind == "model":
        found.make_functions(lambda model: models.builder(model) if _is_module(model) else model)
    return found


def _is_module(model: Any) -> bool:
    return isinstance(model, type) and issubclass(model, nnx.Module)


def find(kind: Kind, name: str) -> Entry:
    """Return the entry of this name; PadlError for an unknown one, which tells of broken plugins that may be why."""
    try:
        return of(kind).get(name)
    except PadlError as error:
        broken = [plugin for plugin in load() if plugin.broken]
        its = next((plugin for plugin in broken if (kind, name) in plugin.registers), None)
        if its:
            raise PadlError(f"{kind} '{name}' is of the plugin {its.name}, which is broken: {its.broken}") from error
        if not broken:
            raise
        reasons = "; ".join(f"{plugin.name} ({plugin.broken})" for plugin in broken)
        raise PadlError(f"{error}; plugins that could not be loaded: {reasons}") from error


def names(kind: Kind) -> list[str]:
    """List the registered names of a kind: "optimizer", "loss", "model", "task" or "schedule"."""
    return of(kind).names()


def optimizer(name: str, **hyperparameters: Any) -> GradientTransformationExtraArgs:
    """Make an optimizer by name; PadlError for an unknown name or argument, a wrong type, or one out of its domain."""
    entry = find("optimizer", name)
    return entry.function(**entry.check(hyperparameters))


def loss(name: str, **hyperparameters: Any) -> Callable[..., jax.Array]:
    """Bind a loss by name: (predictions, targets, *, where=None, reduction="mean") -> Array. Raises as `optimizer`."""
    return _bound("loss", name, hyperparameters)


def model(name: str, **hyperparameters: Any) -> Callable[..., Any]:
    """Bind a model by name: (shape, outputs, *, rngs) -> nnx.Module. Raises as `optimizer`."""
    return _bound("model", name, hyperparameters)


def schedule(name: str, **hyperparameters: Any) -> Callable[[Any], jax.Array]:
    """Bind a schedule by name: fraction of the training -> share of the peak. Raises as `optimizer`."""
    return _bound("schedule", name, hyperparameters)


def task(name: str, **hyperparameters: Any) -> Any:
    """Make a task by name, its data loaded: a `padl.tasks.Task`. Raises as `optimizer`, and for bad data."""
    entry = find("task", name)
    return entry.function(**entry.check(hyperparameters))


def _bound(kind: Kind, name: str, hyperparameters: dict[str, Any]) -> Callable[..., Any]:
    entry = find(kind, name)
    return partial(entry.function, **entry.check(hyperparameters))


def entry(kind: Kind, wanted: Any) -> Entry:
    """Return the entry of a name, or of a thing from Python; `wanted` and what raises are those of `part`."""
    thing = wanted.get("name") if isinstance(wanted, Mapping) else wanted
    return find(kind, thing) if isinstance(thing, str) else _of_thing(kind, thing)


def part(kind: Kind, wanted: Any) -> Part:
    """Look one part of a run up and check its hyperparameters.

    Args:
        wanted: a name, or a thing from Python (see `padl.app.objects`); or one of them with hyperparameters, as
            {"name": ..., hyperparameters}, and of a thing the "label" it is recorded under.

    Raises:
        PadlError: it is neither, or is unknown, or a hyperparameter is.
    """
    values = dict(wanted) if isinstance(wanted, Mapping) else {"name": wanted}
    if stored.is_from_python(values):
        raise PadlError(f"{kind} '{values['name']}' came from Python: give the thing itself there, as {kind}=...")
    thing = values.pop("name", None)
    if isinstance(thing, str):
        return _part(find(kind, thing), values)
    if thing is None:
        without = f"{kind}={{" + ", ".join(map(str, values)) + "}" if values else f"{kind}={wanted}"
        raise PadlError(f"{without} must be a name, or a name with hyperparameters ('padl list {kind}')")
    found = _of_thing(kind, thing, objects.checked_label(kind, values.pop("label", "")))
    if found.origin != objects.PYTHON:
        return _part(found, values)
    made = _part(found, {key: _plain(kind, key, value) for key, value in values.items()})
    return replace(made, thing=thing, config=stored.as_stored(found.name, {**dict(made.choice.static), **made.scalars}))


def _of_thing(kind: Kind, thing: Any, label: str = "") -> Entry:
    """The entry that a thing was registered with, or one that is made of it."""
    registered = next((each for each in of(kind) if getattr(each.function, "made_of", each.function) is thing), None)
    return registered or objects.entry_of(kind, thing, label)


def _part(entry: Entry, values: Mapping[str, Any]) -> Part:
    plain = {key: _value(entry.kind, key, value) for key, value in values.items()}
    if entry.kind == "optimizer":
        choice, scalars, used = composed(entry, plain, find)
    else:
        used = entry.check(plain)
        choice, scalars = entry.split_checked(used)
    data = [key for key in scalars if key in entry.hyperparameters and entry.hyperparameters[key].traced]
    config = {key: value for key, value in used.items() if key not in data} | {key: used[key] for key in data}
    return Part(entry, choice, scalars, {"name": entry.name, **config})


def _plain(kind: Kind, key: str, value: Any) -> Any:
    """A hyperparameter of a thing from Python, as what a configuration can hold."""
    if isinstance(value, (list, tuple)):
        return tuple(_plain(kind, key, item) for item in value)
    is_number = isinstance(value, (jax.Array, np.ndarray, np.generic)) and value.ndim == 0
    if value is None or is_number or isinstance(value, (bool, int, float, str, os.PathLike)):
        return value
    raise PadlError(
        f"{kind}.{key} is of type {type(value).__name__}, which no configuration can hold: give {kind} as"
        f" functools.partial(..., {key}=...)"
    )


def _value(kind: Kind, key: str, value: Any) -> Any:
    """A hyperparameter as plain data: a scalar array as its number; a path of data that holds in any folder."""
    if callable(value):
        raise PadlError(f"{kind}.{key} of a run is a value, not a function: a learning rate's course is schedule=NAME")
    if isinstance(value, (jax.Array, np.ndarray, np.generic)) and value.ndim == 0:
        return value.item()
    if kind == "optimizer" and isinstance(value, Mapping):
        return {name: _value(kind, f"{key}.{name}", each) for name, each in value.items()}
    if (kind, key) == ("task", "path") and isinstance(value, (str, Path)) and str(value):
        return str(Path(os.path.expanduser(value)).absolute())
    return value
