"""A configuration of names and values -> functions and numbers, or one line that says what is wrong with it.

Everything is checked here, before anything is compiled, written or shown.
"""

import traceback
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from padl.cli import fit, names
from padl.cli.settings import Run, Settings, WandbSettings, parse
from padl.engine import loop, mesh
from padl.engine.experiment import Experiment
from padl.registry import Choice, Entry
from padl.tasks.task import Data, Objective, Task
from padl.types import Device, HParams, Key, Kind, PadlError, one_line

EVALUATIONS = 20  # of a run that does not say how often
AUTO = "auto"  # in the place of a loss or model: what the task brings


@dataclass(frozen=True)
class Plan:
    """A run, ready to go."""

    config: dict[str, Any]
    settings: Settings
    run: Run
    wandb: WandbSettings
    task: Task
    experiment: Experiment
    hparams: HParams
    data: Data
    key: Key
    steps: int
    eval_every: int
    batch_size: int | None
    device: Device
    device_count: int

    @property
    def title(self) -> str:
        """`digits mlp adam, seed 0`."""
        used = [self.config[kind]["name"] for kind in ("task", "model", "optimizer") if kind in self.config]
        used[0] = self.task.about.get("title", used[0])
        return f"{' '.join(used)}, seed {self.settings.seed}"


@dataclass(frozen=True)
class Part:
    """One of the five names, resolved."""

    entry: Entry
    choice: Choice
    scalars: dict[str, float]
    config: dict[str, Any]


def resolve(config: Mapping[str, Any]) -> Plan:
    """Check a configuration whole and build what it names.

    Args:
        config: `task`, `model`, `loss`, `optimizer`, `schedule`, each a name or {"name": ..., hyperparameters}, and the
            keys of `Settings`, `run` and `wandb`; what is left out has its default.

    Raises:
        PadlError: for the first thing that is wrong.
    """
    config = dict(config)
    settings, run, wandb = parse(config)
    if wandb.mode != "disabled" and run.dir is None:
        raise PadlError(f"wandb.mode={wandb.mode} writes into the run folder: give run.dir, or wandb.mode=disabled")
    if run.dir == "":
        raise PadlError("run.dir= names no folder: run.dir=. is the current one, run.dir=null keeps nothing")
    parts: dict[Kind, Part] = {"task": part("task", config.get("task") or "digits")}
    task: Task = parts["task"].choice(**parts["task"].scalars)
    parts |= _other_parts(config, parts["task"].entry.traits, task)
    fit.check_names({kind: found.entry for kind, found in parts.items()}, task, config)
    devices = mesh.devices(settings.device, settings.devices)
    split = task.split(settings.seed, parts["task"].scalars)
    rows = len(split.train) or None
    batch_size = fit.batch_size(settings, parts["optimizer"].entry, rows)
    steps = fit.steps(settings, rows, batch_size)
    over = mesh.for_rows(devices, batch_size and batch_size // settings.accumulate)
    count = 1 if over is None else over.size
    if settings.devices not in (None, count):
        raise PadlError(
            f"devices={settings.devices}: {count} of them can share a batch of {batch_size} evenly; give that"
        )
    objective = _objective(task, parts, settings)
    optimizer, schedule = parts["optimizer"].choice, parts["schedule"].choice
    experiment = Experiment(objective, optimizer, schedule, batch_size, settings.accumulate, over)
    put = lambda tree: mesh.put(tree, devices, over)  # noqa: E731
    full = {kind: found.config for kind, found in parts.items()}
    plan = Plan(
        config={**full, **asdict(settings), "run": asdict(run), "wandb": asdict(wandb)},
        settings=settings,
        run=run,
        wandb=wandb,
        task=task,
        experiment=experiment,
        hparams=put(_hparams(parts, settings, steps)),
        data=put(Data(dict(task.rows), split)),
        key=put(run_key(settings.seed)),
        steps=steps,
        eval_every=settings.eval_every or -(-steps // EVALUATIONS),
        batch_size=batch_size,
        device=devices[0],
        device_count=count,
    )
    _trace(plan, parts)
    return plan


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
    word = parts["loss"].entry.traits.get("targets", task.fits[0])
    return task.objective(parts["model"].choice, parts["loss"].choice, word, settings.dtype)


def _hparams(parts: Mapping[Kind, Part], settings: Settings, steps: int) -> HParams:
    """Every scalar as float32: the data of the program."""
    run = {"steps": steps, "clip_norm": settings.clip_norm, "ema": settings.ema}
    scalars = {kind: parts[kind].scalars if kind in parts else {} for kind in names.HOMES}
    scalars["run"] = {name: value for name, value in run.items() if value is not None}
    return jax.tree.map(np.float32, scalars)


def run_key(seed: int) -> Key:
    """`jax.random.key(seed)`, for a seed below 2³², without compiling a program for it."""
    return jax.random.wrap_key_data(jax.device_put(np.array([0, seed], np.uint32)), impl="threefry2x32")


def _trace(plan: Plan, parts: Mapping[Kind, Part]) -> None:
    """Trace the program without running it, so that a rule that cannot be compiled is refused before a run begins."""
    length = min(plan.settings.steps_per_call, plan.eval_every, plan.steps)
    try:
        loop.trace(plan.experiment, plan.key, plan.hparams, plan.data, length, plan.task.decides)
    except jax.errors.ConcretizationTypeError as error:
        where = _blame(error)
        raise PadlError(
            f"{where} decides a Python branch by a traced value: use jnp.where,"
            " or annotate the argument int, bool or Literal to make it part of the program"
        ) from error
    except PadlError:
        raise
    except Exception as error:
        used = ", ".join(f"{kind} '{part.entry.name}'" for kind, part in parts.items() if part.entry.origin != "padl")
        if not used:
            raise
        raise PadlError(f"{_blame(error)}: {one_line(error)} (plugins in this run: {used})") from error


def _blame(error: BaseException) -> str:
    """`file:line, in function` of the last frame that is not a library's."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if "site-packages" not in f.filename and not f.filename.startswith("<")]
    last = (own or frames)[-1]
    return f"{last.filename}:{last.lineno}, in {last.name}"
