"""The keywords of `padl.train`, `sweep`, `resume` and their kin, for type checkers and for Tab.

What they mean, their defaults and limits say the dataclasses of settings.py and compare/settings.py. A test holds the
keys and types here against them: a key that is new there is added here too. spelled_out, defaults_of.
"""

import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from types import MappingProxyType
from typing import Any, Literal, TypedDict, TypeVar

import jax

from padl.app.settings import Debug, schema
from padl.compare.comparison import Mode
from padl.engine.mesh import Platform
from padl.runs.console import Style

F = TypeVar("F", bound=Callable[..., Any])
Text = str | PathLike[str]


class RunKeys(TypedDict, total=False):
    """`run={...}`, of settings.Run."""

    dir: Text | None
    name: str | None
    save: bool
    plot: bool
    save_every: int | str | None
    keep: int


StartKeys = TypedDict(
    "StartKeys", {"from": Text | None, "which": Literal["best", "final"], "only": str}, total=False
)  # `start={...}`, of settings.StartSettings


class StopKeys(TypedDict, total=False):
    """`stop={...}`, of settings.StopSettings."""

    patience: int | None
    min_change: float
    target: float | None


class WandbKeys(TypedDict, total=False):
    """`wandb={...}`, of settings.WandbSettings."""

    mode: Literal["offline", "online", "disabled"] | None
    project: str | None
    entity: str | None
    group: str | None
    name: str | None
    job_type: str | None
    notes: str | None
    tags: list[str] | tuple[str, ...]
    id: str | None
    resume: Literal["allow", "must", "never"] | None
    artifacts: bool
    max_runs: int


class SweepKeys(TypedDict, total=False):
    """`sweep={...}`, of settings.SweepSettings."""

    strategy: Literal["auto", "vmap", "map"]
    chunk: Literal["auto"] | int
    exact: bool
    objective: str | None
    target: float | None
    curves: int
    over: list[str] | tuple[str, ...]


class TrainKeys(TypedDict, total=False):
    """What `padl.train` takes beside its five names, of settings.Settings; and four of its groups."""

    seed: int
    steps: int | None
    epochs: int | None
    batch_size: int | Literal["all"] | None
    accumulate: int
    clip_norm: float | jax.Array | None
    ema: float | jax.Array | None
    dtype: Literal["float32", "bfloat16"]
    device: Platform
    devices: int | None
    compilation_cache: Text
    log_every: int
    eval_every: int | None
    measure: list[str] | tuple[str, ...]
    steps_per_call: int
    progress: Style
    sinks: list[str] | tuple[str, ...]
    debug: Debug | None
    start: Text | StartKeys | None
    stop: StopKeys | None
    run: RunKeys | None
    wandb: WandbKeys | None


class SweepRunKeys(TrainKeys, total=False):
    """What `padl.sweep` takes beside its five names and `over`."""

    sweep: SweepKeys | None


ResumeKeys = TypedDict(
    "ResumeKeys",
    {
        "steps": int,
        "epochs": int,
        "progress": Style,
        "run.save_every": int | str | None,
        "run.keep": int,
        "stop.patience": int | None,
        "stop.min_change": float,
        "stop.target": float | None,
        "sinks": list[str] | tuple[str, ...],
        "wandb.mode": Literal["offline", "online", "disabled"],
        "wandb.project": str,
        "wandb.entity": str,
        "device": Platform,
        "compilation_cache": Text,
    },
    total=False,
)  # of `padl.resume`: of a run all but the last two, of a sweep all but the first two and run.*


class CompareRunKeys(TypedDict, total=False):
    """`run={...}` of a comparison, of compare.settings.OutputSettings."""

    dir: Text | None
    plot: bool


class CompareKeys(TypedDict, total=False):
    """What `padl.trajectories` takes beside its surface, of compare.settings.CompareSettings."""

    optimizers: Any
    mode: Mode
    learning_rate: float | None
    learning_rates: int | Sequence[float]
    learning_rate_range: Sequence[float]
    start: Sequence[float] | None
    view: Sequence[Sequence[float]] | None
    starts: int
    steps: int
    condition: float | None
    noise: float | None
    batch_size: int | Literal["all"] | None
    checkpoint: Text | None
    directions: int
    rows: int | Literal["all"] | None
    goal: float
    seed: int
    animate: bool
    compilation_cache: Text
    run: CompareRunKeys | None


class ModelThing(TypedDict, total=False):
    """What came from Python, for who loads a model."""

    model: Any


class EvaluatedThings(ModelThing, total=False):
    """What came from Python, for who evaluates a run."""

    task: Any
    loss: Any


class Things(EvaluatedThings, total=False):
    """What came from Python, for who goes on with a run."""

    optimizer: Any
    schedule: Any


def spelled_out(defaults: Mapping[str, Any] = MappingProxyType({})) -> Callable[[F], F]:
    """Let `inspect.signature`, and so `help` and Tab, show each key that the `**settings: Unpack[Keys]` of a function
    takes.

    Args:
        defaults: of the keys; that of one without is None.
    """

    def decorate(function: F) -> F:
        signature = inspect.signature(function)
        *others, gathering = signature.parameters.values()
        (keys,) = typing.get_args(gathering.annotation)
        named = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=defaults.get(name), annotation=each)
            for name, each in typing.get_type_hints(keys).items()
        ]
        shown = signature.replace(parameters=[*others, *named])
        function.__signature__ = shown  # pyright: ignore[reportFunctionMemberAccess]
        return function

    return decorate


def defaults_of(kind: type) -> dict[str, Any]:
    """Return the default of every key of a dataclass of settings."""
    return {name: each.default for name, each in schema(kind).items()}
