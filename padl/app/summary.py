"""What a run comes to: the numbers of summary.json, and its rows as columns. summarise, columns, rows_of, of_side."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from padl.app import linear_optimum
from padl.app.notes import notes
from padl.app.run_spec import RunSpec
from padl.app.timing import Times
from padl.engine import loop

Rows = list[dict[str, float]]


def summarise(
    spec: RunSpec, last: loop.LastChunk, rows: Rows, times: Times, reason: str = "", found: str = ""
) -> dict[str, Any]:
    """Sum up a run that ended: its final and best metrics, those on test rows, speed, sizes; its optimum where known.

    Args:
        rows: all of metrics.jsonl. reason: why it ended before its last step: the name of the signal, or a sentence.
        found: what `debug` found.
    """
    criterion = spec.task.criterion
    optimum = linear_optimum.against_optimum(spec, None if last.diverged else last.judged)
    return {
        "title": spec.title,
        "status": "diverged" if last.diverged else "interrupted" if last.stopped else "finished",
        "reason": _reason(last) if last.diverged else reason,
        "steps": last.diverged or last.step,
        "decided_by": {"metric": criterion.metric, "direction": criterion.direction},
        **_metrics(last, rows),
        "steps_per_second": times.steps_per_second,
        "compile_seconds": times.compiling,
        "wall_seconds": times.wall,
        "parameters": sum(int(np.prod(p.shape)) for p in jax.tree.leaves(last.state.params)),
        "batch_size": spec.batch_size,
        "rows": _rows(spec),
        **({"test": last.test} if last.test else {}),
        **({"optimum": optimum} if optimum else {}),
        **({"debug": {str(spec.settings.debug): found}} if found else {}),
        **({"notes": lines} if (lines := notes([spec])) else {}),
    }


def _rows(spec: RunSpec) -> dict[str, int]:
    """How many rows each side has; no word of test rows without any."""
    train, held_out, test = (len(side) for side in (spec.split.train, spec.split.held_out, spec.split.test))
    return {"train": train, "held_out": held_out, **({"test": test} if test else {})}


def _metrics(last: loop.LastChunk, rows: Rows) -> dict[str, Any]:
    """The last and the best evaluation, {} where there is none that counts, and the last training metrics."""
    evaluated = [row for row in rows if of_side(row, "eval")]
    best_step = int(last.best.step)
    best = next((of_side(row, "eval") for row in evaluated if row["step"] == best_step), {})
    return {
        "final": of_side(evaluated[-1], "eval") if evaluated and not last.diverged else {},
        "final_train": of_side(rows[-1], "train"),
        "best": {"step": best_step, **best} if best else {},
    }


def _reason(last: loop.LastChunk) -> str:
    loss = float(last.train["loss"][last.diverged - 1 - last.step]) if last.diverged else 0.0
    if not np.isfinite(loss):
        return f"loss {loss} at step {last.diverged}"
    return f"loss {last.evaluation['loss']} on the held-out rows after step {last.diverged}"


def of_side(row: Mapping[str, float], side: str) -> dict[str, float]:
    """Pick the metrics of a side: {"eval/loss": 1, "train/loss": 2} of "eval" -> {"loss": 1}."""
    return {name.removeprefix(f"{side}/"): value for name, value in row.items() if name.startswith(f"{side}/")}


def columns(rows: Rows) -> dict[str, np.ndarray]:
    """Turn rows into arrays, {name: (rows,)}, NaN where a row has not measured something."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: np.array([row.get(name, np.nan) for row in rows]) for name in names}


def rows_of(history: Mapping[str, np.ndarray]) -> Rows:
    """Turn `columns` back into rows, each without what is NaN in it."""
    arrays = history.values()
    rows = (dict(zip(history, map(float, values), strict=True)) for values in zip(*arrays, strict=True))
    return [{name: value for name, value in row.items() if not np.isnan(value)} for row in rows]
