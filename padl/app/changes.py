"""Change the configuration of a recorded run, in the words of `padl train`.

recorded_spec, changed, with_todays, differences.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from padl.app import names
from padl.app.names import part
from padl.app.naming import as_typed
from padl.app.objects.stored import is_from_python
from padl.app.run_spec import Memo, RunSpec, check
from padl.app.settings import LENGTHS, SECTIONS, Settings, parse, schema
from padl.app.stored_config import OF_TODAY, PATH, path_outside
from padl.nested import flattened, with_value
from padl.registry import near
from padl.types import KINDS, Kind, PadlError

Config = dict[str, Any]
OPEN = ("steps", "batch_size", "eval_every")  # what PADL chooses by other keys, where nothing is given


def recorded_spec(stored: Mapping[str, Any], folder: Path, allow: Collection[str], memo: Memo) -> RunSpec | None:
    """Check a recorded configuration as it stands; None where it can be used no more, or names files elsewhere.

    Args:
        folder: where it was stored. allow: "path" to read files anywhere. memo: as of `check`.
    """
    kept = {key: value for key, value in stored.items() if key not in OF_TODAY}
    try:
        is_usable = PATH in allow or not path_outside(kept, folder)
        return check({**kept, "wandb": {"mode": "disabled"}}, memo) if is_usable else None
    except PadlError:  # its data are gone, or it has things from Python
        return None


def changed(stored: Mapping[str, Any], changes: Mapping[str, Any], recorded: RunSpec | None) -> Config:
    """Return a recorded configuration with other values.

    What was chosen when it was recorded, since nothing was given, is chosen anew: the batch of another optimizer, the
    model and the loss of another task, the evaluations of another number of steps.

    Args:
        changes: {key: value}, as {"optimizer": "sgd", "optimizer.learning_rate": 0.1}. recorded: as of `recorded_spec`.

    Raises:
        PadlError: a key that there is not, or a value that it does not take.
    """
    usual = recorded.usual if recorded else {}
    config = {**stored, **{key: None for key in OPEN if key in usual and stored.get(key) == usual[key]}}
    for kind in KINDS:
        if kind in changes:
            config[kind] = {"name": changes[kind]}
    if "task" in changes:
        _take_from_task(config, stored, changes)
    for one, other in LENGTHS.items():
        if one in changes and other not in changes:
            config[other] = None
    for key, value in changes.items():
        _check_key(key, config)
        if key not in KINDS:
            config = with_value(config, key, value)
    _check_values(config, changes)
    return config


def with_todays(config: Mapping[str, Any], changes: Mapping[str, Any]) -> Config:
    """Put in place again what a folder does not say of today, and was given: the device, W&B, where to run."""
    result = dict(config)
    for key, value in changes.items():
        if key.partition(".")[0] in (*OF_TODAY, "run"):
            result = with_value(result, key, value)
    return result


def differences(
    stored: Mapping[str, Any], recorded: RunSpec | None, config: Mapping[str, Any], memo: Memo
) -> list[str]:
    """Return a line for each value that is used otherwise than it was, `optimizer.name: adam -> sgd`.

    Args:
        stored, recorded: the configuration that was recorded, and what it comes to. config: of today. memo: of `check`.
    """
    ignored = (*OF_TODAY, "devices", "run", "sweep")
    then, now = (
        flattened({key: value for key, value in each.items() if key not in ignored})
        for each in (recorded.config if recorded else stored, check(config, memo).config)
    )
    keys = [key for key in dict.fromkeys([*then, *now]) if as_typed(then.get(key)) != as_typed(now.get(key))]
    return [f"{key}: {as_typed(then.get(key))} -> {as_typed(now.get(key))}" for key in keys]


def _take_from_task(config: Config, stored: Mapping[str, Any], changes: Mapping[str, Any]) -> None:
    """Leave the model and the loss to the new task, where the old one brought them; one that both bring stays."""
    if is_from_python(stored["task"]):
        return
    before, after = (names.entry("task", each["task"]).traits for each in (stored, config))
    for kind in ("model", "loss"):
        name = (stored.get(kind) or {}).get("name")
        if kind not in changes and name in _brought(before, kind) and _brought(after, kind) != {name}:
            config.pop(kind, None)


def _brought(traits: Mapping[str, Any], kind: Kind) -> set[Any]:
    """The names that a task brings: of several for each kind of data all."""
    of = traits.get(kind)
    return set(of.values()) if isinstance(of, Mapping) else {of}


def _check_key(key: str, config: Mapping[str, Any]) -> None:
    """Raise PadlError for a key that the configuration does not have."""
    group, dot, name = key.partition(".")
    inner = [f"{section}.{each}" for section, kind in SECTIONS.items() for each in schema(kind)]
    known = [*KINDS, *schema(Settings), *inner]
    if group == "sweep":
        raise PadlError(f"{key} is for padl train -m: padl rerun runs one")
    if key in known:
        return
    if key in SECTIONS:
        raise PadlError(f"{key} is a group of keys: {', '.join(f'{key}.{name}' for name in schema(SECTIONS[key]))}")
    if dot and group in KINDS and config.get(group) and not is_from_python(config[group]):
        entry = names.entry(group, config[group])
        if name.partition(".")[0] in entry.hyperparameters:
            return
        has = ", ".join(entry.hyperparameters) or "none"
        raise PadlError(f"{group} '{entry.name}' has no key '{key}'{near(name, entry.hyperparameters)} (it has: {has})")
    every = [*known, *flattened(config)]
    same_end = [each for each in every if each.rpartition(".")[2] == key]
    advice = f"; did you mean '{same_end[0]}'?" if same_end else near(key, every)
    raise PadlError(f"no key '{key}'{advice} ('padl train --cfg job' shows all keys)")


def _check_values(config: Mapping[str, Any], changes: Mapping[str, Any]) -> None:
    """Raise PadlError for a value that its key does not take, before the file is named that holds the others."""
    groups = {key.partition(".")[0] for key in changes}
    for kind in KINDS:
        if kind in groups and not is_from_python(config[kind]):
            part(kind, config[kind])
    parse({key: config[key] for key in groups if key not in KINDS})
