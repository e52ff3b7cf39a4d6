"""What a run comes to: the numbers of summary.json, and its rows as columns."""

from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np

from padl.app import linear_optimum
from padl.app.run_spec import RunSpec
from padl.app.timing import Times
from padl.engine import loop
from padl.engine.experiment import readout
from padl.runs.sink import Row
from padl.runs.windows import Windows

Rows = list[dict[str, float]]


def summarise(draft: RunSpec, last: loop.LastChunk, rows: Rows, times: Times) -> dict[str, Any]:
    """Final and best metrics, speed and sizes of a run that finished or diverged; its optimum where one is known."""
    step = last.diverged or last.step
    best_step = int(last.best.step)
    evaluated = [row for row in rows if of_side(row, "eval")]
    best = next((of_side(row, "eval") for row in evaluated if row["step"] == best_step), {})
    known = linear_optimum.against_optimum(draft, None if last.diverged else readout(last.state))
    return {
        "title": draft.title,
        "status": "diverged" if last.diverged else "finished",
        "reason": _reason(last) if last.diverged else "",
        "steps": step,
        "decided_by": {"metric": draft.task.criterion.metric, "direction": draft.task.criterion.direction},
        "final": of_side(evaluated[-1], "eval") if evaluated and not last.diverged else {},
        "final_train": of_side(rows[-1], "train"),
        "best": {"step": best_step, **best} if best else {},
        "steps_per_second": times.steps_per_second,
        "compile_seconds": times.compiling,
        "wall_seconds": times.wall,
        "parameters": sum(int(np.prod(p.shape)) for p in jax.tree.leaves(last.state.params)),
        "batch_size": draft.batch_size,
        "rows": {"train": len(draft.split.train), "held_out": len(draft.split.held_out)},
        **({"optimum": known} if known else {}),
    }


def _reason(last: loop.LastChunk) -> str:
    loss = float(last.train["loss"][last.diverged - 1 - last.step]) if last.diverged else 0.0
    if not np.isfinite(loss):
        return f"loss {loss} at step {last.diverged}"
    return f"loss {last.evaluation['loss']} on the held-out rows after step {last.diverged}"


def measured(windows: Windows, chunk: loop.Chunk) -> Iterator[tuple[int, Row]]:
    """The rows that a chunk completes; of one that diverged, up to that step and without the evaluation after it."""
    train, evaluation = chunk.train, chunk.evaluation
    if chunk.diverged is not None:
        length = len(train["loss"]) - (chunk.step - chunk.diverged)
        train, evaluation = {name: values[:length] for name, values in train.items()}, {}
    return windows.take(train, evaluation, last=isinstance(chunk, loop.LastChunk))


def of_side(row: Mapping[str, float], side: str) -> dict[str, float]:
    """{"eval/loss": 1, "train/loss": 2} of side "eval" -> {"loss": 1}."""
    return {name.removeprefix(f"{side}/"): value for name, value in row.items() if name.startswith(f"{side}/")}


def columns(rows: Rows) -> dict[str, np.ndarray]:
    """Rows -> arrays, NaN where a row has not measured something."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: np.array([row.get(name, np.nan) for row in rows]) for name in names}
