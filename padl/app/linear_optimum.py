"""Compare a linear regression with its optimum, which the squared error has in closed form. against_optimum."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from padl.app.run_spec import RunSpec
from padl.closed_form import LeastSquares, shortest, with_ones
from padl.losses.regression import mse
from padl.models.dense import linear
from padl.tasks.regression import values
from padl.tasks.standardise import standardise
from padl.tasks.supervised import Supervised

LARGEST = 5e8  # the larger of rows and columns, times columns squared: a few seconds; above, no run is kept waiting


@dataclass(frozen=True)
class LinearProblem:
    """A run, for what its optimum depends on alone: equal data, split and noise are equal problems."""

    key: tuple[Any, ...]
    spec: RunSpec = field(compare=False)


def against_optimum(spec: RunSpec, params: Mapping[str, Any] | None) -> dict[str, Any]:
    """Compare what the optimizer reached with the optimum; {} for a run that has none in closed form.

    A regression by the model linear under the loss mse has one. Above LARGEST it is left out, and that is said.

    Both are the mean squared error of the standardised target, over all rows of a side of the run's split, by the
    run's standardisation and in float64, whatever the run computed in: so the excess is >= 0 up to rounding. The
    held-out loss may be lower than the optimum's, which is the best for the training rows.

    Args:
        spec: of the run. params: {"head.kernel": (columns, 1), "head.bias": (1,)}; None where it diverged.

    Returns:
        optimum_train_loss, optimum_held_out_loss; train_loss, held_out_loss and excess_loss (train_loss less the
        optimum's) of `params`, None without; rank and columns of the inputs with their column of ones: where the rank
        is less, other parameters are as good. Or left_out: why there is none of these.
    """
    objective = _linear(spec)
    if objective is None:
        return {}
    if objective.predictor.outputs > 1:
        return {"left_out": "several targets have an optimum each"}
    rows, columns = len(spec.split.train), math.prod(objective.predictor.shape) + 1
    if max(rows, columns) * columns**2 > LARGEST:
        return {"left_out": f"{rows:,} rows of {columns:,} columns are more than is solved beside a run"}
    sides = [_rows(spec, side) for side in (spec.split.train, spec.split.held_out)]
    best = _solution(LinearProblem(_key(spec), spec))
    optimum = [_loss(*side, best.theta) for side in sides]
    theta = None if params is None else np.concatenate([np.ravel(params[f"head.{n}"]) for n in ("kernel", "bias")])
    reached = [None if theta is None else _loss(*side, theta.astype(np.float64)) for side in sides]
    return {
        "optimum_train_loss": optimum[0],
        "optimum_held_out_loss": optimum[1],
        "train_loss": reached[0],
        "held_out_loss": reached[1],
        "excess_loss": None if reached[0] is None else reached[0] - optimum[0],
        "rank": best.rank,
        "columns": len(best.theta),
    }


def _linear(spec: RunSpec) -> Supervised | None:
    """The objective of a linear regression under the squared error; None for any other."""
    objective = spec.experiment.objective
    if not isinstance(objective, Supervised) or objective.problem.truth is not values:
        return None
    used = objective.predictor.model.function, objective.loss_function.function
    return objective if used == (linear, mse) else None


def _key(spec: RunSpec) -> tuple[Any, ...]:
    data = spec.parts["task"]
    return spec.task.digest, data.choice, tuple(data.scalars.items()), spec.settings.seed


@lru_cache(maxsize=8)
def _solution(problem: LinearProblem) -> LeastSquares:
    """The members of a sweep that differ in how they are trained share one."""
    return shortest(*_rows(problem.spec, problem.spec.split.train))


def _rows(spec: RunSpec, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Standardised inputs with a column of ones (rows, columns), and targets (rows,), float64, of these rows."""
    stats = {name: np.asarray(value, np.float64) for name, value in spec.split.stats.items()}
    rows = {name: column[numbers].astype(np.float32).astype(np.float64) for name, column in spec.task.rows.items()}
    scalars = {name: float(np.asarray(value)) for name, value in spec.hparams["task"].items()}
    inputs = standardise(rows["inputs"], stats)
    return with_ones(inputs.reshape(len(inputs), -1)), values(rows, stats, scalars)


def _loss(X: np.ndarray, y: np.ndarray, theta: np.ndarray) -> float:
    return float(np.mean((y - X @ theta) ** 2))
