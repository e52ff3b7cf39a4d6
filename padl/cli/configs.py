"""Hydra: where conf/ lies, the nodes that the registries give, and its errors in one line.

Each registered entry becomes a node of its group, so that `optimizer=adam optimizer.b1=0.8` composes; a task's node
also puts its own loss and model in place. No node says what to import.
"""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from padl.cli import names
from padl.cli.resolve import AUTO
from padl.cli.settings import Run, Settings, WandbSettings, schema
from padl.registry import Entry, near
from padl.types import KINDS, Kind, PadlError

OWN_GROUPS = ("experiment",)


def folder() -> Path:
    """conf/, beside the package in a checkout and inside it in a wheel."""
    inside = Path(__file__).parents[1] / "conf"
    return inside if inside.is_dir() else Path(__file__).parents[2] / "conf"


def store() -> None:
    """Give Hydra a node for every registered entry."""
    from hydra.core.config_store import ConfigStore

    ConfigStore.instance().store(group="loss", name=AUTO, node={"name": AUTO}, package="loss", provider="padl")
    for kind in KINDS:
        for entry in names.of(kind):
            content = {"name": entry.name, **{k: _plain(h.default) for k, h in entry.hyperparameters.items()}}
            if kind == "task":
                brings = [{f"override /{k}": _brought(entry, k)} for k in ("model", "loss")]
                content = {"defaults": [*brings, "_self_"], "task": content}
            package = "_global_" if kind == "task" else kind
            ConfigStore.instance().store(group=kind, name=entry.name, node=content, package=package, provider="padl")


def _brought(task: Entry, kind: str) -> str | None:
    """The model or loss of a task; `auto` where its data decide."""
    own = task.traits.get(kind)
    return own if own is None or isinstance(own, str) else AUTO


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def compose_and_call(arguments: list[str], task: Callable[[dict[str, Any]], Any]) -> None:
    """Run Hydra's application on a command line; `task` gets each composed configuration.

    Raises:
        PadlError: what Hydra refuses, as one line. What `task` raises comes through as it is, in a multirun the first.
    """
    import hydra
    from omegaconf import DictConfig, OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    store()
    raised: list[Exception] = []  # kept from Hydra, which would print lines of its own

    def call(config: DictConfig) -> Any:
        try:
            return task(OmegaConf.to_container(config, resolve=True))  # pyright: ignore[reportArgumentType]
        except Exception as error:
            raised.append(error)

    os.environ["HYDRA_FULL_ERROR"] = "1"  # without it Hydra prints and exits by itself
    sys.argv = ["padl train", *arguments]
    try:
        hydra.main(version_base="1.3", config_path=str(folder()), config_name="train")(call)()
    except BrokenPipeError:
        raise
    except Exception as error:
        raise explain(arguments, error) from error
    if raised and isinstance(raised[0], OmegaConfBaseException):
        raise explain(arguments, raised[0])
    if raised:
        raise raised[0]


def explain(arguments: list[str], error: Exception) -> PadlError:
    """What is wrong with a command line that Hydra refused: an unknown name or key, or else Hydra's own words."""
    from hydra.errors import OverrideParseException

    own_words = " ".join(str(error).split("\nSee https")[0].split("\nSet the environment")[0].split())
    refused = PadlError(f"the configuration cannot be composed: {own_words}")
    if isinstance(error, OverrideParseException):
        return refused
    given = dict(word.lstrip("+~").split("=", 1) for word in arguments if "=" in word and not word.startswith("-"))
    for key, value in given.items():
        if key in KINDS and value in ("", "null"):
            return PadlError(f"{key}={value} names nothing: leave it out for the usual {key}, or give a name")
        if key in KINDS and "," not in value and (key, value) != ("loss", AUTO):
            try:
                names.of(key).get(value)
            except PadlError as unknown:
                return unknown
        if key == "experiment" and value not in experiments():
            known = ", ".join(experiments())
            return PadlError(f"no experiment '{value}'{near(value, experiments())} (there are: {known})")
    known = keys(given)
    for key in given:
        if key not in known and not key.startswith(("hydra.", "hydra/")):
            return PadlError(f"no key '{key}'{near(key, known)} ('padl train --cfg job' shows all keys)")
    return refused


def experiments() -> list[str]:
    return sorted(file.stem for file in (folder() / "experiment").glob("*.yaml"))


def keys(given: Mapping[str, str]) -> list[str]:
    """All keys of the configuration that these overrides choose."""
    task = _chosen("task", given.get("task", "digits"))
    chosen: dict[Kind, Entry | None] = {"task": task}
    usual: dict[Kind, str] = {"optimizer": "adam", "schedule": "constant", "model": "", "loss": ""}
    for kind, default in usual.items():
        brought = _brought(task, kind) if task else None
        chosen[kind] = _chosen(kind, given.get(kind) or brought or default)
    inner = [f"{kind}.{name}" for kind, entry in chosen.items() if entry for name in ("name", *entry.hyperparameters)]
    groups = [f"{g}.{k}" for g, c in (("run", Run), ("wandb", WandbSettings)) for k in schema(c)]
    return [*KINDS, *OWN_GROUPS, *schema(Settings), *groups, *inner]


def _chosen(kind: Kind, name: str) -> Entry | None:
    return names.of(kind).get(name) if name in names.of(kind).names() else None


def defaults() -> dict[str, Any]:
    """conf/train.yaml as it stands."""
    return yaml.safe_load((folder() / "train.yaml").read_text(encoding="utf-8"))
