"""What a run comes to: the numbers of summary.json, and its rows as columns."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from padl.cli.clock import Clock
from padl.cli.resolve import Plan
from padl.engine import loop

Rows = list[dict[str, float]]


def summarise(plan: Plan, last: loop.LastChunk, rows: Rows, clock: Clock) -> dict[str, Any]:
    """Final and best metrics, speed and sizes of a run that finished or diverged."""
    step = last.diverged or last.step
    best_step = int(last.best.step)
    evaluated = [row for row in rows if of_side(row, "eval")]
    best = next((of_side(row, "eval") for row in evaluated if row["step"] == best_step), {})
    return {
        "title": plan.title,
        "status": "diverged" if last.diverged else "finished",
        "reason": _reason(last) if last.diverged else "",
        "steps": step,
        "decided_by": {"metric": plan.task.decides[0], "direction": plan.task.decides[1]},
        "final": of_side(evaluated[-1], "eval") if evaluated and not last.diverged else {},
        "final_train": of_side(rows[-1], "train"),
        "best": {"step": best_step, **best} if best else {},
        "steps_per_second": clock.steps_per_second(),
        "compile_seconds": clock.compiling,
        "wall_seconds": clock.wall(),
        "parameters": sum(int(np.prod(p.shape)) for p in jax.tree.leaves(last.state.params)),
        "batch_size": plan.batch_size,
        "rows": {"train": len(plan.data.split.train), "held_out": len(plan.data.split.held_out)},
    }


def _reason(last: loop.LastChunk) -> str:
    loss = float(last.train["loss"][last.diverged - 1 - last.step]) if last.diverged else 0.0
    if not np.isfinite(loss):
        return f"loss {loss} at step {last.diverged}"
    return f"loss {last.evaluation['loss']} on the held-out rows after step {last.diverged}"


def of_side(row: Mapping[str, float], side: str) -> dict[str, float]:
    """{"eval/loss": 1, "train/loss": 2} of side "eval" -> {"loss": 1}."""
    return {name.removeprefix(f"{side}/"): value for name, value in row.items() if name.startswith(f"{side}/")}


def columns(rows: Rows) -> dict[str, np.ndarray]:
    """Rows -> arrays, NaN where a row has not measured something."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: np.array([row.get(name, np.nan) for row in rows]) for name in names}
