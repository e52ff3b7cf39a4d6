"""What stays of a run in its folder beside its rows: summary, parameters, curves. trained, write, draw, figure."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np

from padl.app.outputs import shown
from padl.app.run_spec import RunSpec
from padl.app.summary import Rows, rows_of
from padl.engine import loop
from padl.runs import checkpoint, curves, run_files
from padl.runs.jsonl import Written
from padl.runs.pictures import attempt
from padl.types import Params, PyTree


class Weights(NamedTuple):
    """What a trained model is made of, as NumPy arrays.

    Attributes:
        params: {name: array}. model_state: what no gradient reaches, as the statistics of batch norm.
    """

    params: Params
    model_state: PyTree


class TrainedWeights(NamedTuple):
    """What training gave.

    Attributes:
        final: after the last step. best: with the best evaluation.
    """

    final: Weights
    best: Weights


def trained(last: loop.LastChunk) -> TrainedWeights:
    """Copy what training gave to the host."""
    final, best = (last.judged, last.state.model_state), (last.best.params, last.best.model_state)
    return jax.tree.map(np.asarray, TrainedWeights(Weights(*final), Weights(*best)))


def write(
    spec: RunSpec,
    weights: TrainedWeights,
    summary: dict[str, Any],
    metrics: Written,
    folder: Path,
    durable: bool = True,
) -> None:
    """Write summary.json, and checkpoint/ where it is asked for; arguments as of `run_files.write_end`.

    Final parameters that diverged are left out, and the best ones where nothing was evaluated before.
    """
    run_files.write_end(folder, summary, metrics, durable)
    if not spec.run.save:
        return
    usable = {"final": summary["status"] != "diverged", "best": bool(summary["best"])}
    trees: dict[str, Any] = {name: each._asdict() for name, each in weights._asdict().items() if usable[name]}
    stats = jax.tree.map(np.asarray, spec.split.stats)
    checkpoint.save(folder, {**trees, "stats": stats} if stats else trees, _model(spec), durable)


def draw(spec: RunSpec, summary: dict[str, Any], rows: Rows, folder: Path) -> None:
    """Draw curves.png, or say why it could not be drawn."""
    title, labels = _wording(summary)
    file = folder / "curves.png"
    attempt(str(file), lambda: curves.draw(rows, shown(spec), title, file, labels))


def figure(summary: Mapping[str, Any], history: Mapping[str, np.ndarray], metrics: Sequence[str]) -> Any:
    """Draw what curves.png shows.

    Args:
        history: {name: (rows,)}, NaN where a row has not measured something. metrics: as of `shown`.
    """
    return curves.figure(rows_of(history), metrics, *_wording(summary))


def _wording(summary: Mapping[str, Any]) -> tuple[str, Mapping[str, str]]:
    """The title of the curves, and what they are."""
    counts = " + ".join(f"{n:,} rows {side.replace('_', ' ')}" for side, n in summary["rows"].items() if n)
    title = summary["title"]
    return (f"{title}, {counts}", curves.ON_DATA) if counts else (title, curves.ON_A_SURFACE)


def _model(spec: RunSpec) -> dict[str, Any]:
    """What calling the trained model needs beside its parameters and the statistics of its inputs."""
    predictor = getattr(spec.experiment.objective, "predictor", None)
    shape = None if predictor is None else list(predictor.shape)
    about = dict(spec.task.about)
    return {"task": about, "input_shape": shape, "dtype": spec.settings.dtype, "data": spec.task.digest}
