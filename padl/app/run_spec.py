"""A configuration of names and values -> functions and numbers, or one line that says what is wrong with it.

All that can be checked without a device is checked here, before anything is compiled, written or shown. RunSpec, check.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import jax
import numpy as np

from padl.app import compatibility, early_stopping, naming
from padl.app.debug import overfit
from padl.app.names import HOMES, Part, part
from padl.app.objects.sources import things
from padl.app.saving import interval
from padl.app.settings import (
    EXPERIMENT,
    Run,
    Settings,
    StartSettings,
    StopSettings,
    SweepSettings,
    WandbSettings,
    as_config,
    parse,
)
from padl.app.wandb_environment import with_defaults
from padl.data.source import Data, Split
from padl.data.streamed import without_training_rows
from padl.engine.experiment import Experiment
from padl.runs.redaction import refuse_secret
from padl.runs.run_files import PYTHON, TITLE
from padl.runs.sinks import check_sinks
from padl.runs.wandb_limits import check_limits
from padl.tasks.task import Objective, ObjectiveConfig, Task
from padl.types import LOSS, HParams, Kind, PadlError

Memo = dict[Any, Any]
AUTO = "auto"  # in the place of a loss or model: what the task brings


@dataclass(frozen=True)
class RunSpec:
    """A run that is checked, but for what the compiler refuses; nothing of it is on a device yet.

    Attributes:
        config: every name and value, as used: what was left open has the value that was chosen.
        settings, start, stop, run, wandb, sweep: its keys by group, as given. parts: the five names.
        task: its data and objective. split, hparams: as NumPy has them.
        said: lines on what debug=overfit changed. experiment: without devices to share a batch.
        steps, eval_every, batch_size: as they are used; batch_size is None for a task without rows.
        usual: what is chosen where a configuration leaves it open, beside what it says: {"model": its name, "loss": its
            name, "schedule": its name, "steps": ..., "batch_size": ..., "eval_every": ...}.
    """

    config: dict[str, Any]
    settings: Settings
    start: StartSettings
    stop: StopSettings
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
    said: tuple[str, ...]
    usual: Mapping[str, Any]

    @property
    def host_data(self) -> Data:
        """What compiled programs are given of the rows, as NumPy has them."""
        if self.task.streamed:
            return without_training_rows(self.task.rows, self.split)
        return Data(dict(self.task.rows), self.split)

    @property
    def files(self) -> dict[str, Any]:
        """What a run folder has beside its config.yaml where there is something to say: {file name: content}.

        title.json: what the run is called; data.json: how the data were read and encoded; python.json: what came from
        Python.
        """
        data = None if self.task.describe is None else dict(self.task.describe(self.split))
        contents = {TITLE: self._titles, "data.json": data, PYTHON: things(self.parts)}
        return {name: content for name, content in contents.items() if content}

    @cached_property
    def differences(self) -> dict[str, Any]:
        """What of the run is not as usual, {key: value}."""
        return naming.differences(self.config, self.parts, self.usual)

    @property
    def title(self) -> str:
        """`digits mlp adam, loss=hinge, seed 0`."""
        return naming.title(self.config, self.differences, str(self.task.about.get("title", "")))

    @property
    def label(self) -> str:
        """`digits-adam-loss_hinge`, in the name of the run's folder."""
        return naming.folder_label(self.config, self.differences, self.usual)

    @property
    def _titles(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "words": naming.words_of(self.config, self.differences, naming.TITLE),
            "differences": self.differences,
            "decided_by": self.task.criterion._asdict(),
        }


def check(config: Mapping[str, Any], memo: Memo | None = None) -> RunSpec:
    """Check a configuration whole, but for devices and the compiler.

    Args:
        config: `task`, `model`, `loss`, `optimizer`, `schedule`, each a name or {"name": ..., hyperparameters}, and the
            keys of `Settings`, `run` and `wandb`; what is left out has its default.
        memo: keeps tasks and splits for the next call, which then takes a fraction of a millisecond.

    Raises:
        PadlError: for the first thing that is wrong.
    """
    memo = {} if memo is None else memo
    config = dict(config)
    settings, start, stop, run, wandb, sweep = parse(config)
    wandb = with_defaults(wandb)
    _check_start(start)
    _check_folder(run, wandb, settings)
    check_sinks(settings.sinks, run.dir)
    interval(run.save_every)
    parts: dict[Kind, Part] = {"task": part("task", _chosen(config, "task", "digits"))}
    task, split = _task_and_split(parts["task"], settings.seed, memo)
    parts |= _other_parts(config, parts["task"].entry.traits, task)
    compatibility.check_names({kind: part.entry for kind, part in parts.items()}, task, config)
    sizes, said = settings, ()
    if settings.debug == "overfit":
        split, sizes = overfit.one_batch(split, settings)
        parts, turned_off = overfit.without_regularisation(parts)
        said = (overfit.line(len(split.train), turned_off),)
    task = _judged(task, parts, settings, memo)
    rows = len(split.train) or None
    batch_size = compatibility.batch_size(sizes, parts["optimizer"].entry, rows)
    steps = compatibility.steps(settings, rows, batch_size)
    usual = compatibility.usual(settings, parts["optimizer"].entry, rows, steps)
    if settings.debug == "overfit":
        del usual["batch_size"]  # it says how many rows are the batch
    used = {key: usual[key] if value is None else value for key, value in asdict(settings).items() if key in usual}
    eval_every = settings.eval_every or usual["eval_every"]
    early_stopping.check(stop, steps, eval_every)
    objective, optimizer, schedule = _objective(task, parts, settings), parts["optimizer"], parts["schedule"]
    names = {kind: part.config for kind, part in parts.items()}
    experiment = {EXPERIMENT: config[EXPERIMENT]} if config.get(EXPERIMENT) else {}
    return RunSpec(
        config={**names, **experiment, **asdict(settings), **used, **_groups(start, stop, run, wandb)},
        settings=settings,
        start=start,
        stop=stop,
        run=run,
        wandb=wandb,
        sweep=sweep,
        parts=parts,
        task=task,
        split=split,
        experiment=Experiment(
            objective, optimizer.choice, schedule.choice, batch_size, settings.accumulate, measure=settings.measure
        ),
        hparams=_hparams(parts, settings, steps),
        steps=steps,
        eval_every=eval_every,
        batch_size=batch_size,
        said=said,
        usual={**brought_by(parts["task"].entry.traits, task), "schedule": "constant", **usual},
    )


def _groups(*groups: Any) -> dict[str, dict[str, Any]]:
    """The groups of settings that tell what a run is, as a configuration has them."""
    return dict(zip(("start", "stop", "run", "wandb"), map(as_config, groups), strict=True))


def _check_start(start: StartSettings) -> None:
    if start.from_ is None and start != StartSettings():
        raise PadlError("start.which and start.only say what to take of another run: add start.from=FOLDER")


def _check_folder(run: Run, wandb: WandbSettings, settings: Settings) -> None:
    if settings.debug == "profile" and run.dir is None:
        raise PadlError("debug=profile writes its trace into the run folder: give run.dir")
    if wandb.mode != "disabled" and run.dir is None:
        raise PadlError(f"wandb.mode={wandb.mode} writes into the run folder: give run.dir, or wandb.mode=disabled")
    if run.dir == "":
        raise PadlError("run.dir= names no folder: run.dir=. is the current one, run.dir=null keeps nothing")
    refuse_secret("run.dir", run.dir or "")
    naming.check_name(run.name)
    if wandb.mode != "disabled":
        check_limits(asdict(wandb))
        _check_wandb(run, wandb)


def _check_wandb(run: Run, wandb: WandbSettings) -> None:
    if wandb.resume and not wandb.id:
        raise PadlError(f"wandb.resume={wandb.resume} says what becomes of a W&B run: give its wandb.id")
    if wandb.artifacts and not run.save:
        raise PadlError("wandb.artifacts=true gives W&B what run.save=true keeps: leave run.save=false out")


def _task_and_split(part: Part, seed: int, memo: Memo) -> tuple[Task, Split]:
    key = (part.choice, tuple(part.scalars.items()))
    if key not in memo:
        memo[key] = part.choice(**part.scalars)
    task: Task = memo[key]
    if (key, seed) not in memo:
        memo[key, seed] = task.split(seed, part.scalars)
    return task, memo[key, seed]


def _judged(task: Task, parts: Mapping[Kind, Part], settings: Settings, memo: Memo) -> Task:
    """The task, its best parameters those of the least loss where the loss says so, as a quantile is not found by the
    least error, or where a batch is learnt by heart."""
    metric = parts["loss"].entry.traits.get("judged_by") if "loss" in parts else None
    metric = LOSS.name if settings.debug == "overfit" else metric
    if metric is None:
        return task
    key = (parts["task"].choice, tuple(parts["task"].scalars.items()), metric)
    return memo.setdefault(key, task.judged_by(metric))


def _other_parts(config: Mapping[str, Any], traits: Mapping[str, Any], task: Task) -> dict[Kind, Part]:
    """The other names; a task brings its model and its loss (one for each kind of data that it may hold) where they
    are not given, or given as `auto`."""
    parts: dict[Kind, Part] = {}
    brought = brought_by(traits, task)
    for kind in ("model", "loss"):
        wanted = _chosen(config, kind, brought[kind])
        if wanted is not None:
            parts[kind] = part(kind, wanted)
    parts["optimizer"] = part("optimizer", _chosen(config, "optimizer", "adam"))
    parts["schedule"] = part("schedule", _chosen(config, "schedule", "constant"))
    return parts


def brought_by(traits: Mapping[str, Any], task: Task) -> dict[Kind, Any]:
    """The names of the model and the loss that a task brings, None where it has none."""
    brought: dict[Kind, Any] = {}
    for kind in ("model", "loss"):
        of = traits.get(kind) if task.fits else None
        brought[kind] = of.get(task.about["kind"]) if isinstance(of, Mapping) else of
    return brought


def _chosen(config: Mapping[str, Any], kind: Kind, otherwise: Any) -> Any:
    """What a configuration chooses, or else `otherwise`; a thing from Python is never compared."""
    chosen = config.get(kind)
    name = chosen.get("name", AUTO) if isinstance(chosen, Mapping) and set(chosen) <= {"name"} else chosen
    return otherwise if name is None or (isinstance(name, str) and name in ("", AUTO)) else chosen


def _objective(task: Task, parts: Mapping[Kind, Part], settings: Settings) -> Objective:
    if not task.fits:
        return task.objective(None)
    model, loss = parts["model"].choice, parts["loss"]
    words, judged_by = compatibility.words(loss.entry, task), loss.entry.traits.get("judged_by", "")
    return task.objective(ObjectiveConfig(model, loss.choice, words, settings.dtype, judged_by))


def _hparams(parts: Mapping[Kind, Part], settings: Settings, steps: int) -> HParams:
    """Every scalar as float32: the data of the program."""
    run = {"steps": steps, "clip_norm": settings.clip_norm, "ema": settings.ema}
    scalars = {kind: parts[kind].scalars if kind in parts else {} for kind in HOMES}
    scalars["run"] = {name: value for name, value in run.items() if value is not None}
    return jax.tree.map(np.float32, scalars)
