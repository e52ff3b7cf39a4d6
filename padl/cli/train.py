"""A run from start to end: plan, folder, sinks, loop, summary. `padl train` and `padl.train` are both this."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from padl.cli.clock import Clock
from padl.cli.resolve import Plan, resolve
from padl.engine import loop
from padl.engine.experiment import readout
from padl.runs import checkpoint, curves, record
from padl.runs.console import ConsoleProgress
from padl.runs.jsonl import Jsonl
from padl.runs.rows import Rows
from padl.runs.sink import Memory, Sinks
from padl.runs.wandb import Wandb
from padl.types import PadlError, PyTree

QUIET = {"run": {"dir": None}, "wandb": {"mode": "disabled"}, "progress": "none"}


@dataclass
class Record:
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


def train(**config: Any) -> Record:
    """Train once. The same run as `padl train`, in the same words, but quiet and without a folder unless asked for.

    Args:
        config: `task`, `model`, `loss`, `optimizer`, `schedule`: a name, or {"name": "adam", "learning_rate": 0.01};
            and every key of conf/train.yaml: `seed=1, steps=500, run={"dir": "runs"}, progress="live"`.

    Raises:
        PadlError: for the first thing that is wrong, before anything is compiled or written.
    """
    quiet = {**QUIET, **config}
    for group in ("run", "wandb"):
        if isinstance(config.get(group), Mapping):
            quiet[group] = {**QUIET[group], **config[group]}
    return run(quiet, command=[])


def run(config: Mapping[str, Any], command: list[str]) -> Record:
    """Train as `config` says; `command` is what the user typed, for the records."""
    with Clock() as clock:
        return _run(config, command, clock)


def _run(config: Mapping[str, Any], command: list[str], clock: Clock) -> Record:
    use_compilation_cache(config.get("compilation_cache", "auto"))
    plan = resolve(config)
    folder = _folder(plan, command)
    memory, wandb = Memory(), _wandb(plan, folder)
    sinks = Sinks(*_sinks(plan, folder, memory), *([wandb] if wandb else []))
    chunk = _follow(plan, sinks, folder, clock)
    summary = _summary(plan, chunk, memory.rows, clock)
    sinks.close(summary)
    assert chunk.state is not None  # the last chunk holds both
    assert chunk.best is not None
    final, best = (readout(chunk.state), chunk.state.rest), (chunk.best.params, chunk.best.rest)
    host = jax.tree.map(np.asarray, {"final": final, "best": best})
    if folder:
        _keep(plan, host, summary, memory.rows, folder)
    return Record(
        status=summary["status"],
        summary=summary,
        config=plan.config,
        history=history(memory.rows),
        params=host["final"][0],
        best_params=host["best"][0],
        folder=folder,
        wandb_folder=wandb.run_folder if wandb else None,
    )


def use_compilation_cache(where: Any) -> None:
    """Keep compiled programs on disk, however quickly they compiled: in the user's cache folder, or in `where`.

    A folder that JAX was given already (JAX_COMPILATION_CACHE_DIR) is left as it is.
    """
    if where == "off":
        jax.config.update("jax_enable_compilation_cache", False)
        return
    if where == "auto":
        import platformdirs

        given = jax.config.jax_compilation_cache_dir  # pyright: ignore[reportAttributeAccessIssue]
        where = given or str(platformdirs.user_cache_path("padl") / "programs")
    try:
        os.makedirs(where, mode=0o700, exist_ok=True)
    except (OSError, TypeError) as error:
        raise PadlError(f"compilation_cache={where!r} cannot be made: give another folder, or `off`") from error
    jax.config.update("jax_enable_compilation_cache", True)
    jax.config.update("jax_compilation_cache_dir", str(where))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def history(rows: list[dict[str, float]]) -> dict[str, np.ndarray]:
    """Rows -> columns."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: np.array([row.get(name, np.nan) for row in rows]) for name in names}


def _folder(plan: Plan, command: list[str]) -> Path | None:
    if plan.run.dir is None:
        return None
    label = "-".join(plan.config[kind]["name"] for kind in ("task", "optimizer"))
    folder = record.create(plan.run.dir, label)
    record.write_start(folder, plan.config, plan.device, command)
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


def _follow(plan: Plan, sinks: Sinks, folder: Path | None, clock: Clock) -> loop.Chunk:
    """Run the loop to its end. What ends it early is said in status.json, and the rows so far stay."""
    rows, chunk = Rows(plan.settings.log_every), None
    chunks = loop.run(
        plan.experiment, plan.key, plan.hparams, plan.data, steps=plan.steps, every=plan.settings.steps_per_call,
        eval_every=plan.eval_every, decides=plan.task.decides,
    )  # fmt: skip
    try:
        for chunk in chunks:
            clock.mark(chunk.step)
            for step, row in rows.take(*_until_divergence(chunk), last=chunk.state is not None):
                sinks.write(step, row)
    except BaseException as error:
        _stopped(error, chunk.step if chunk else 0, sinks, folder)
        raise
    assert chunk is not None  # a plan has at least one step
    return chunk


def _until_divergence(chunk: loop.Chunk) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """What the chunk measured; of one that diverged, up to that step and without the evaluation after it."""
    if chunk.diverged is None:
        return chunk.train, chunk.evaluation
    length = len(chunk.train["loss"]) - (chunk.step - chunk.diverged)
    return {name: values[:length] for name, values in chunk.train.items()}, {}


def _stopped(error: BaseException, step: int, sinks: Sinks, folder: Path | None) -> None:
    """Leave the record of a run that an interruption or an error ended."""
    status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
    reason = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
    if folder:
        record.write_status(folder, status, step, reason)
    sinks.close({"status": status, "reason": reason, "steps": step})
    if isinstance(error, jax.errors.JaxRuntimeError) and "RESOURCE_EXHAUSTED" in str(error):
        raise PadlError(
            f"out of memory at step {step}: a smaller batch_size or model, or accumulate=2, needs less"
        ) from error


def _summary(plan: Plan, chunk: loop.Chunk, rows: list[dict[str, float]], clock: Clock) -> dict[str, Any]:
    assert chunk.best is not None
    assert chunk.state is not None
    step = chunk.diverged or chunk.step
    evaluated = [row for row in rows if any(name.startswith("eval/") for name in row)]
    best_step = int(chunk.best.step)
    best = next((_metrics(row, "eval") for row in evaluated if row["step"] == best_step), {})
    return {
        "title": plan.title,
        "status": "diverged" if chunk.diverged else "finished",
        "reason": f"loss {chunk.train['loss'][step - 1 - chunk.step]} at step {step}" if chunk.diverged else "",
        "steps": step,
        "decided_by": {"metric": plan.task.decides[0], "direction": plan.task.decides[1]},
        "final": _metrics(evaluated[-1], "eval") if evaluated and not chunk.diverged else {},
        "final_train": _metrics(rows[-1], "train"),
        "best": {"step": best_step, **best} if best else {},
        "steps_per_second": clock.steps_per_second(),
        "compile_seconds": clock.compiling,
        "wall_seconds": clock.wall(),
        "parameters": sum(int(np.prod(p.shape)) for p in jax.tree.leaves(chunk.state.params)),
        "batch_size": plan.batch_size,
        "rows": {"train": len(plan.data.split.train), "held_out": len(plan.data.split.held_out)},
    }


def _metrics(row: Mapping[str, float], side: str) -> dict[str, float]:
    return {name.removeprefix(f"{side}/"): value for name, value in row.items() if name.startswith(f"{side}/")}


def _keep(
    plan: Plan, host: dict[str, Any], summary: dict[str, Any], rows: list[dict[str, float]], folder: Path
) -> None:
    """What stays of a run when it is over. The status comes last: a folder that says "finished" is whole."""
    record.write_json(folder / "summary.json", summary)
    if plan.run.save:
        trees = {name: {"params": params, "rest": rest} for name, (params, rest) in host.items()}
        stats = jax.tree.map(np.asarray, plan.data.split.stats)
        checkpoint.save(folder, {**trees, "stats": stats} if stats else trees, checkpoint_model(plan))
    if plan.run.plot:
        counts = " + ".join(f"{n:,} rows {side.replace('_', ' ')}" for side, n in summary["rows"].items() if n)
        curves.draw(rows, f"{plan.title}{f', {counts}' if counts else ''}", folder / "curves.png")
    record.write_status(folder, summary["status"], summary["steps"], summary["reason"])


def checkpoint_model(plan: Plan) -> dict[str, Any]:
    """What calling the trained model needs beside its parameters and the statistics of its inputs."""
    inputs = plan.task.rows.get("inputs")
    shape = None if inputs is None else list(inputs.shape[1:])
    return {"task": dict(plan.task.about), "input_shape": shape, "dtype": plan.settings.dtype}
