"""The settings of a run beside its five names. The signatures are the schema; conf/train.yaml explains each word."""

from dataclasses import asdict, dataclass
from functools import cache
from keyword import iskeyword
from os import PathLike, fspath
from typing import Annotated, Any, Literal

from padl.engine.mesh import Platform
from padl.registry import Hyperparameter, check, near, signature
from padl.runs.console import Style
from padl.types import KINDS, Domain, PadlError, Scalar

Debug = Literal["fast", "overfit", "nan", "profile"]


@dataclass(frozen=True)
class Run:
    """The run folder: in which folder it is made (None: nowhere), what the run is called (None: by what it is), whether
    parameters and curves are kept in it, how often all that a run needs to go on is saved there, and how many such
    snapshots stay."""

    dir: str | None = "runs"
    name: str | None = None
    save: bool = True
    plot: bool = True
    save_every: int | str | None = "5min"
    keep: Annotated[int, Domain(1)] = 2


@dataclass(frozen=True)
class StartSettings:
    """Whose parameters a run begins with (None: fresh ones): the folder of a run, which of the two that it kept, and a
    pattern for the names of those that are taken."""

    from_: str | None = None
    which: Literal["best", "final"] = "best"
    only: str = "*"


@dataclass(frozen=True)
class StopSettings:
    """What ends a run before its last step: so many evaluations in a row without a better one of the metric that
    decides, better by more than so much; or a value of it."""

    patience: int | None = None
    min_change: float = 0.0
    target: float | None = None


@dataclass(frozen=True)
class WandbSettings:
    """What W&B is told; `wandb_environment.py` says what fills the places of None."""

    mode: Literal["offline", "online", "disabled"] | None = None
    project: str | None = None
    entity: str | None = None
    group: str | None = None
    name: str | None = None
    job_type: str | None = None
    notes: str | None = None
    tags: tuple[str, ...] = ()
    id: str | None = None
    resume: Literal["allow", "must", "never"] | None = None
    artifacts: bool = False
    max_runs: Annotated[int, Domain(0)] = 32


@dataclass(frozen=True)
class SweepSettings:
    """How the members of a sweep (`-m`) are run together, judged and shown."""

    strategy: Literal["auto", "vmap", "map"] = "auto"
    chunk: Literal["auto"] | Annotated[int, Domain(1)] = "auto"
    exact: bool = False
    objective: str | None = None
    target: float | None = None
    curves: Annotated[int, Domain(0)] = 8
    over: tuple[str, ...] = ()


@dataclass(frozen=True)
class Settings:
    """The knobs at the top of conf/train.yaml."""

    seed: int = 0
    steps: int | None = None
    epochs: int | None = None
    batch_size: int | Literal["all"] | None = None
    accumulate: int = 1
    clip_norm: Scalar | None = None
    ema: Scalar | None = None
    dtype: Literal["float32", "bfloat16"] = "float32"
    device: Platform = "auto"
    devices: int | None = None
    compilation_cache: str = "auto"
    log_every: int = 50
    eval_every: int | None = None
    measure: tuple[str, ...] = ()
    steps_per_call: int = 50
    progress: Style = "auto"
    sinks: tuple[str, ...] = ()
    debug: Debug | None = None


Groups = tuple[Settings, StartSettings, StopSettings, Run, WandbSettings, SweepSettings]


SECTIONS: dict[str, type] = {
    "start": StartSettings,
    "stop": StopSettings,
    "run": Run,
    "wandb": WandbSettings,
    "sweep": SweepSettings,
}
LENGTHS = {"steps": "epochs", "epochs": "steps"}  # how long a run is, in one or the other
EXPERIMENT = "experiment"  # the key of a file's name in conf/experiment that a run was composed from
CHANGES_NO_NUMBER = (
    "run", "wandb", "sinks", "sweep", "progress", "compilation_cache", "device", "devices", EXPERIMENT,
)  # fmt: skip


@cache
def schema(kind: type) -> dict[str, Hyperparameter]:
    """The keys of a group, {name: what it takes}; `from_` is the key "from", which Python has for itself."""
    return {name.rstrip("_"): each for name, each in signature(kind).items()}


def as_config(group: Any) -> dict[str, Any]:
    """Write a group of settings as a configuration has it."""
    return {name.rstrip("_"): value for name, value in asdict(group).items()}


def parse(config: dict[str, Any]) -> Groups:
    """Read the settings of a configuration, without its five names; PadlError for what does not belong."""
    keys = [*KINDS, *schema(Settings), *SECTIONS]
    for key in config:
        if key not in (*keys, EXPERIMENT):
            raise PadlError(f"no key '{key}'{near(key, keys)} (keys: {', '.join(keys)})")
    top = {k: v for k, v in config.items() if k in schema(Settings)}
    settings = Settings(**check(top, schema(Settings), where="", owner="a run"))
    if not isinstance(config.get(EXPERIMENT), str | None):
        raise PadlError(f"{EXPERIMENT}={config[EXPERIMENT]!r} is not the name of one")
    inner = [_group(config.get(name), kind, name) for name, kind in SECTIONS.items()]
    return settings, *inner  # pyright: ignore[reportReturnType]


def _group(values: Any, kind: type, name: str) -> Any:
    if isinstance(values, str | PathLike) and name == "start":
        values = {"from": fspath(values)}
    if not isinstance(values, dict | None):
        raise PadlError(f"{name}={values!r} must be a group of keys: {', '.join(schema(kind))}")
    checked = check(values or {}, schema(kind), where=f"{name}.", owner="a run")
    return kind(**{f"{key}_" if iskeyword(key) else key: value for key, value in checked.items()})
