"""List what a comparison can be told: the keys of conf/compare.yaml. CompareSettings, OutputSettings, KEYS, parse."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from padl.app.settings import schema
from padl.compare.comparison import Mode
from padl.compare.tuning import GOAL
from padl.registry import check, near
from padl.types import COUNT, POSITIVE, Domain, PadlError

LECTURE = ("gd", "momentum", "nesterov", "adagrad", "rmsprop", "adam")
RANGE = (1e-4, 10.0)  # of learning rates


@dataclass(frozen=True)
class OutputSettings:
    """The group `run` of conf/compare.yaml.

    Attributes:
        dir: the folder in which the comparison's own is made; None for none. plot: whether pictures are drawn in it.
    """

    dir: str | None = "runs"
    plot: bool = True


@dataclass(frozen=True)
class CompareSettings:
    """The knobs at the top of conf/compare.yaml, which explains each."""

    surface: str = "rosenbrock"
    optimizers: tuple[Any, ...] = LECTURE
    mode: Mode = "tuned"
    learning_rate: float | None = None
    learning_rates: Annotated[int | tuple[float, ...], POSITIVE] = 16
    learning_rate_range: Annotated[tuple[float, float], POSITIVE] = RANGE
    start: tuple[float, ...] | None = None
    view: tuple[tuple[float, float], ...] | None = None
    starts: Annotated[int, COUNT] = 1
    steps: int = 500
    condition: float | None = None
    noise: float | None = None
    batch_size: int | Literal["all"] | None = None
    checkpoint: str | None = None
    directions: Annotated[int, Domain(0, 2**32 - 1)] = 0
    rows: int | Literal["all"] | None = None
    goal: Annotated[float, Domain(0.0, 1.0, low_open=True, high_open=True)] = GOAL
    seed: int = 0
    animate: bool = True
    compilation_cache: str = "auto"


KEYS = (*schema(CompareSettings), "run", *(f"run.{key}" for key in schema(OutputSettings)))


def parse(config: Mapping[str, Any]) -> tuple[CompareSettings, OutputSettings]:
    """Read a configuration; raise PadlError for an unknown key, a wrong type or a value outside its domain."""
    keys = (*schema(CompareSettings), "run")
    for key in config:
        if key not in keys:
            raise PadlError(f"no key '{key}'{near(key, keys)} (keys: {', '.join(keys)})")
    top = {k: v for k, v in config.items() if k != "run"}
    if isinstance(top.get("optimizers"), str | Mapping) or callable(getattr(top.get("optimizers"), "update", None)):
        top["optimizers"] = [top["optimizers"]]
    output = _output(config.get("run") or {})
    return CompareSettings(**check(top, schema(CompareSettings), where="", owner="a comparison")), output


def _output(group: Any) -> OutputSettings:
    if not isinstance(group, Mapping):
        raise PadlError(f"run={group!r} must be a group of keys: {', '.join(schema(OutputSettings))}")
    output = OutputSettings(**check(group, schema(OutputSettings), where="run.", owner="a comparison"))
    if output.dir == "":
        raise PadlError("run.dir= names no folder: run.dir=. is the current one, run.dir=null keeps nothing")
    return output
