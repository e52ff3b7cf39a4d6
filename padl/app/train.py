"""A run from start to end: plan, folder, training. `padl train` and `padl.train` are both this."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Unpack

import optax
from flax import nnx

from padl.app import objects
from padl.app.compilation_cache import use_compilation_cache
from padl.app.debug import with_debug
from padl.app.keywords import TrainKeys, defaults_of, spelled_out
from padl.app.outputs import say_rules
from padl.app.parameter_groups import files_of
from padl.app.plan import Plan, resolve
from padl.app.run_spec import Memo
from padl.app.settings import EXPERIMENT, Settings, SweepSettings
from padl.app.stopping import NEVER, StopRequest
from padl.app.timing import Clock
from padl.app.training import Beginning, RunResult, Training
from padl.app.wandb_environment import completed
from padl.app.warm_start import WarmStarts
from padl.jax_flags import pinned
from padl.runs import lock, run_files, run_folder
from padl.runs.environment import environment
from padl.runs.processes import is_writer
from padl.tasks.task import Task
from padl.types import KINDS, PadlError

Thing = Task | tuple[Any, Any] | nnx.Module | optax.GradientTransformation | optax.MultiSteps | Callable[..., Any]
Choose = str | Thing | Mapping[str, Any] | None  # a name, a thing from Python, or {"name": one of these, ...}
QUIET: dict[str, Any] = {"run": {"dir": None}, "wandb": {"mode": "disabled"}, "progress": "none"}
DEFAULTS: dict[str, Any] = {**defaults_of(Settings), "start": None, "stop": None, **QUIET}  # of the keywords of `train`


@spelled_out(DEFAULTS)
def train(
    task: Choose = "digits",
    model: Choose = None,
    loss: Choose = None,
    optimizer: Choose = "adam",
    schedule: Choose = "constant",
    **settings: Unpack[TrainKeys],
) -> RunResult:
    """Train once: the same run as `padl train`, in the same words, but quiet and without a folder unless asked for.

    Args:
        task, model, loss, optimizer, schedule: a name, as "adam"; or the thing itself: a `padl.tasks.arrays(...)` or a
            pair of arrays; an nnx.Module (class, instance) or a function that builds one; a function of predictions
            and targets; an Optax transformation, or a function that makes one; a function of the fraction of training.
            Or one of them with its hyperparameters, {"name": "adam", "learning_rate": 0.01}. A task brings its own
            model and loss where they are None.
        settings: every other key of conf/train.yaml, as `seed=1, steps=500, run={"dir": "runs"}, progress="live"`.

    Raises:
        PadlError: for the first thing that is wrong, before anything is compiled or written.
    """
    chosen = {"task": task, "model": model, "loss": loss, "optimizer": optimizer, "schedule": schedule}
    return run(quietly({**chosen, **settings}), command=[])


def quietly(config: Mapping[str, Any]) -> dict[str, Any]:
    """Complete a configuration so that it prints and writes nothing but what it asks for."""
    if EXPERIMENT in config:
        raise PadlError("experiment= is for the command line: from Python its settings are given as they are")
    config = with_debug(config)
    quiet = {**QUIET, **config, **{key: objects.prepared(key, value) for key, value in config.items() if key in KINDS}}
    for group in ("run", "wandb"):
        logged = {"mode": None} if group == "wandb" and config.get(group) else {}
        if isinstance(quiet[group], Mapping | None):
            quiet[group] = {**QUIET[group], **logged, **(quiet[group] or {})}
    return quiet


@pinned()
def run(
    config: Mapping[str, Any], command: list[str], stop: StopRequest = NEVER, memo: Memo | None = None
) -> RunResult:
    """Train as a configuration says, from its check to the last file.

    Args:
        config, memo: as of `plan.resolve`. command: what the user typed, word by word, for the records.
        stop: looked at between two calls.

    Raises:
        PadlError: for the first thing that is wrong, before anything is compiled or written; out of memory.
    """
    with Clock() as clock:
        use_compilation_cache(config.get("compilation_cache", "auto"))
        is_one_of_several = "-m" in command or "--multirun" in command  # by a launcher that is not PADL's
        plan = resolve(completed(config, alone=not is_one_of_several), memo)
        if is_one_of_several:
            _check_id(plan, command)
        if plan.sweep != SweepSettings() and "-m" not in command:
            raise PadlError("sweep.* is for several runs at once: add -m, or leave it out")
        stop.check()
        beginning = Beginning(pretrained=WarmStarts().of(plan))
        say_rules(config, plan)
        folder = _create_folder(plan, command)
        with lock.hold(folder if is_writer() else None):
            return Training(plan, folder, clock, stop, beginning).run()


def _check_id(plan: Plan, command: list[str]) -> None:
    """Raise PadlError where runs that know nothing of each other would be one W&B run."""
    has_several = any(word.startswith("wandb.id=") and "," in word for word in command)
    if plan.wandb.id and not has_several:
        raise PadlError(f"wandb.id={plan.wandb.id} is one W&B run, and there are several: give each its own, or none")


def _create_folder(plan: Plan, command: list[str]) -> Path | None:
    """The run folder with what is known before the start, in every process; None where none is asked for."""
    if plan.run.dir is None:
        return None
    folder = run_folder.create(plan.run.dir, plan.label)
    if is_writer():
        env = run_folder.to_json(environment(plan.device, plan.device_count, command))
        run_files.write_start(folder, plan.config, env, files_of(plan))
    return folder
