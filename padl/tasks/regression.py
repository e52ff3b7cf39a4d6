"""Regression: predict one number, trained on standardised targets and measured in the target's unit."""

import inspect
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from padl.data.checks import check_finite, check_resolution
from padl.data.source import Split
from padl.data.split import Holdout, split_rows
from padl.registry import StaticPartial
from padl.tasks.loss_inputs import pairs
from padl.tasks.predictor import Dtype, rebuilds
from padl.tasks.standardise import check_inputs, input_axes, moments
from padl.tasks.supervised import ModelPredictor, Problem, Supervised
from padl.tasks.task import ObjectiveConfig, Task
from padl.types import Metric, Metrics, PadlError

METRICS = (Metric("rmse"), Metric("mae", shown=False), Metric("r2", "max", shown=False), Metric("coverage"))

REGRESSION = pairs({"values": ("values", "moments")})


SPREADS = {"variances": 2, "scales": 1}  # what a loss of moments calls its third argument: which power of the deviation


def values(rows, stats, scalars):
    """Standardise the targets of a regression."""
    noisy = rows["targets"] + scalars["noise"] * rows["noise"] if "noise" in rows else rows["targets"]
    return (noisy - stats["target_mean"]) / stats["target_std"]


def _of_values(outputs, truth):
    return outputs, truth[:, None]


def _of_moments(outputs, truth, power):
    mean, second = jnp.split(outputs, 2, axis=1)
    return mean, truth[:, None], jax.nn.softplus(second) ** power


def _errors(outputs, targets, stats):
    error = outputs[:, 0] - targets
    return {
        "squared": error**2,
        "absolute": jnp.abs(error),
        "first": targets,
        "second": targets**2,
        "scale": jnp.full_like(targets, stats["target_std"]),  # applied to means: its square may leave float32
    }


def _errors_and_coverage(outputs, targets, stats):
    return {**_errors(outputs, targets, stats), "coverage": (targets <= outputs[:, 0]).astype(jnp.float32)}


def _regression_metrics(means: Metrics) -> Metrics:
    metrics = {"rmse": means["scale"] * jnp.sqrt(means["squared"]), "mae": means["scale"] * means["absolute"]}
    if "coverage" in means:
        metrics["coverage"] = means["coverage"]
    if "first" not in means:
        return metrics
    spread = means["second"] - means["first"] ** 2
    r2 = 1 - means["squared"] / jnp.where(spread > 0, spread, jnp.nan)  # without a spread there is no share of it
    return {**metrics, "r2": r2}


def _in_unit(outputs, stats):
    return outputs[:, 0] * stats["target_std"] + stats["target_mean"]


@rebuilds("regression")
def regressor(
    about: Mapping[str, Any], model: StaticPartial, shape: tuple[int, ...], dtype: Dtype, words: str
) -> ModelPredictor:
    """Make a model of one number, or of its `moments`, two; it predicts the number (n,), in the target's unit."""
    return ModelPredictor(model, shape, 2 if words == "moments" else 1, dtype, decode=_in_unit)


def _moments_for(loss: StaticPartial) -> StaticPartial:
    """How the outputs become mean, target and what this loss calls its third argument."""
    (power,) = [SPREADS[n] for n in inspect.signature(loss.function).parameters if n in SPREADS] or [0]
    if not power:
        raise PadlError(f"a loss of moments names its third argument {' or '.join(SPREADS)}: this one has neither")
    return StaticPartial(_of_moments, (("power", power),))


def regression(
    inputs: np.ndarray,
    targets: np.ndarray,
    *,
    holdout: Holdout,
    where: str,
    noise: np.ndarray | None = None,
    **about: Any,
) -> Task:
    """Make a task of predicting one number.

    Args:
        inputs: (n, ...) numbers, standardised on the device. targets: (n,) numbers in one unit.
        holdout, where, about: as in `classification`.
        noise: (n,) deviations; the target is targets + (the task's scalar `noise`) * noise.
    """
    check_inputs(inputs, where)
    check_finite(targets[:, None], ["target"], where)
    if targets.min() == targets.max():
        raise PadlError(f"{where}: the target is {targets[0]:g} in every row: there is nothing to predict")
    check_resolution(targets[:, None], ["target"], where)

    def split(seed: int, scalars: Mapping[str, float]) -> Split:
        split = split_rows(len(targets), holdout, seed)
        centre, spread = moments(inputs[split.train], input_axes(inputs))
        observed = targets if noise is None else targets + scalars["noise"] * noise
        target_centre, target_spread = (m[0] for m in moments(observed[split.train], (0,)))
        stats = {"mean": centre, "std": spread, "target_mean": target_centre, "target_std": target_spread}
        return split._replace(stats=stats)

    rows = {"inputs": inputs, "targets": targets.astype(np.float32)}
    if noise is not None:
        rows["noise"] = noise.astype(np.float32)
    about = {"kind": "regression", "rows": len(targets), **about}

    def objective(config: ObjectiveConfig) -> Supervised:
        words = config.words.predictions
        arguments = _moments_for(config.loss) if words == "moments" else StaticPartial(_of_values)
        measure = _errors_and_coverage if config.judged_by == "loss" else _errors
        problem = Problem(values, arguments, measure, _regression_metrics, ("first", "second"))
        predictor = regressor(about, config.model, inputs.shape[1:], config.dtype, words)
        return Supervised(predictor, config.loss, problem)

    return Task(objective, rows, split, REGRESSION, METRICS, about)
