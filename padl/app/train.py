"""A run from start to end: plan, folder, sinks, loop, summary. `padl train` and `padl.train` are both this."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from padl.app import artifacts
from padl.app.artifacts import TrainedWeights
from padl.app.compilation_cache import use_compilation_cache
from padl.app.outputs import open_wandb, run_sinks
from padl.app.plan import Plan, resolve
from padl.app.settings import SweepSettings
from padl.app.summary import columns, summarise
from padl.app.timing import Clock
from padl.engine import loop
from padl.engine.memory import is_out_of_memory
from padl.jax_flags import pinned
from padl.runs import run_folder
from padl.runs.environment import environment
from padl.runs.processes import is_writer
from padl.runs.recorder import Recorder
from padl.runs.sink import Memory
from padl.runs.status import recording
from padl.runs.wandb import Wandb
from padl.types import PadlError, PyTree

Choose = str | Mapping[str, Any] | None  # a name, or {"name": ..., hyperparameters}
QUIET: dict[str, Any] = {"run": {"dir": None}, "wandb": {"mode": "disabled"}, "progress": "none"}


@dataclass
class RunResult:
    """What a run gave.

    Attributes:
        status: "finished" or "diverged".
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


@pinned()
def run(config: Mapping[str, Any], command: list[str]) -> RunResult:
    """Train as a configuration says, from its check to the last file.

    Args:
        config: as of `plan.resolve`. command: what the user typed, word by word, for the records.

    Raises:
        PadlError: for the first thing that is wrong, before anything is compiled or written; out of memory.
    """
    with Clock() as clock:
        use_compilation_cache(config.get("compilation_cache", "auto"))
        plan = resolve(config)
        if plan.sweep != SweepSettings() and "-m" not in command:
            raise PadlError("sweep.* is for several runs at once: add -m, or leave it out")
        folder = _create_folder(plan, command)
        memory, wandb = Memory(), open_wandb(plan, folder) if folder and is_writer() else None
        try:
            summary, weights = _record(plan, folder if is_writer() else None, memory, wandb, clock)
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
        run_folder.write_start(folder, plan.config, env)
    return folder


def _record(
    plan: Plan, folder: Path | None, memory: Memory, wandb: Wandb | None, clock: Clock
) -> tuple[dict[str, Any], TrainedWeights]:
    """Run the loop to its end, and write all of a run but what is known before; the status comes last.

    Args:
        folder: None writes nothing.
    """
    with _advice_where_memory_ends(memory), recording(folder) as status:
        with Recorder(plan.settings.log_every, run_sinks(plan, folder, status, memory, wandb)) as recorder:
            last = _train_to_the_end(plan, recorder, clock)
            summary = summarise(plan, last, memory.rows, clock.times())
            recorder.close(summary)
        weights = artifacts.trained(last)
        if folder:
            artifacts.write(plan, weights, summary, folder)
            if plan.run.plot:
                artifacts.draw(plan, summary, memory.rows, folder)
        status.end(summary["status"], summary["steps"], summary["reason"])
    return summary, weights


def _train_to_the_end(plan: Plan, recorder: Recorder, clock: Clock) -> loop.LastChunk:
    """Run the loop and record what it measures."""
    chunks = loop.run(
        plan.experiment, plan.key, plan.hparams, plan.data, steps=plan.steps,
        steps_per_call=plan.settings.steps_per_call, eval_every=plan.eval_every, criterion=plan.task.criterion,
        stream=plan.stream,
    )  # fmt: skip

    def recorded() -> Iterator[loop.Chunk]:
        for chunk in chunks:
            clock.mark(chunk.step)
            recorder.take(chunk, isinstance(chunk, loop.LastChunk))
            yield chunk

    return loop.last(recorded())


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
