"""What a sweep is judged by: one metric, which way it is better, and its value for a run."""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from padl.app.run_spec import RunSpec
from padl.registry import near
from padl.types import Criterion, PadlError


def of_all(drafts: Sequence[RunSpec]) -> Criterion:
    """The objective of a sweep's members; PadlError where they have not the same one."""
    told = {of(draft): draft for draft in {d.task.criterion: d for d in drafts}.values()}
    if len(told) > 1:
        each = ", ".join(f"{draft.config['task']['name']} by {goal.metric}" for goal, draft in told.items())
        raise PadlError(f"these tasks are not judged by the same metric ({each}): sweep.objective=eval/loss names one")
    return next(iter(told))


def of(draft: RunSpec) -> Criterion:
    """What `sweep.objective` names, or else the metric by which the task tells its best parameters.

    Raises:
        PadlError: it names neither side of the data.
    """
    name = draft.task.criterion.metric
    metric = draft.sweep.objective or f"eval/{name}"
    side, slash, word = metric.partition("/")
    if side not in ("eval", "train") or not slash or not word:
        raise PadlError(
            f"sweep.objective={metric} must be eval/METRIC (held out) or train/METRIC, as eval/{name}"
            f"{near(metric, ('eval/loss', f'eval/{name}', 'train/loss'))}"
        )
    declared = draft.task.metric(word)
    return Criterion(metric, declared.direction if declared else "min")


def check_measured(told: Criterion, metrics: Sequence[str]) -> None:
    """Raises PadlError where no run measures the objective."""
    if told.metric not in metrics:
        known = ", ".join(metrics)
        raise PadlError(f"sweep.objective: no metric '{told.metric}'{near(told.metric, metrics)} (there are: {known})")


def best(values: Sequence[float], direction: Literal["max", "min"]) -> float:
    """The best of the finite values; NaN where there is none."""
    finite = [value for value in values if np.isfinite(value)]
    return float((max if direction == "max" else min)(finite, default=math.nan))


def or_worst(value: float | None, direction: Literal["max", "min"]) -> float:
    """A value for a sampler, which only compares: infinitely bad where there is none, or none that is finite."""
    if value is not None and math.isfinite(value):
        return float(value)
    return -math.inf if direction == "max" else math.inf


def course(rows: Sequence[Mapping[str, float]], metric: str) -> tuple[np.ndarray, np.ndarray]:
    """(steps, values) of a metric over a run's rows."""
    points = [(row["step"], row[metric]) for row in rows if metric in row]
    steps, values = zip(*points, strict=True) if points else ((), ())
    return np.array(steps, int), np.array(values, float)
