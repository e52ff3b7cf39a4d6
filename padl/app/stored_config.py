"""Read the configuration that a run folder holds for use today: what a stranger's may say, and what is the user's own.

Where compiled programs come from, the device, W&B and the progress are of today; a path outside the folder's place is
opened where the user allows it. for_today, verified_for_today, on_devices_here, allowed, refuse_paths_outside,
say_path_unused, say_unused.
"""

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jax

from padl.app.debug import with_debug
from padl.app.names import part
from padl.app.naming import as_typed
from padl.app.objects.stored import changed, is_from_python, with_objects
from padl.app.settings import Settings, WandbSettings, parse
from padl.app.wandb_environment import environment, with_defaults
from padl.nested import flattened
from padl.registry import near
from padl.runs.run_files import python_things, verified_config
from padl.runs.sink import warn
from padl.types import KINDS, Kind, PadlError

OF_TODAY = ("compilation_cache", "device", "progress", "sinks", "wandb")
HIDDEN = "***"  # in the place of a secret, see `runs.redaction`
NEEDED = ("task", "optimizer", "schedule")
PATH = "path"  # what is allowed by this name: to read files anywhere


def verified_for_today(
    folder: Path,
    reported: Collection[str] = (),
    allow: Collection[str] = (),
    things: Mapping[str, Any] | None = None,
    needs: Collection[Kind] = KINDS,
) -> dict[str, Any]:
    """Read the configuration that a run was trained with, for use today.

    Args:
        reported, allow, things, needs: as of `for_today`.

    Raises:
        PadlError: no run there; its config.yaml was edited or is damaged, or is not one of a run; it names files
            elsewhere.
    """
    config = for_today(verified_config(folder), folder, reported, allow, things, needs)
    for kind in changed(things or {}, python_things(folder)):
        warn(f"{folder}: this {kind} is not the one that it was trained with: its code or its numbers are others")
    return config


def for_today(
    config: Mapping[str, Any],
    folder: Path,
    reported: Collection[str] = (),
    allow: Collection[str] = (),
    things: Mapping[str, Any] | None = None,
    needs: Collection[Kind] = KINDS,
    own: Collection[str] = (),
) -> dict[str, Any]:
    """Take from a stored configuration what is a run's, and leave out what is the user's own of today.

    Left out are where compiled programs come from, the device, everything of W&B, other sinks and the progress, but
    for what a `debug` sets of them. The place of the run folder is where `folder` lies.

    Args:
        folder: where it was stored. reported: of OF_TODAY, those of which a line says that they are left out.
        allow: "path" where its task, or another of the five names, may read files anywhere.
        things: {kind: thing}, those from Python given again. needs: the kinds that are used.
        own: keys whose values the user gave today, not the folder.

    Raises:
        PadlError: it is not a configuration of a run, or a secret was hidden in it, or it names files elsewhere; a
            thing from Python is needed.
    """
    with _named(folder / "config.yaml"):
        _check_groups(config)
        config = with_objects(config, things or {}, needs)
        run = {**(config.get("run") or {}), "dir": str(place_of(folder))}
        kept = with_debug({key: value for key, value in config.items() if key not in OF_TODAY} | {"run": run})
        _refuse_hidden(kept)
        parse(kept)
        for kind in KINDS:
            if kind in kept and not is_from_python(kept[kind]):
                part(kind, kept[kind])
    refuse_paths_outside({kind: kept[kind] for kind in KINDS if kind in kept}, folder, allow, own)
    for line in _left_out(config, reported, kept):
        warn(f"{folder}: {line}")
    return kept


def same_wandb_run(config: Mapping[str, Any], folder: Path, reported: bool) -> dict[str, Any]:
    """Return what W&B is told of a run that goes on: as it was recorded, but that nothing goes online unless asked for,
    be it by WANDB_MODE.

    Args:
        config: as it was stored. folder: where. reported: whether a line says that it is offline now.
    """
    recorded = dict(config.get("wandb") or {})
    if recorded.get("mode") != "online" or environment().get("mode") == "online":
        return recorded
    if reported:
        warn(f"{folder}: it was logged online, and goes on offline: wandb.mode=online is yours to say")
    return {**recorded, "mode": "offline"}


def on_devices_here(config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Put a run on as many devices as it had, or, with a line, on those that are here."""
    here = len(jax.devices())
    if (config.get("devices") or 0) <= here:
        return dict(config)
    warn(f"{folder}: it was on {config['devices']} devices and here are {here}, which may round otherwise")
    return {**config, "devices": None}


def place_of(folder: Path) -> Path:
    """Return the folder that a run's folder was made in, or its sweep's."""
    sweep = folder.absolute().parent / "sweep.json"
    return sweep.parent.parent if sweep.is_file() else folder.absolute().parent


def allowed(names: str | Collection[str], there_are: Collection[str] = (PATH,)) -> list[str]:
    """Return what a user allows by name; raises PadlError for a name that stands for nothing."""
    names = [names] if isinstance(names, str) else list(names)
    for name in names:
        if name not in there_are:
            raise PadlError(f"no '{name}' to allow{near(name, there_are)} (there are: {', '.join(there_are)})")
    return names


def refuse_paths_outside(
    config: Mapping[str, Any], folder: Path, allow: Collection[str], own: Collection[str] = ()
) -> None:
    """Refuse a configuration that names files of the user's which its folder has no business with.

    Args:
        config: keys that are used. folder: where it was stored. allow: "path" refuses none.
        own: keys that are not looked at.

    Raises:
        PadlError: a path in it lies neither below the current folder nor below the one that the run or its sweep is in.
    """
    outside = "" if PATH in allow else path_outside(config, folder, own)
    if outside:
        raise PadlError(
            f"{folder} would read {outside}, outside the current folder and the run's own:"
            " if that is meant, add --allow path"
        )


def say_path_unused(
    configs: Iterable[Mapping[str, Any]], folder: Path, allow: Collection[str], own: Collection[str] = ()
) -> None:
    """Say so where "path" is allowed, and no configuration names a path that needs it; `folder` is their place."""
    if PATH in allow and not any(path_outside(config, folder, own) for config in configs):
        say_unused(PATH)


def say_unused(name: str) -> None:
    """Say that something was allowed to differ, and does not."""
    warn(f"{name} is allowed to differ, and does not: --allow {name} changed nothing")


def path_outside(config: Mapping[str, Any], folder: Path, own: Collection[str] = ()) -> str:
    """Return the first path in a configuration that `refuse_paths_outside` refuses, with its key; "" for none."""
    trees = [Path.cwd().resolve(), place_of(folder.resolve())]
    for key, path in _paths({name: config[name] for name in (*KINDS, "start") if config.get(name)}):
        real = Path(os.path.realpath(os.path.expanduser(path)))
        if key not in own and not any(real.is_relative_to(tree) for tree in trees):
            return f"{real} ({key})"
    return ""


@contextmanager
def _named(file: Path) -> Iterator[None]:
    """Begin the line of a mistake with the file that it is in."""
    try:
        yield
    except PadlError as error:
        raise PadlError(f"{file}: {error}") from error


def _check_groups(config: Mapping[str, Any]) -> None:
    missing = [key for key in NEEDED if key not in config]
    if missing:
        raise PadlError(f"it names no {missing[0]}: it is not the configuration of a run")
    for key in ("run", "wandb"):
        if not isinstance(config.get(key) or {}, Mapping):
            raise PadlError(f"{key}={config[key]!r} must be a group of keys")


def _refuse_hidden(config: Mapping[str, Any]) -> None:
    for key, text in _texts(config):
        if HIDDEN in text and key != "run.dir":
            raise PadlError(
                f"{key} is {text!r}: PADL hid a secret there as the run was recorded (an environment variable that is"
                " called a key, token, secret or the like had this value); the value is gone, so train anew"
            )


def _left_out(config: Mapping[str, Any], reported: Collection[str], kept: Mapping[str, Any]) -> Iterator[str]:
    """A line where something is left out that has another value than today's default, or than a `debug` gives it."""
    wandb = {**asdict(with_defaults(WandbSettings(**environment()))), **kept.get("wandb", {})}
    today = {**asdict(Settings()), "wandb": wandb}
    stored, defaults = (flattened({key: c[key] for key in reported if key in c}) for c in (config, today))
    others = [f"{key}={as_typed(value)}" for key, value in stored.items() if _differs(value, defaults.get(key, value))]
    if others:
        yield f"{', '.join(others)} left out: these are yours of today, not a folder's"


def _differs(stored: Any, default: Any) -> bool:
    return (tuple(stored) if isinstance(stored, list) else stored) != default


def _texts(tree: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Every text of nested dicts and lists, with its key."""
    if isinstance(tree, Mapping):
        for name, inner in tree.items():
            yield from _texts(inner, f"{key}.{name}" if key else name)
    elif isinstance(tree, (list, tuple)):
        for item in tree:
            yield from _texts(item, key)
    elif isinstance(tree, str):
        yield key, tree


def _paths(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The texts that are paths: by their key, or by how they are written."""
    for key, text in _texts(config):
        if text and (key.endswith((".path", ".file", ".folder", ".from")) or os.sep in text or text.startswith("~")):
            yield key, text
