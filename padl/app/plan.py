"""A configuration of names and values -> functions and numbers, or one line that says what is wrong with it.

Everything is checked here, before anything is compiled, written or shown.
"""

import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax

from padl.app import compatibility, names
from padl.app.settings import Run, Settings, SweepSettings, WandbSettings, parse
from padl.data.source import Data, Split
from padl.engine import loop, mesh
from padl.engine.experiment import Experiment
from padl.engine.lanes import key_of
from padl.registry import Entry, StaticPartial
from padl.tasks.task import Objective, Task
from padl.types import Device, HParams, Key, Kind, PadlError, one_line

Memo = dict[Any, Any]
EVALUATIONS = 20  # of a run that does not say how often
AUTO = "auto"  # in the place of a loss or model: what the task brings


@dataclass(frozen=True)
class Part:
    """One of the five names, resolved."""

    entry: Entry
    choice: StaticPartial
    scalars: dict[str, float]
    config: dict[str, Any]


@dataclass(frozen=True)
class RunSpec:
    """A run that is checked, but for what the compiler refuses; nothing of it is on a device yet.

    Attributes:
        config: every name and value. parts: the five names. split, hparams: as NumPy has them.
        experiment: without devices to share a batch.
    """

    config: dict[str, Any]
    settings: Settings
    run: Run
    wandb: WandbSettings
    sweep: SweepSettings
    parts: Mapping[Kind, Part]
    task: Task
    split: Split
    experiment: Experiment
    hparams: HParams
    steps: int
    eval_every: int
    batch_size: int | None

    @property
    def title(self) -> str:
        """`digits mlp adam, seed 0`."""
        used = [self.config[kind]["name"] for kind in ("task", "model", "optimizer") if kind in self.config]
        used[0] = self.task.about.get("title", used[0])
        return f"{' '.join(used)}, seed {self.settings.seed}"


@dataclass(frozen=True)
class Plan(RunSpec):
    """A run, ready to go: its data, scalars and key are on the device, or on several with its batches."""

    data: Data
    key: Key
    device: Device
    device_count: int


def resolve(config: Mapping[str, Any]) -> Plan:
    """Check a configuration whole and build what it names.

    Args:
        config: `task`, `model`, `loss`, `optimizer`, `schedule`, each a name or {"name": ..., hyperparameters}, and the
            keys of `Settings`, `run` and `wandb`; what is left out has its default.

    Raises:
        PadlError: for the first thing that is wrong.
    """
    draft = check(config)
    settings, batch_size = draft.settings, draft.batch_size
    devices = mesh.devices(settings.device, settings.devices)
    over = mesh.for_rows(devices, batch_size and batch_size // settings.accumulate)
    count = 1 if over is None else over.size
    if settings.devices not in (None, count):
        raise PadlError(
            f"devices={settings.devices}: {count} of them can share a batch of {batch_size} evenly; give that"
        )
    put = lambda tree: mesh.put(tree, devices, over)  # noqa: E731
    placed = {
        "experiment": replace(draft.experiment, mesh=over),
        "hparams": put(draft.hparams),
        "data": put(Data(dict(draft.task.rows), draft.split)),
        "key": put(run_key(settings.seed)),
    }
    plan = Plan(**vars(draft) | placed, device=devices[0], device_count=count)
    trace(plan)
    return plan


def check(config: Mapping[str, Any], known: Memo | None = None) -> RunSpec:
    """All of `resolve` that needs no device.

    Args:
        known: keeps tasks and splits for the next call, which then takes a fraction of a millisecond.
    """
    known = {} if known is None else known
    config = dict(config)
    settings, run, wandb, sweep = parse(config)
    if wandb.mode != "disabled" and run.dir is None:
        raise PadlError(f"wandb.mode={wandb.mode} writes into the run folder: give run.dir, or wandb.mode=disabled")
    if run.dir == "":
        raise PadlError("run.dir= names no folder: run.dir=. is the current one, run.dir=null keeps nothing")
    parts: dict[Kind, Part] = {"task": part("task", config.get("task") or "digits")}
    task, split = _task_and_split(parts["task"], settings.seed, known)
    parts |= _other_parts(config, parts["task"].entry.traits, task)
    compatibility.check_names({kind: found.entry for kind, found in parts.items()}, task, config)
    task = _judged(task, parts, known)
    rows = len(split.train) or None
    batch_size = compatibility.batch_size(settings, parts["optimizer"].entry, rows)
    steps = compatibility.steps(settings, rows, batch_size)
    optimizer, schedule = parts["optimizer"].choice, parts["schedule"].choice
    objective = _objective(task, parts, settings)
    full = {kind: found.config for kind, found in parts.items()}
    return RunSpec(
        config={**full, **asdict(settings), "run": asdict(run), "wandb": asdict(wandb)},
        settings=settings,
        run=run,
        wandb=wandb,
        sweep=sweep,
        parts=parts,
        task=task,
        split=split,
        experiment=Experiment(objective, optimizer, schedule, batch_size, settings.accumulate),
        hparams=_hparams(parts, settings, steps),
        steps=steps,
        eval_every=settings.eval_every or -(-steps // EVALUATIONS),
        batch_size=batch_size,
    )


def _task_and_split(found: Part, seed: int, known: Memo) -> tuple[Task, Split]:
    built = (found.choice, tuple(found.scalars.items()))
    if built not in known:
        known[built] = found.choice(**found.scalars)
    task: Task = known[built]
    if (built, seed) not in known:
        known[built, seed] = task.split(seed, found.scalars)
    return task, known[built, seed]


def _judged(task: Task, parts: Mapping[Kind, Part], known: Memo) -> Task:
    """The task, whose best parameters are those of the least loss where the loss says that it decides: a quantile is
    not found by the least error."""
    own = parts["loss"].entry.traits.get("decides") if "loss" in parts else None
    if own is None:
        return task
    key = (parts["task"].choice, tuple(parts["task"].scalars.items()), own)
    return known.setdefault(key, task.judged_by(own))


def _other_parts(config: Mapping[str, Any], brings: Mapping[str, Any], task: Task) -> dict[Kind, Part]:
    """The other names; a task brings its model and its loss (one for each kind of data that it may hold) where they
    are not given, or given as `auto`."""
    parts: dict[Kind, Part] = {}
    for kind in ("model", "loss"):
        own = brings.get(kind)
        own = own.get(task.about["kind"]) if isinstance(own, Mapping) else own
        wanted = config.get(kind) if config.get(kind) not in (None, AUTO, {"name": AUTO}) else own
        if wanted:
            parts[kind] = part(kind, wanted)
    parts["optimizer"] = part("optimizer", config.get("optimizer") or "adam")
    parts["schedule"] = part("schedule", config.get("schedule") or "constant")
    return parts


def part(kind: Kind, wanted: Any) -> Part:
    """Look one name up and check its hyperparameters."""
    given = {"name": wanted} if isinstance(wanted, str) else dict(wanted) if isinstance(wanted, Mapping) else {}
    if not isinstance(given.get("name"), str):
        what = wanted if isinstance(wanted, (str, int, float, list)) else f"a {type(wanted).__name__}"
        raise PadlError(f"{kind}={what} must be a name, or a name with hyperparameters ('padl list {kind}')")
    entry = names.find(kind, given.pop("name"))
    if kind == "task" and isinstance(given.get("path"), (str, Path)) and str(given["path"]):
        given["path"] = str(Path(given["path"]).expanduser().absolute())  # the record must hold in any folder
    for key, value in given.items():
        if callable(value):
            raise PadlError(
                f"{kind}.{key} of a run is a value, not a function: a learning rate's course is schedule=NAME"
            )
        if isinstance(value, (jax.Array, np.ndarray, np.generic)) and value.ndim == 0:
            given[key] = value.item()
    choice, scalars = entry.split(given)
    return Part(entry, choice, scalars, {"name": entry.name, **dict(choice.static), **scalars})


def _objective(task: Task, parts: Mapping[Kind, Part], settings: Settings) -> Objective:
    if not task.fits:
        return task.objective(None, None, "", settings.dtype)
    model, loss = parts["model"].choice, parts["loss"]
    words = compatibility.words(loss.entry, task)
    said = {"predictions": words.predictions, "decides": loss.entry.traits.get("decides", "")}
    return task.objective(model, loss.choice, words.targets, settings.dtype, **said)


def _hparams(parts: Mapping[Kind, Part], settings: Settings, steps: int) -> HParams:
    """Every scalar as float32: the data of the program."""
    run = {"steps": steps, "clip_norm": settings.clip_norm, "ema": settings.ema}
    scalars = {kind: parts[kind].scalars if kind in parts else {} for kind in names.HOMES}
    scalars["run"] = {name: value for name, value in run.items() if value is not None}
    return jax.tree.map(np.float32, scalars)


def key_numbers(seed: int) -> np.ndarray:
    """What `jax.random.key(seed)` holds for a seed below 2³²: (2,) uint32."""
    return np.array([0, seed], np.uint32)


def run_key(seed: int) -> Key:
    return key_of(jax.device_put(key_numbers(seed)))


def trace(plan: Plan) -> None:
    """Trace the program without running it, so that a rule that cannot be compiled is refused before a run begins."""
    length = min(plan.settings.steps_per_call, plan.eval_every, plan.steps)
    with one_line_for(plan):
        loop.trace(plan.experiment, plan.key, plan.hparams, plan.data, length, plan.task.criterion)


@contextmanager
def one_line_for(draft: RunSpec) -> Iterator[None]:
    """What tracing a plugin's code raises, as one line that says where."""
    try:
        yield
    except jax.errors.ConcretizationTypeError as error:
        where, what = _blame(error), _branched_on(error, draft)
        raise PadlError(
            f"{where} decides a Python branch by {what}: use jnp.where,"
            " or annotate the argument int, bool or Literal to make it part of the program"
        ) from error
    except PadlError:
        raise
    except Exception as error:
        parts = draft.parts.items()
        used = ", ".join(f"{kind} '{part.entry.name}'" for kind, part in parts if part.entry.origin != "padl")
        if not used:
            raise
        raise PadlError(f"{_blame(error)}: {one_line(error)} (plugins in this run: {used})") from error


def _branched_on(error: BaseException, draft: RunSpec) -> str:
    """The traced hyperparameter that a rule's Python code looked at: the one without which it does not."""
    for kind, part in draft.parts.items():
        for name, value in part.scalars.items():
            if kind == "optimizer" and _builds({**part.scalars, name: value}, part, fixed=name):
                return f"the value of {kind}.{name}"
    return "a traced value"


def _builds(scalars: dict[str, float], part: Part, fixed: str) -> bool:
    """Whether an optimizer can be traced where only `fixed` is a number."""
    point = np.zeros(2, np.float32)

    def one_step(traced: dict[str, Any]) -> Any:
        rule = optax.with_extra_args_support(part.choice(**traced, **{fixed: scalars[fixed]}))
        return rule.update(point, rule.init(point), point)

    try:
        jax.eval_shape(one_step, {name: np.float32(x) for name, x in scalars.items() if name != fixed})
    except Exception:
        return False
    return True


def _blame(error: BaseException) -> str:
    """`file:line, in function` of the last frame that is not a library's."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if "site-packages" not in f.filename and not f.filename.startswith("<")]
    last = (own or frames)[-1]
    return f"{last.filename}:{last.lineno}, in {last.name}"
