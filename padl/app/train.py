"""A run from start to end: plan, folder, sinks, loop, summary. `padl train` and `padl.train` are both this."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from padl.app import artifacts
from padl.app.compilation_cache import use_compilation_cache
from padl.app.plan import Plan, resolve
from padl.app.settings import SweepSettings
from padl.app.summary import Rows, columns, measured, summarise
from padl.app.timing import Clock
from padl.engine import loop
from padl.runs import run_folder
from padl.runs.console import ConsoleProgress
from padl.runs.jsonl import Jsonl
from padl.runs.sink import Memory, Sinks
from padl.runs.wandb import Wandb
from padl.runs.windows import Windows
from padl.types import PadlError, PyTree, one_line

Choose = str | Mapping[str, Any] | None  # a name, or {"name": ..., hyperparameters}
QUIET: dict[str, Any] = {"run": {"dir": None}, "wandb": {"mode": "disabled"}, "progress": "none"}


@dataclass
class RunResult:
    """What a run gave.

    Attributes:
        status: "finished" or "diverged". summary: as in summary.json. config: every name and value of the run.
        history: arrays over the rows of metrics.jsonl; NaN where a row has not measured something.
        params, best_params: the final ones, and those with the best evaluation: {name: NumPy array}.
        folder: of the run, None where none was asked for. wandb_folder: of its offline W&B run.
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
    """Train once. The same run as `padl train`, in the same words, but quiet and without a folder unless asked for.

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
    """A configuration that prints and writes nothing but what it asks for."""
    quiet = {**QUIET, **config}
    for group in ("run", "wandb"):
        asked = {"mode": "offline"} if group == "wandb" and config.get(group) else {}
        if isinstance(quiet[group], Mapping | None):
            quiet[group] = {**QUIET[group], **asked, **(quiet[group] or {})}
    return quiet


def run(config: Mapping[str, Any], command: list[str]) -> RunResult:
    """Train as `config` says; `command` is what the user typed, for the records."""
    with Clock() as clock:
        use_compilation_cache(config.get("compilation_cache", "auto"))
        plan = resolve(config)
        if plan.sweep != SweepSettings() and "-m" not in command:
            raise PadlError("sweep.* is for several runs at once: add -m, or leave it out")
        folder = _folder(plan, command)
        memory, wandb = Memory(), _wandb(plan, folder)
        sinks = Sinks(*_sinks(plan, folder, memory), *([wandb] if wandb else []))
        try:
            last = _follow(plan, sinks, clock)
            summary = summarise(plan, last, memory.rows, clock.times())
            sinks.close(summary)
            kept = artifacts.parameters(last)
            if folder:
                artifacts.keep(plan, kept, summary, folder)
                if plan.run.plot:
                    artifacts.draw(plan, summary, memory.rows, folder)
                artifacts.close(folder, summary)
        except BaseException as error:
            _stopped(error, memory.rows, sinks, folder)
            raise
    return RunResult(
        status=summary["status"],
        summary=summary,
        config=plan.config,
        history=columns(memory.rows),
        params=kept["final"][0],
        best_params=kept["best"][0],
        folder=folder,
        wandb_folder=wandb.run_folder if wandb else None,
    )


def _folder(plan: Plan, command: list[str]) -> Path | None:
    if plan.run.dir is None:
        return None
    label = "-".join(plan.config[kind]["name"] for kind in ("task", "optimizer"))
    folder = run_folder.create(plan.run.dir, label)
    run_folder.write_start(
        folder, plan.config, run_folder.to_json(run_folder.environment(plan.device, plan.device_count, command))
    )
    return folder


def _sinks(plan: Plan, folder: Path | None, memory: Memory) -> list[Any]:
    style = plan.settings.progress
    console = [] if style == "none" else [ConsoleProgress(plan.steps, style)]
    return [Jsonl(folder), memory, *console] if folder else [memory, *console]


def _wandb(plan: Plan, folder: Path | None) -> Wandb | None:
    told = plan.wandb
    if told.mode == "disabled" or folder is None:  # resolve refuses W&B without a folder
        return None
    return Wandb(
        folder,
        mode=told.mode,
        project=told.project,
        group=told.group,
        tags=told.tags,
        name=told.name,
        config=plan.config,
    )


def _follow(plan: Plan, sinks: Sinks, clock: Clock) -> loop.LastChunk:
    """Run the loop to its end, and log what it measures."""
    windows = Windows(plan.settings.log_every)
    chunks = loop.run(
        plan.experiment, plan.key, plan.hparams, plan.data, steps=plan.steps,
        steps_per_call=plan.settings.steps_per_call, eval_every=plan.eval_every, criterion=plan.task.criterion,
        stream=plan.stream,
    )  # fmt: skip
    for chunk in chunks:
        clock.mark(chunk.step)
        for step, row in measured(windows, chunk):
            sinks.write(step, row)
        if isinstance(chunk, loop.LastChunk):
            return chunk
    raise AssertionError("a loop ends with its last chunk")


def _stopped(error: BaseException, rows: Rows, sinks: Sinks, folder: Path | None) -> None:
    """Leave the record of a run that an interruption or an error ended; what was logged so far stays."""
    status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
    reason = one_line(error)
    step = int(rows[-1]["step"]) if rows else 0
    try:
        sinks.close({"status": status, "reason": reason, "steps": step})
    finally:
        if folder:
            run_folder.write_status(folder, status, step, reason)
    if isinstance(error, jax.errors.JaxRuntimeError) and "RESOURCE_EXHAUSTED" in str(error):
        advice = "a smaller batch_size or model, or accumulate=2, needs less"
        raise PadlError(f"out of memory after step {step}: {advice}") from error
