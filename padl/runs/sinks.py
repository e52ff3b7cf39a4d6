"""The sinks that `sinks=[...]` names: PADL's own, and those of installed packages. check_sinks, open_sinks, About.

A package offers one by an entry point in the group "padl.sinks": its name is what `sinks` says, and what it loads is
called with an `About` and returns a `Sink`.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from padl.registry import near
from padl.runs.sink import Sink, warn
from padl.types import PadlError, one_line
from padl.version import install_extra

GROUP = "padl.sinks"


class About(NamedTuple):
    """What a sink is told of its run.

    Attributes:
        folder: of the run; a sink makes what it writes in there. title: as the run is shown.
        config: every name and value, nested. metrics: what is measured of the task, as "eval/loss"; the first decides.
        step, rows: how far the run was, and its rows so far, each with its "step"; 0 and none of a run that begins.
    """

    folder: Path
    title: str
    config: Mapping[str, Any]
    metrics: Sequence[str]
    step: int = 0
    rows: Sequence[Mapping[str, float]] = ()


class BuiltIn(NamedTuple):
    """A sink of PADL's own: its module and class, the package that it needs, "" for none."""

    module: str
    name: str
    needs: str


BUILT_IN = {
    "csv": BuiltIn("padl.runs.metrics_csv", "MetricsCsv", ""),
    "tensorboard": BuiltIn("padl.runs.tensorboard", "TensorBoard", "tensorboardX"),
}


def check_sinks(names: Sequence[str], folder: str | None) -> None:
    """Raise PadlError for a name that stands for no sink, or whose package is missing, or where no folder is kept.

    Args:
        folder: in which run folders are made; None keeps nothing.
    """
    if names and folder is None:
        raise PadlError(f"sinks=[{','.join(names)}] writes into the run folder: give run.dir")
    if len(set(names)) < len(names):
        raise PadlError(f"sinks=[{','.join(names)}] has a name twice")
    for name in names:
        if name not in BUILT_IN and name not in _of_packages():
            there_are = [*BUILT_IN, *_of_packages()]
            raise PadlError(f"no sink '{name}'{near(name, there_are)} (there are: {', '.join(there_are)})")
        _needed(name)


def _needed(name: str) -> None:
    package = BUILT_IN[name].needs if name in BUILT_IN else ""
    if package and not find_spec(package):
        raise PadlError(f"sinks=[{name}] needs {package}: {install_extra(name)}")


@cache
def _of_packages() -> dict[str, metadata.EntryPoint]:
    return {entry.name: entry for entry in metadata.entry_points(group=GROUP) if entry.name not in BUILT_IN}


def open_sinks(names: Sequence[str], about: About) -> list[Sink]:
    """Open the sinks of a run; one that cannot be opened costs a line, not the run.

    Args:
        names: that pass `check_sinks`.
    """
    opened = []
    for name in names:
        try:
            opened.append(_maker(name)(about))
        except Exception as error:
            warn(f"sinks=[{name}] cannot begin ({one_line(error)}); the run goes on without it")
    return opened


def _maker(name: str) -> Callable[[About], Sink]:
    if name in BUILT_IN:
        return getattr(import_module(BUILT_IN[name].module), BUILT_IN[name].name)
    return _of_packages()[name].load()
