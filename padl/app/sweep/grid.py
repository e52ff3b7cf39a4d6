"""`padl.sweep`: a sweep from Python, over every combination of some values."""

import itertools
import os
from collections.abc import Iterable, Mapping
from typing import Any, Unpack

from padl.app import names
from padl.app.debug import LENGTHS
from padl.app.keywords import SweepRunKeys, spelled_out
from padl.app.objects import labelled, shown_value
from padl.app.settings import Settings, schema
from padl.app.sweep import results
from padl.app.sweep.members import Requested
from padl.app.sweep.results import Results
from padl.app.sweep.run import Sweep
from padl.app.train import DEFAULTS, Choose, quietly
from padl.nested import with_value
from padl.registry import near
from padl.types import KINDS, PadlError


@spelled_out({**DEFAULTS, "sweep": None})
def sweep(
    task: Choose = "digits",
    model: Choose = None,
    loss: Choose = None,
    optimizer: Choose = "adam",
    schedule: Choose = "constant",
    *,
    over: Mapping[str, Iterable[Any]],
    **settings: Unpack[SweepRunKeys],
) -> Results:
    """Train every combination of the values in `over`, those of one structure in one compiled program.

    Args:
        task, model, loss, optimizer, schedule, settings: as in `padl.train`; nothing is printed or written unless asked
            for.
        over: key -> its values: {"learning_rate": [1e-3, 1e-2], "seed": range(8), "optimizer": ["adam", "sgd"]}. A key
            is written as on the command line ("optimizer.b1"); the group may be left out where only one has it. A thing
            from Python is called by its `__name__` in the table, or by the label of {"name": thing, "label": ...}.

    Returns:
        A tidy table: `rows` holds a dict for each run, `ranked` the settings over seeds.

    Raises:
        PadlError: for all that is wrong with any of the runs, before any is trained.

    >>> rates = sweep(over={"learning_rate": [1e-3, 1e-2], "seed": range(3)}, steps=300)
    >>> rates.best["optimizer.learning_rate"]
    0.01
    """
    chosen = {"task": task, "model": model, "loss": loss, "optimizer": optimizer, "schedule": schedule}
    given = {**chosen, **settings}
    base = quietly(given)
    values_of = {key: labelled(key, values) if key in KINDS else values for key, values in _listed(over).items()}
    first = base | {key: values[0] for key, values in values_of.items() if values}
    full_names = {key: _full_name(key, first) for key in values_of}
    if "debug" in values_of:
        raise PadlError("over: debug sets what is one for the whole sweep: give padl.sweep(debug=NAME)")
    if len(set(full_names.values())) < len(full_names):
        each = ", ".join(f"{key} is {full}" for key, full in full_names.items())
        raise PadlError(f"over has the same key twice: {each}")
    grid = [
        dict(zip(full_names.values(), combination, strict=True))
        for combination in itertools.product(*values_of.values())
    ]
    run = Sweep([], report=results.write_tables)
    try:
        run.launch([_requested(_under(given, base, setting), setting) for setting in grid])
    finally:
        swept = results.finish(run)
    assert swept is not None  # since at least one member was launched
    return swept


def _under(given: Mapping[str, Any], base: Mapping[str, Any], setting: Mapping[str, Any]) -> Mapping[str, Any]:
    """The base of a member: `debug` sets no length beside the member's own."""
    lengths = {key: setting[key] for key in LENGTHS if key in setting}
    return quietly({**given, **lengths}) if lengths and given.get("debug") else base


def _requested(base: Mapping[str, Any], setting: dict[str, Any]) -> Requested:
    shown = {key: shown_value(value) for key, value in setting.items()}
    return Requested([f"{key}={value}" for key, value in shown.items()], shown, _config(base, setting))


def _listed(over: Any) -> dict[str, list[Any]]:
    """The values of each key as a list; raises PadlError for what is no key or no list."""
    if not isinstance(over, Mapping) or not all(isinstance(key, str) for key in over):
        raise PadlError(f"over={over!r} must be keys with lists of values, as over={{'learning_rate': [0.1, 0.01]}}")
    for key, values in over.items():
        if isinstance(values, (str, Mapping)) or not isinstance(values, Iterable):
            raise PadlError(f"over[{key!r}]={values!r} must be a list of values")
    return {key: [os.fspath(x) if isinstance(x, os.PathLike) else x for x in values] for key, values in over.items()}


def _full_name(key: str, base: Mapping[str, Any]) -> str:
    """`optimizer.learning_rate` for `learning_rate`; raises PadlError where no part, or more than one, has it."""
    group = key.partition(".")[0]
    if key == "start":
        return "start.from"
    if key in KINDS or key in schema(Settings) or ("." in key and group in (*KINDS, "start", "stop", "run", "wandb")):
        return key
    if "." in key:
        raise PadlError(f"over: no key '{key}'{near(group, KINDS)} (write it as model.widths)")
    entries = {kind: names.entry(kind, base[kind]) for kind in KINDS if base.get(kind) is not None}
    owners = [kind for kind, entry in entries.items() if key in entry.hyperparameters]
    if len(owners) == 1:
        return f"{owners[0]}.{key}"
    if owners:
        raise PadlError(f"over: '{key}' may be {' or '.join(f'{kind}.{key}' for kind in owners)}: say which")
    names_of_all = [name for entry in entries.values() for name in entry.hyperparameters]
    raise PadlError(f"over: no key '{key}'{near(key, [*names_of_all, *schema(Settings)])} (write it as model.widths)")


def _config(base: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration with these values: the names first, then what belongs to them."""
    config = dict(base) | {key: value for key, value in values.items() if "." not in key}
    for key, value in values.items():
        kind, dot, _ = key.partition(".")
        if not dot:
            continue
        group = config.get(kind)
        if group is not None and not isinstance(group, Mapping):
            config[kind] = {"from" if kind == "start" else "name": group}
        config = with_value(config, key, value)
    return config
