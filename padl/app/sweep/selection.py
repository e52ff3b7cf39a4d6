"""What a sweep is judged by: a metric, which way it is better, its value for a run. of_all, of, check_measured."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from padl.app.run_spec import RunSpec
from padl.registry import near
from padl.types import Criterion, Direction, PadlError


def of_all(specs: Sequence[RunSpec]) -> Criterion:
    """Return the objective of a search's members: a sampler compares them all.

    Raises:
        PadlError: they have not the same one.
    """
    of_each_task = list({id(spec.task): spec for spec in specs}.values())
    declared = [spec for spec in of_each_task if _declares(spec)]  # `check_measured` refuses the others
    criteria = {of(spec): spec for spec in declared or of_each_task[:1]}
    if len(criteria) > 1:
        each = ", ".join(f"{spec.config['task']['name']} by {c.metric}" for c, spec in criteria.items())
        raise PadlError(f"these tasks are not judged by the same metric ({each}): sweep.objective=eval/loss names one")
    return next(iter(criteria))


def of(spec: RunSpec) -> Criterion:
    """Return what `sweep.objective` names, or else the metric by which the task tells its best parameters.

    Raises:
        PadlError: it names neither side of the data.
    """
    usual = f"eval/{spec.task.criterion.metric}"
    metric = spec.sweep.objective or usual
    side, slash, name = metric.partition("/")
    if side not in ("eval", "train") or not slash or not name:
        raise PadlError(
            f"sweep.objective={metric} must be eval/METRIC (held out) or train/METRIC, as {usual}"
            f"{near(metric, ('eval/loss', usual, 'train/loss'))}"
        )
    declared = spec.task.metric(name)
    return Criterion(metric, declared.direction if declared else "min")  # see `check_measured`


def check_measured(objective: Criterion, spec: RunSpec, metrics: Sequence[str]) -> None:
    """Check that a run measures the objective, and that its task says which way it is better.

    Args:
        metrics: what the run measures, as "train/loss" and "eval/loss".

    Raises:
        PadlError: either is not so.
    """
    metric = objective.metric
    if metric not in metrics:
        raise PadlError(
            f"sweep.objective: no metric '{metric}'{near(metric, metrics)} (there are: {', '.join(metrics)})"
        )
    name = metric.partition("/")[2]
    if spec.task.metric(name) is None:
        raise PadlError(
            f"sweep.objective={metric}: task '{spec.config['task']['name']}' does not say which way it is better: "
            f"""add Metric("{name}", "max") or Metric("{name}", "min") to the task's `metrics`"""
        )


def _declares(spec: RunSpec) -> bool:
    return spec.task.metric(of(spec).metric.partition("/")[2]) is not None


def best(values: Sequence[float], direction: Direction) -> float:
    """Return the best of the finite values; NaN where there is none."""
    finite = [value for value in values if np.isfinite(value)]
    return float((max if direction == "max" else min)(finite, default=math.nan))


def or_worst(value: float | None, direction: Direction) -> float:
    """Return a value for a sampler, which only compares: infinitely bad where there is none, or none that is finite."""
    if value is not None and math.isfinite(value):
        return float(value)
    return -math.inf if direction == "max" else math.inf


def course(rows: Sequence[Mapping[str, float]], metric: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the steps at which a run measured a metric, and its values: both (points,)."""
    points = [(row["step"], row[metric]) for row in rows if metric in row]
    steps, values = zip(*points, strict=True) if points else ((), ())
    return np.array(steps, int), np.array(values, float)
