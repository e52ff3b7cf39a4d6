"""Regression: predict a number or several, trained on standardised targets and measured in the unit of each."""

import inspect
from collections.abc import Callable, Mapping
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
from padl.tasks.standardise import InputKinds, check_inputs, input_stats, moments
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
    return outputs, _columns(truth)


def _of_moments(outputs, truth, power):
    mean, second = jnp.split(outputs, 2, axis=1)
    return mean, _columns(truth), jax.nn.softplus(second) ** power


def _columns(truth):
    """Targets (batch,) or (batch, targets) with an axis for the targets."""
    return truth[:, None] if truth.ndim == 1 else truth


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


def _errors_of_each(outputs, targets, stats, names, measure):
    """What `measure` gives for each target, as "squared target"."""
    measured = {}
    for i, name in enumerate(names):
        own = measure(outputs[:, i : i + 1], targets[:, i], {"target_std": stats["target_std"][0, i]})
        measured |= {f"{key} {name}": value for key, value in own.items()}
    return measured


def _regression_metrics(means: Metrics) -> Metrics:
    metrics = {"rmse": means["scale"] * jnp.sqrt(means["squared"]), "mae": means["scale"] * means["absolute"]}
    if "coverage" in means:
        metrics["coverage"] = means["coverage"]
    if "first" not in means:
        return metrics
    spread = means["second"] - means["first"] ** 2
    r2 = 1 - means["squared"] / jnp.where(spread > 0, spread, jnp.nan)  # without a spread there is no share of it
    return {**metrics, "r2": r2}


def _metrics_of_each(means: Metrics, names: tuple[str, ...]) -> Metrics:
    """The metrics of each target in its own unit, as "rmse_target"; "rmse" of all, in deviations of the targets."""
    metrics = {"rmse": jnp.sqrt(sum(means[f"squared {name}"] for name in names) / len(names))}
    for name in names:
        own = {key.removesuffix(f" {name}"): mean for key, mean in means.items() if key.endswith(f" {name}")}
        metrics |= {f"{key}_{name}": value for key, value in _regression_metrics(own).items()}
    return metrics


def _in_unit(outputs, stats):
    return outputs[:, 0] * stats["target_std"] + stats["target_mean"]


def _in_units(outputs, stats):
    return outputs[:, : stats["target_std"].shape[1]] * stats["target_std"] + stats["target_mean"]


@rebuilds("regression")
def regressor(
    about: Mapping[str, Any], model: StaticPartial, shape: tuple[int, ...], dtype: Dtype, words: str
) -> ModelPredictor:
    """Make a model of one number, or of its `moments`, two; it predicts the number (n,), in the target's unit.

    Of several targets it predicts each in its own unit, (n, targets).
    """
    several = len(about.get("targets", ()))
    outputs = (several or 1) * (2 if words == "moments" else 1)
    return ModelPredictor(model, shape, outputs, dtype, decode=_in_units if several else _in_unit)


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
    names: tuple[str, ...] = (),
    kinds: InputKinds | None = None,
    **about: Any,
) -> Task:
    """Make a task of predicting a number, or several.

    Args:
        inputs: (n, ...) numbers, standardised on the device. targets: (n,) numbers in one unit; or (n, targets), each
            column in its own, with their `names`.
        holdout, where, kinds, about: as in `classification`.
        noise: (n,) deviations; the target is targets + (the task's scalar `noise`) * noise.
    """
    check_inputs(inputs, where, kinds)
    _check_targets(targets.reshape(len(targets), -1), names or ("target",), where)

    def split(seed: int, scalars: Mapping[str, float]) -> Split:
        split = split_rows(len(targets), holdout, seed)
        observed = targets if noise is None else targets + scalars["noise"] * noise
        centre, spread = (m if names else m[0] for m in moments(observed[split.train], (0,)))
        stats = {**input_stats(inputs[split.train], kinds), "target_mean": centre, "target_std": spread}
        return split._replace(stats=stats)

    rows = {"inputs": inputs, "targets": targets.astype(np.float32)}
    if noise is not None:
        rows["noise"] = noise.astype(np.float32)
    about = {"kind": "regression", "rows": len(targets), **({"targets": list(names)} if names else {}), **about}

    def objective(config: ObjectiveConfig) -> Supervised:
        words = config.words.predictions
        arguments = _moments_for(config.loss) if words == "moments" else StaticPartial(_of_values)
        problem = _problem(arguments, _errors_and_coverage if config.judged_by == "loss" else _errors, names)
        predictor = regressor(about, config.model, inputs.shape[1:], config.dtype, words)
        return Supervised(predictor, config.loss, problem)

    return Task(objective, rows, split, REGRESSION, _metrics(names), about)


def _check_targets(targets: np.ndarray, names: tuple[str, ...], where: str) -> None:
    """Refuse targets (n, targets) that cannot be trained on."""
    check_finite(targets, list(names), where)
    for name, column in zip(names, targets.T, strict=True):
        if column.min() == column.max():
            of = "" if name == "target" else f" '{name}'"
            raise PadlError(f"{where}: the target{of} is {column[0]:g} in every row: there is nothing to predict")
    check_resolution(targets, list(names), where)


def _problem(arguments: StaticPartial, measure: Callable[..., Metrics], names: tuple[str, ...]) -> Problem:
    """How one target is read and measured, or each of these."""
    if not names:
        return Problem(values, arguments, measure, _regression_metrics, ("first", "second"))
    of_each = StaticPartial(_errors_of_each, (("names", names), ("measure", measure)))
    finish = StaticPartial(_metrics_of_each, (("names", names),))
    only_evaluated = tuple(f"{moment} {name}" for moment in ("first", "second") for name in names)
    return Problem(values, arguments, of_each, finish, only_evaluated)


def _metrics(names: tuple[str, ...]) -> tuple[Metric, ...]:
    """What is measured: of several targets the rmse of all in deviations, which judges, and each in its own unit."""
    if not names:
        return METRICS
    return (
        METRICS[0],
        *(m._replace(name=f"{m.name}_{name}", shown=m is METRICS[0]) for name in names for m in METRICS),
    )
