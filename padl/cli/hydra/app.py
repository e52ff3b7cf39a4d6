"""Hydra: where conf/ lies, its applications, the nodes that the registries give, and its errors in one line.

Each registered entry becomes a node of its group, so that `optimizer=adam optimizer.b1=0.8` composes; a task's node
also puts its own loss and model in place. No node says what to import.
"""

import os
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from padl.app import names
from padl.app.plan import AUTO
from padl.app.settings import Run, Settings, SweepSettings, WandbSettings, schema
from padl.app.sweep.members import Requested
from padl.cli.hydra import jobs as members
from padl.registry import Entry, near
from padl.types import KINDS, Kind, PadlError

MULTIRUN = ("-m", "--multirun")
OWN_GROUPS = ("experiment", "sweep")  # folders of conf/


def folder() -> Path:
    """conf/, beside the package in a checkout and inside it in a wheel."""
    inside = Path(__file__).parents[2] / "conf"
    return inside if inside.is_dir() else Path(__file__).parents[3] / "conf"


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


Task = Callable[[dict[str, Any]], Any]
Together = Callable[[list[Requested]], Sequence[float]]


class App(NamedTuple):
    """One of Hydra's applications.

    Attributes:
        name: of its command, and of its file in conf/. prepare: gives Hydra the nodes that it composes from.
        explain: (arguments, what Hydra raised for them) -> a line.
    """

    name: str
    prepare: Callable[[], None]
    explain: Callable[[list[str], Exception], PadlError]


def compose_and_call(
    arguments: list[str], task: Task, together: Together | None = None, app: App | None = None
) -> None:
    """Run Hydra's application on a command line: that of `padl train`, or another.

    Args:
        task: gets each composed configuration. together: gets all members of a launch at once, for PADL's launcher, and
            returns the objective of each.

    Raises:
        PadlError: what Hydra refuses, as one line. What `task` raises comes through as it is, in a multirun the first.
    """
    import hydra
    from omegaconf import DictConfig, OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    app = app or App("train", store, explain)
    app.prepare()
    raised: list[Exception] = []  # kept from Hydra, which would print lines of its own

    def call(config: DictConfig) -> Any:
        try:
            return task(OmegaConf.to_container(config, resolve=True))  # pyright: ignore[reportArgumentType]
        except Exception as error:
            raised.append(error)

    if together:
        call.together = _launched(together)  # pyright: ignore[reportFunctionMemberAccess]
        call.sweep = getattr(together, "__self__", None)  # pyright: ignore[reportFunctionMemberAccess]
    os.environ["HYDRA_FULL_ERROR"] = "1"  # without it Hydra prints and exits by itself
    try:
        with tempfile.TemporaryDirectory() as own:  # of -m: Hydra writes multirun.yaml there, secrets and all
            words = [word for word in arguments if word not in MULTIRUN]  # argparse wants all overrides in one row
            several = ["-m", f"hydra.sweep.dir={own}"] if is_multirun(arguments) else []
            sys.argv = [f"padl {app.name}", *words, *several[1:], *several[:1]]
            hydra.main(version_base="1.3", config_path=str(folder()), config_name=app.name)(call)()
    except (BrokenPipeError, PadlError):
        raise
    except Exception as error:
        raise app.explain(arguments, error) from error
    if raised and isinstance(raised[0], OmegaConfBaseException):
        raise app.explain(arguments, raised[0])
    if raised:
        more = f" ({len(raised) - 1} more runs were refused)" if len(raised) > 1 else ""
        raise PadlError(f"{raised[0]}{more}") if more and isinstance(raised[0], PadlError) else raised[0]


def _launched(together: Together) -> Callable[..., list[Any]]:
    """What PADL's launcher calls: (launcher, overrides of each job, number of the first) -> Hydra's JobReturns."""

    def launch(launcher: Any, jobs: Sequence[Sequence[str]], first: int) -> list[Any]:
        from hydra.core.utils import JobReturn, JobStatus

        values = together(members.compose(launcher, jobs, first, explain_job))
        found = []
        for job, value in zip(jobs, values, strict=True):
            done = JobReturn(overrides=list(job), status=JobStatus.COMPLETED)
            done.return_value = value
            found.append(done)
        return found

    return launch


def is_multirun(arguments: list[str]) -> bool:
    return any(word in MULTIRUN for word in arguments)


def explain_job(overrides: list[str], error: Exception) -> PadlError:
    """`explain`, for one of the jobs of a multirun."""
    return error if isinstance(error, PadlError) else explain(overrides, error)


def explain(arguments: list[str], error: Exception) -> PadlError:
    """What is wrong with a command line that Hydra refused: an unknown name or key, or else Hydra's own words."""
    from hydra.errors import OverrideParseException

    own_words = _own_words(error)
    refused = PadlError(f"the configuration cannot be composed: {own_words}")
    if isinstance(error, OverrideParseException):
        word = str(getattr(error, "override", ""))
        if "(" in word:
            return PadlError(f"{word} does not parse: a range is 'seed=range(0,8)' (start, stop), a list seed=0,1,2")
        advice = (
            """text with other signs than letters, digits and /._- wants quotes of its own: 'task.path="größe.csv"'"""
        )
        return PadlError(f"{refused}; {advice}")
    if "does not support sweep type" in own_words:
        return PadlError(
            "interval(...) is for a search, a grid needs values: add hydra/sweeper=padl_optuna, or list them"
        )
    given = _given(arguments)
    several = is_multirun(arguments)
    for key, value in given.items():
        if key in KINDS and value in ("", "null"):
            return PadlError(f"{key}={value} names nothing: leave it out for the usual {key}, or give a name")
        if key in (*KINDS, *OWN_GROUPS) and "," in value and not several:
            return PadlError(f"{key}={value} gives several names: add -m to run each")
        for name in _options(value):
            if key in KINDS and (key, name) != ("loss", AUTO) and name not in names.of(key).names():
                return _unknown_name(key, name)
            if key in OWN_GROUPS and name not in files(key):
                return PadlError(f"no {key} '{name}'{near(name, files(key))} (there are: {', '.join(files(key))})")
    chosen = _chosen_entries({**_names_of_experiment(given.get("experiment")), **given})
    known = keys(chosen)
    for key in given:
        if key not in known and not key.startswith(("hydra.", "hydra/")):
            return _unknown_key(key, known, chosen)
    return refused


def explain_keys(known: Sequence[str], app: str) -> Callable[[list[str], Exception], PadlError]:
    """`explain` for an application whose configuration has no names to choose nodes by, only keys."""

    def told(arguments: list[str], error: Exception) -> PadlError:
        for key, value in _given(arguments).items():
            if key not in known and not key.startswith("hydra"):
                return PadlError(f"no key '{key}'{near(key, known)} ('padl {app} --cfg job' shows all keys)")
            if "," in value and not value.startswith(("[", "{", "'", '"')):
                return PadlError(f"{key}={value} gives several values: a list is '{key}=[{value}]'")
        return PadlError(f"the configuration cannot be composed: {_own_words(error)}")

    return told


def _own_words(error: Exception) -> str:
    return " ".join(str(error).split("\nSee https")[0].split("\nSet the environment")[0].split())


def _given(arguments: list[str]) -> dict[str, str]:
    """{key: value} of the overrides in a command line."""
    return dict(word.lstrip("+~").split("=", 1) for word in arguments if "=" in word and not word.startswith("-"))


def _options(value: str) -> list[str]:
    """`adam,sgd` and `choice(adam,sgd)` -> the names."""
    return [name.strip() for name in value.removeprefix("choice(").removesuffix(")").split(",")]


def _unknown_name(kind: Kind, name: str) -> PadlError:
    try:
        names.find(kind, name)
    except PadlError as unknown:
        return unknown
    raise AssertionError(f"{kind} '{name}' is known")


def _unknown_key(key: str, known: list[str], chosen: Mapping[Kind, Entry | None]) -> PadlError:
    kind, dot, name = key.partition(".")
    entry = chosen.get(kind) if dot else None  # pyright: ignore[reportArgumentType, reportCallIssue]
    if entry:
        has = ", ".join(entry.hyperparameters) or "none"
        return PadlError(f"{kind} '{entry.name}' has no key '{key}'{near(name, entry.hyperparameters)} (it has: {has})")
    return PadlError(f"no key '{key}'{near(key, known)} ('padl train --cfg job' shows all keys)")


def files(group: str) -> list[str]:
    """The names of one of PADL's own groups."""
    return sorted(file.stem for file in (folder() / group).glob("*.yaml"))


def _names_of_experiment(name: str | None) -> dict[str, str]:
    """The names that conf/experiment/NAME.yaml puts in place."""
    if name not in files("experiment"):
        return {}
    content = yaml.safe_load((folder() / "experiment" / f"{name}.yaml").read_text(encoding="utf-8"))
    overrides = [item for item in content.get("defaults", []) if isinstance(item, dict)]
    return {key.removeprefix("override /"): value for item in overrides for key, value in item.items()}


def keys(chosen: Mapping[Kind, Entry | None]) -> list[str]:
    """All keys of a configuration with these entries."""
    inner = [f"{kind}.{name}" for kind, entry in chosen.items() if entry for name in ("name", *entry.hyperparameters)]
    groups = [
        f"{g}.{k}" for g, c in (("run", Run), ("wandb", WandbSettings), ("sweep", SweepSettings)) for k in schema(c)
    ]
    return [*KINDS, *OWN_GROUPS, *schema(Settings), *groups, *inner]


def _chosen_entries(given: Mapping[str, str]) -> dict[Kind, Entry | None]:
    """The entries that a command line names, or leaves at their defaults."""
    task = _chosen("task", given.get("task", "digits"))
    usual: dict[Kind, str] = {"optimizer": "adam", "schedule": "constant", "model": "", "loss": ""}
    chosen: dict[Kind, Entry | None] = {"task": task}
    for kind, default in usual.items():
        brought = _brought(task, kind) if task else None
        chosen[kind] = _chosen(kind, given.get(kind) or brought or default)
    return chosen


def _chosen(kind: Kind, name: str) -> Entry | None:
    return names.of(kind).get(name) if name in names.of(kind).names() else None
