"""What stays of a run in its folder when it is over: summary, parameters, curves, and last of all its status."""

from pathlib import Path
from typing import Any

import jax
import numpy as np

from padl.app.run_spec import RunSpec
from padl.app.summary import Rows
from padl.engine import loop
from padl.engine.experiment import readout
from padl.runs import checkpoint, curves, run_folder

Kept = dict[str, tuple[Any, Any]]


def parameters(last: loop.LastChunk) -> Kept:
    """{"final": (params, rest), "best": (params, rest)}, as NumPy arrays."""
    return jax.tree.map(np.asarray, {"final": (readout(last.state), last.state.model_state), "best": last.best[2:]})


def keep(draft: RunSpec, kept: Kept, summary: dict[str, Any], folder: Path, durable: bool = True) -> None:
    """Write summary.json and checkpoint/; `durable` as in `record.write_text`."""
    run_folder.write_json(folder / "summary.json", summary, durable)
    if not draft.run.save:
        return
    sound = {"final": not summary["reason"], "best": bool(summary["best"])}  # what diverged is not worth loading
    trees: dict[str, Any] = {
        n: {"params": p, "model_state": model_state} for n, (p, model_state) in kept.items() if sound[n]
    }
    stats = jax.tree.map(np.asarray, draft.split.stats)
    checkpoint.save(folder, {**trees, "stats": stats} if stats else trees, _model(draft), durable)


def draw(draft: RunSpec, summary: dict[str, Any], rows: Rows, folder: Path) -> None:
    """Draw curves.png."""
    counts = " + ".join(f"{n:,} rows {side.replace('_', ' ')}" for side, n in summary["rows"].items() if n)
    title, words = (f"{draft.title}, {counts}", curves.ON_DATA) if counts else (draft.title, curves.ON_A_SURFACE)
    curves.draw(rows, title, folder / "curves.png", words)


def close(folder: Path, summary: dict[str, Any], durable: bool = True) -> None:
    """The status comes last: a folder that says "finished" is whole."""
    run_folder.write_status(folder, summary["status"], summary["steps"], summary["reason"], durable)


def _model(draft: RunSpec) -> dict[str, Any]:
    """What calling the trained model needs beside its parameters and the statistics of its inputs."""
    predictor = getattr(draft.experiment.objective, "predictor", None)
    shape = None if predictor is None else list(predictor.shape)
    about = dict(draft.task.about)
    return {"task": about, "input_shape": shape, "dtype": draft.settings.dtype, "data": draft.task.digest}
