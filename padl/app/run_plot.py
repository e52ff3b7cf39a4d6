"""Draw the curves of several runs in one picture: `padl plot`, `padl.plot`. plot, write."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from padl.app.run_labels import labels_of, shared_title
from padl.compare.run_curves import Panel, RunCurve, draw_panels
from padl.errors import PadlError, near
from padl.runs import jsonl, overview
from padl.runs.pictures import own_style, save
from padl.runs.run_files import TITLE
from padl.runs.run_folder import read_config, read_json, read_metrics

X = Literal["step", "epoch", "wall"]
X_LABELS = {
    "step": "step",
    "epoch": "passes over the training rows",
    "wall": "seconds, by the mean speed of each run",
}
MOST_PANELS = 12
SUFFIXES = (".png", ".svg", ".pdf")


@dataclass
class _Run:
    """What is drawn of a run."""

    name: str
    config: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]]
    summary: Mapping[str, Any]
    criterion: Mapping[str, Any]

    @property
    def metrics(self) -> list[str]:
        names = dict.fromkeys(name for row in self.rows for name in row)
        return [name for name in names if name != "step"]

    def points(self, metric: str, x: X) -> tuple[np.ndarray, np.ndarray]:
        pairs = [(row["step"], row[metric]) for row in self.rows if metric in row]
        steps, values = zip(*pairs, strict=True) if pairs else ((), ())
        return np.array(steps, float) / self._steps_per(x), np.array(values, float)

    def _steps_per(self, x: X) -> float:
        """Steps in one unit of the x axis."""
        if x == "step":
            return 1.0
        if not self.summary:
            raise PadlError(f"{self.name} has not ended, so its {x}s are not known: --x step")
        if x == "wall":
            return float(self.summary["steps_per_second"])
        rows, batch = (self.summary.get("rows") or {}).get("train"), self.summary.get("batch_size")
        if not rows or not batch:
            raise PadlError(f"{self.name} has no training rows, and so no epochs: give --x step")
        return float(rows // batch)


@own_style()
def plot(
    *runs: Any,
    metric: str | Sequence[str] = (),
    x: X = "step",
    smooth: float = 0.0,
    log: bool = False,
) -> Any:
    """Draw the curves of runs together, told apart by what differs between them; a figure, which a notebook shows.

    Runs that cannot be compared, as of other tasks or losses, have panels of their own. Of more than seven curves the
    seeds of a setting become their mean and range.

    Args:
        runs: folders of runs, of sweeps (their members), or that runs were made in; results of `padl.train`.
        metric: as in metrics.jsonl, "eval/loss", or several; where none is given, the one that decides which parameters
            are best.
        x: "step"; "epoch", passes over the training rows; "wall", seconds by each run's mean speed.
        smooth: weight of what was before in a running mean, in [0, 1). log: whether values are on logarithmic axes.

    Raises:
        PadlError: no run there, a damaged one, a metric that none has.
    """
    if x not in get_args(X):
        raise PadlError(f"x={x!r} is none of {', '.join(get_args(X))}")
    if not 0 <= smooth < 1:
        raise PadlError(f"smooth={smooth} must be from 0 to below 1: 0.9 is a mean over about ten points")
    read = [run for each in runs for run in _read(each)]
    if not read:
        raise PadlError("there is no run to draw: give the folders of some, as padl plot runs/... runs/...")
    metrics = [metric] if isinstance(metric, str) else list(metric)
    panels = _panels(read, metrics, x)
    return draw_panels(panels, shared_title([run.config for run in read]), X_LABELS[x], smooth, log)


def write(figure: Any, file: Path) -> None:
    """Write a figure into a .png, .svg or .pdf file.

    Raises:
        PadlError: another ending, or a folder that is not there.
    """
    if file.suffix not in SUFFIXES:
        raise PadlError(f"--out {file}: the file must end in {', '.join(SUFFIXES)}")
    if not file.parent.is_dir():
        raise PadlError(f"--out {file}: there is no folder {file.parent}")
    with own_style():
        save(figure, file)


def _panels(runs: Sequence[_Run], metrics: Sequence[str], x: X) -> list[Panel]:
    """A panel for each metric and, of one metric, for each group of runs that can be compared in it."""
    labels = _labels(runs)
    grouped: dict[tuple[str, str], Panel] = {}
    every = list(dict.fromkeys(name for run in runs for name in run.metrics))
    for wanted in metrics:
        if wanted not in every:
            there_are = ", ".join(every) or "none"
            raise PadlError(f"no run here has the metric '{wanted}'{near(wanted, every)} (there are: {there_are})")
    for run, (label, setting) in zip(runs, labels, strict=True):
        for name in metrics or _usual_metrics(run):
            xs, ys = run.points(name, x)
            if len(xs):
                of = _of(run, name)
                panel = grouped.setdefault((name, of), Panel(of, name, _direction(run, name), []))
                panel.curves.append(RunCurve(label, setting, xs, ys))
    panels = list(grouped.values())
    if not panels:
        raise PadlError("nothing was measured yet in these runs")
    if len(panels) > MOST_PANELS:
        raise PadlError(f"{len(panels)} panels, and {MOST_PANELS} fit: give fewer metrics, or runs of fewer tasks")
    return [panel if len(panels) > 1 else panel._replace(title="") for panel in panels]


def _labels(runs: Sequence[_Run]) -> list[tuple[str, str]]:
    """The labels of runs, told apart among those of the same task, since other tasks have other panels.

    The only run of a task has the task's name.
    """
    by_task: dict[str, list[int]] = {}
    for i, run in enumerate(runs):
        by_task.setdefault(_of(run, ""), []).append(i)
    labels: dict[int, tuple[str, str]] = {}
    for places in by_task.values():
        some = [runs[i] for i in places]
        labels |= dict(zip(places, labels_of([run.config for run in some], [run.name for run in some]), strict=True))
    if len(by_task) > 1:
        labels = {i: (label or _of(runs[i], ""), setting or _of(runs[i], "")) for i, (label, setting) in labels.items()}
    return [labels[i] for i in range(len(runs))]


def _usual_metrics(run: _Run) -> list[str]:
    decides = f"eval/{run.criterion['metric']}" if run.criterion.get("metric") else ""
    return [decides] if decides in run.metrics else [name for name in run.metrics if name.endswith("/loss")][:1]


def _of(run: _Run, metric: str) -> str:
    """What a metric is of: a task, and where it is the loss, which one."""
    name = lambda kind: str((run.config.get(kind) or {}).get("name", ""))  # noqa: E731
    loss = f", {name('loss')}" if metric.endswith("/loss") and name("loss") else ""
    return f"{name('task')}{loss}"


def _direction(run: _Run, metric: str) -> str:
    is_decisive = metric.partition("/")[2] == run.criterion.get("metric")
    return str(run.criterion.get("direction")) if is_decisive else "min" if metric.endswith("/loss") else ""


def _read(run: Any) -> Iterator[_Run]:
    """The runs of a folder, or of a result."""
    if hasattr(run, "history") and hasattr(run, "summary"):
        yield _of_result(run)
        return
    folder = getattr(run, "folder", run)
    if not isinstance(folder, (str, Path)):
        raise PadlError(f"{type(run).__name__} is no run: give its folder, or the result of padl.train")
    root = Path(os.path.expanduser(folder))
    if not root.is_dir():
        raise PadlError(f"{folder} is no folder of a run{'' if root.exists() else ': it is not there'}")
    found = [path for path, kind in overview.find(root, members=True) if kind != "sweep"]
    if not found:
        raise PadlError(f"{folder} holds no run")
    yield from (run for path in found if not overview.is_comparison((run := _of_folder(path)).config))


def _of_result(result: Any) -> _Run:
    from padl.app.summary import rows_of  # JAX is there already

    name = result.folder.name if result.folder else "this run"
    return _Run(name, result.config, rows_of(result.history), result.summary, result.summary["decided_by"])


def _of_folder(folder: Path) -> _Run:
    config = read_config(folder)
    rows = read_metrics(folder) if (folder / jsonl.NAME).is_file() else []
    contents = [read_json(folder / name) if (folder / name).is_file() else {} for name in ("summary.json", TITLE)]
    summary, titles = (content if isinstance(content, dict) else {} for content in contents)
    return _Run(folder.name, config, rows, summary, summary.get("decided_by") or titles.get("decided_by") or {})
