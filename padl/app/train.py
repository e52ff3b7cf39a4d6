"""A run from start to end: plan, folder, sinks, loop, summary. `padl train` and `padl.train` are both this."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import numpy as np

from padl.app import artifacts
from padl.app.artifacts import TrainedWeights
from padl.app.compilation_cache import use_compilation_cache
from padl.app.fingerprint import fingerprint
from padl.app.outputs import open_wandb, run_sinks
from padl.app.plan import Plan, resolve
from padl.app.plugin_errors import one_line_of_plugins
from padl.app.saving import Saver, interval
from padl.app.settings import SweepSettings
from padl.app.stopping import NEVER, StopRequest
from padl.app.summary import Rows, columns, summarise
from padl.app.timing import Clock
from padl.app.warm_start import warm_start
from padl.engine import loop
from padl.engine.memory import is_out_of_memory
from padl.jax_flags import pinned
from padl.runs import jsonl, lock, run_files, run_folder, snapshots
from padl.runs.environment import environment
from padl.runs.fault_points import reach
from padl.runs.jsonl import Jsonl
from padl.runs.processes import is_writer
from padl.runs.recorder import Recorder
from padl.runs.sink import Memory
from padl.runs.snapshots import SnapshotStore
from padl.runs.status import recording
from padl.runs.wandb import Wandb
from padl.types import PadlError, PyTree

Choose = str | Mapping[str, Any] | None  # a name, or {"name": ..., hyperparameters}
QUIET: dict[str, Any] = {"run": {"dir": None}, "wandb": {"mode": "disabled"}, "progress": "none"}


@dataclass
class RunResult:
    """What a run gave.

    Attributes:
        status: "finished", "diverged", or "interrupted" by a signal.
        summary: as in summary.json.
        config: every name and value of the run.
        history: arrays over the rows of metrics.jsonl, {name: (rows,)}; NaN where a row has not measured something.
        params, best_params: the final ones, and those with the best evaluation: {name: NumPy array}.
        folder: of the run, None where none was asked for.
        wandb_folder: of its offline W&B run, None without.
    """

    status: str
    summary: dict[str, Any]
    config: dict[str, Any]
    history: dict[str, np.ndarray]
    params: PyTree
    best_params: PyTree
    folder: Path | None
    wandb_folder: Path | None


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
        task, model, loss, optimizer, schedule: a name, or {"name": "adam", "learning_rate": 0.01}; a task brings its
            own model and loss where they are None.
        settings: every other key of conf/train.yaml, as `seed=1, steps=500, run={"dir": "runs"}, progress="live"`.

    Raises:
        PadlError: for the first thing that is wrong, before anything is compiled or written.
    """
    chosen = {"task": task, "model": model, "loss": loss, "optimizer": optimizer, "schedule": schedule}
    return run(quietly({**chosen, **settings}), command=[])


def quietly(config: Mapping[str, Any]) -> dict[str, Any]:
    """Complete a configuration so that it prints and writes nothing but what it asks for."""
    quiet = {**QUIET, **config}
    for group in ("run", "wandb"):
        logged = {"mode": "offline"} if group == "wandb" and config.get(group) else {}
        if isinstance(quiet[group], Mapping | None):
            quiet[group] = {**QUIET[group], **logged, **(quiet[group] or {})}
    return quiet


@dataclass
class Beginning:
    """What a run begins with; one that goes on, with what was before.

    Attributes:
        start: the engine's snapshot; of step 0 where the run begins with another's parameters.
        window: of metrics that was open. rows: of metrics.jsonl so far.
        seconds: that the run has taken. wandb_id: of its W&B run, None for a new one.
    """

    start: loop.Snapshot | None = None
    window: Mapping[str, Any] | None = None
    rows: Rows = field(default_factory=list)
    seconds: float = 0.0
    wandb_id: str | None = None

    @property
    def step(self) -> int:
        """Updates done."""
        return int(self.start.state.step) if self.start else 0


@pinned()
def run(config: Mapping[str, Any], command: list[str], stop: StopRequest = NEVER) -> RunResult:
    """Train as a configuration says, from its check to the last file.

    Args:
        config: as of `plan.resolve`. command: what the user typed, word by word, for the records.
        stop: looked at between two calls.

    Raises:
        PadlError: for the first thing that is wrong, before anything is compiled or written; out of memory.
    """
    with Clock() as clock:
        use_compilation_cache(config.get("compilation_cache", "auto"))
        plan = resolve(config)
        if plan.sweep != SweepSettings() and "-m" not in command:
            raise PadlError("sweep.* is for several runs at once: add -m, or leave it out")
        stop.check()
        beginning = Beginning(start=warm_start(plan))
        folder = _create_folder(plan, command)
        with lock.hold(folder if is_writer() else None):
            return record(plan, folder, clock, stop, beginning)


def record(plan: Plan, folder: Path | None, clock: Clock, stop: StopRequest, beginning: Beginning) -> RunResult:
    """Train, and write all of a run but what is known before; its folder, if any, is held.

    What cannot be had again comes first: parameters and summary, then the status, then the picture; W&B last.
    """
    written = folder if is_writer() else None
    memory, wandb = Memory(), open_wandb(plan, written, run_id=beginning.wandb_id) if written else None
    memory.rows += beginning.rows
    clock.begun_at = beginning.step
    try:
        with one_line_of_plugins(plan.parts):
            summary, weights = _train(plan, written, memory, wandb, clock, stop, beginning)
        if written and plan.run.plot and summary["status"] != "interrupted":
            artifacts.draw(plan, summary, memory.rows, written)
    finally:
        if wandb:
            wandb.wait()
    return RunResult(
        status=summary["status"],
        summary=summary,
        config=plan.config,
        history=columns(memory.rows),
        params=weights.final.params,
        best_params=weights.best.params,
        folder=folder,
        wandb_folder=wandb.run_folder if wandb else None,
    )


def _create_folder(plan: Plan, command: list[str]) -> Path | None:
    """The run folder with what is known before the start, in every process; None where none is asked for."""
    if plan.run.dir is None:
        return None
    label = "-".join(plan.config[kind]["name"] for kind in ("task", "optimizer"))
    folder = run_folder.create(plan.run.dir, label)
    if is_writer():
        env = run_folder.to_json(environment(plan.device, plan.device_count, command))
        run_files.write_start(folder, plan.config, env)
    return folder


def _train(
    plan: Plan, folder: Path | None, memory: Memory, wandb: Wandb | None, clock: Clock, stop: StopRequest,
    beginning: Beginning,
) -> tuple[dict[str, Any], TrainedWeights]:  # fmt: skip
    """Run the loop to its end, and write what it gives; the status comes last.

    Args:
        folder: None writes nothing.
    """
    saver = _saver(plan, folder, stop)
    with _advice_where_memory_ends(memory), recording(folder, step=beginning.step) as status:
        rows = Jsonl(folder) if folder else None
        sinks = run_sinks(plan, rows, status, memory, wandb)
        with Recorder(plan.settings.log_every, sinks, beginning.window) as recorder:

            def save(step: int, snapshot: loop.Snapshot) -> None:
                about = lambda: _about(plan, recorder, rows, clock.times(beginning.seconds).wall, wandb)  # noqa: E731
                saver.save(step, snapshot, about, lambda: jsonl.sync(folder) if folder else None)

            reach("before_the_first_call")
            last = _train_to_the_end(plan, recorder, saver, save, clock, beginning.start)
            summary = summarise(plan, last, memory.rows, clock.times(beginning.seconds), stop.reason)
            recorder.close(summary)
        weights = artifacts.trained(last)
        if folder:
            artifacts.write(plan, weights, summary, folder)
        if last.diverged is None:
            save(last.step, loop.Snapshot(last.state, last.best))
        saver.close()
        reach("at_the_end")
        status.end(summary["status"], summary["steps"], summary["reason"])
    return summary, weights


def _train_to_the_end(
    plan: Plan, recorder: Recorder, saver: Saver, save: Callable[[int, loop.Snapshot], None], clock: Clock,
    start: loop.Snapshot | None,
) -> loop.LastChunk:  # fmt: skip
    """Run the loop, record what it measures, and save what is due."""
    chunks = loop.run(
        plan.experiment, plan.key, plan.hparams, plan.data, steps=plan.steps,
        steps_per_call=plan.settings.steps_per_call, eval_every=plan.eval_every, criterion=plan.task.criterion,
        stream=plan.stream, start=start, save_every=saver.steps, control=saver.control,
    )  # fmt: skip

    def recorded() -> Iterator[loop.Chunk]:
        for chunk in chunks:
            clock.mark(chunk.step)
            if chunk.evaluation:
                reach("after_evaluation")
            ends = isinstance(chunk, loop.LastChunk)
            recorder.take(chunk, last=ends and not chunk.stopped)
            if chunk.snapshot and not ends:  # that of the end is saved when all else is written
                save(chunk.step, chunk.snapshot)
            yield chunk

    return loop.last(recorded())


def _saver(plan: Plan, folder: Path | None, stop: StopRequest) -> Saver:
    """Make what saves the state of this run; it keeps nothing without a folder, or with run.save=false."""
    keeps = folder is not None and plan.run.save
    store = SnapshotStore(folder / snapshots.FOLDER, plan.run.keep) if folder and keeps else None
    return Saver(store, interval(plan.run.save_every), stop)


def _about(plan: Plan, recorder: Recorder, rows: Jsonl | None, seconds: float, wandb: Wandb | None) -> dict[str, Any]:
    """What belongs to a snapshot of now beside its arrays."""
    assert rows is not None  # there is a folder
    return {
        "metrics": rows.written()._asdict(),
        "window": recorder.windows.state(),
        "seconds": seconds,
        "wandb_id": wandb.run_id if wandb else None,
        "fingerprint": fingerprint(plan),
    }


@contextmanager
def _advice_where_memory_ends(memory: Memory) -> Iterator[None]:
    """Turn the device's error into a line that says what needs less."""
    try:
        yield
    except (jax.errors.JaxRuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        step = int(memory.rows[-1]["step"]) if memory.rows else 0
        advice = "a smaller batch_size or model, or accumulate=2, needs less"
        raise PadlError(f"out of memory after step {step}: {advice}") from error
