"""Look things up by name: what is registered, PADL's own and plugins'. Part: one name of a run, with its numbers."""

import importlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from optax import GradientTransformationExtraArgs

from padl import plugins, registry
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
        entry: what is registered under it. choice: its function with what chooses the program. scalars: its data.
        config: the name and every hyperparameter, as config.yaml has them.
    """

    entry: Entry
    choice: StaticPartial
    scalars: dict[str, float]
    config: dict[str, Any]


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
    return registry.REGISTRIES[kind]


def find(kind: Kind, name: str) -> Entry:
    """Return the entry of this name; PadlError for an unknown one, which names broken plugins that may be why."""
    try:
        return of(kind).get(name)
    except PadlError as error:
        broken = [plugin.name for plugin in load() if plugin.broken]
        if not broken:
            raise
        raise PadlError(f"{error}; plugins that could not be loaded: {', '.join(broken)}") from error


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


def schedule(name: str, **hyperparameters: Any) -> Callable[[jax.Array], jax.Array]:
    """Bind a schedule by name: fraction of the training -> share of the peak. Raises as `optimizer`."""
    return _bound("schedule", name, hyperparameters)


def task(name: str, **hyperparameters: Any) -> Any:
    """Make a task by name, its data loaded: a `padl.tasks.Task`. Raises as `optimizer`, and for bad data."""
    entry = find("task", name)
    return entry.function(**entry.check(hyperparameters))


def _bound(kind: Kind, name: str, hyperparameters: dict[str, Any]) -> Callable[..., Any]:
    entry = find(kind, name)
    return partial(entry.function, **entry.check(hyperparameters))


def part(kind: Kind, wanted: Any) -> Part:
    """Look one name of a run up and check its hyperparameters.

    Args:
        wanted: a name, or {"name": ..., hyperparameters}.

    Raises:
        PadlError: it is neither, or is unknown, or a hyperparameter is.
    """
    values = {"name": wanted} if isinstance(wanted, str) else dict(wanted) if isinstance(wanted, Mapping) else {}
    if not isinstance(values.get("name"), str):
        what = wanted if isinstance(wanted, (str, int, float, list)) else f"a {type(wanted).__name__}"
        raise PadlError(f"{kind}={what} must be a name, or a name with hyperparameters ('padl list {kind}')")
    entry = find(kind, values.pop("name"))
    choice, scalars = entry.split({key: _value(kind, key, value) for key, value in values.items()})
    return Part(entry, choice, scalars, {"name": entry.name, **dict(choice.static), **scalars})


def _value(kind: Kind, key: str, value: Any) -> Any:
    """A hyperparameter as plain data: a scalar array as its number; a path of data that holds in any folder."""
    if callable(value):
        raise PadlError(f"{kind}.{key} of a run is a value, not a function: a learning rate's course is schedule=NAME")
    if isinstance(value, (jax.Array, np.ndarray, np.generic)) and value.ndim == 0:
        return value.item()
    if (kind, key) == ("task", "path") and isinstance(value, (str, Path)) and str(value):
        return str(Path(os.path.expanduser(value)).absolute())
    return value
