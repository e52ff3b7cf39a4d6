"""A run from start to end: plan, folder, training. `padl train` and `padl.train` are both this."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from padl.app import objects
from padl.app.compilation_cache import use_compilation_cache
from padl.app.plan import Plan, resolve
from padl.app.run_spec import Memo
from padl.app.settings import EXPERIMENT, SweepSettings
from padl.app.stopping import NEVER, StopRequest
from padl.app.timing import Clock
from padl.app.training import Beginning, RunResult, Training
from padl.app.warm_start import WarmStarts
from padl.jax_flags import pinned
from padl.runs import lock, run_files, run_folder
from padl.runs.environment import environment
from padl.runs.processes import is_writer
from padl.types import KINDS, PadlError

Choose = Any  # a name, a thing from Python, or {"name": one of these, hyperparameters}
QUIET: dict[str, Any] = {"run": {"dir": None}, "wandb": {"mode": "disabled"}, "progress": "none"}


def train(
    task: Choose = "digits",
    model: Choose = None,
    loss: Choose = None,
    optimizer: Choose = "adam",
    schedule: Choose = "constant",
    **settings: Any,
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
    quiet = {**QUIET, **config, **{key: objects.prepared(key, value) for key, value in config.items() if key in KINDS}}
    for group in ("run", "wandb"):
        logged = {"mode": "offline"} if group == "wandb" and config.get(group) else {}
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
        plan = resolve(config, memo)
        if plan.sweep != SweepSettings() and "-m" not in command:
            raise PadlError("sweep.* is for several runs at once: add -m, or leave it out")
        stop.check()
        beginning = Beginning(pretrained=WarmStarts().of(plan))
        folder = _create_folder(plan, command)
        with lock.hold(folder if is_writer() else None):
            return Training(plan, folder, clock, stop, beginning).run()


def _create_folder(plan: Plan, command: list[str]) -> Path | None:
    """The run folder with what is known before the start, in every process; None where none is asked for."""
    if plan.run.dir is None:
        return None
    folder = run_folder.create(plan.run.dir, plan.label)
    if is_writer():
        env = run_folder.to_json(environment(plan.device, plan.device_count, command))
        run_files.write_start(folder, plan.config, env, plan.files)
    return folder
