"""The two kinds of supervised data. classification: labels; regression: one number.

Inputs and targets are standardised by the training rows alone; metrics come in the target's own unit.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax.numpy as jnp
import numpy as np

from padl.registry import Choice
from padl.tasks.supervised import Dtype, Predictor, Problem, Supervised
from padl.tasks.task import Split, Task, check_finite, check_labels, check_resolution, random_split
from padl.types import Metrics, PadlError


def moments(values: np.ndarray, axes: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation over these axes, which stay with length 1, in float32; 1 for that of a constant."""
    centre, spread = (np.asarray(f(values, axes, dtype=np.float64, keepdims=True)) for f in (np.mean, np.std))
    return centre.astype(np.float32), np.where(spread > 0, spread, 1.0).astype(np.float32)


def input_axes(inputs: np.ndarray) -> tuple[int, ...]:
    """The axes that inputs are standardised over: each column of a table, each channel of images."""
    return (0,) if inputs.ndim == 2 else tuple(range(inputs.ndim - 1))


# Classification: labels 0 .. classes-1, one logit a class.


def _labels(rows, stats, scalars):
    return rows["labels"]


def _accuracy(predictions, labels, stats):
    return {"accuracy": (predictions.argmax(-1) == labels).astype(jnp.float32)}


def _as_they_are(x, stats=None):
    return x


def classification(
    inputs: np.ndarray, labels: np.ndarray, classes: int, *, held_out: float, where: str, **about: Any
) -> Task:
    """A task of telling classes apart, its split stratified by them.

    Args:
        inputs: (n, ...) numbers, standardised on the device. labels: (n,) in 0 .. classes-1.
        held_out: share of the rows, in (0, 1). where: the data's name in an error. about: for the records.
    """
    _check_inputs(inputs, where)
    check_labels(labels, classes, where)

    def split(seed: int, scalars: Mapping[str, float]) -> Split:
        train, held = random_split(len(labels), held_out, seed, labels)
        centre, spread = moments(inputs[train], input_axes(inputs))
        return Split(train, held, {"mean": centre, "std": spread})

    rows = {"inputs": inputs, "labels": labels.astype(np.int32)}
    about = {"kind": "classification", "rows": len(labels), "classes": classes, **about}
    objective = partial(_objective, problem("classification", inputs.shape[1:], classes))
    return Task(objective, rows, split, ("labels", "indicators"), ("accuracy", "max"), about)


# Regression: one value a row, trained in standard deviations of the training targets, measured in the target's unit.


def _values(rows, stats, scalars):
    noisy = rows["targets"] + scalars["noise"] * rows["noise"] if "noise" in rows else rows["targets"]
    return (noisy - stats["target_mean"]) / stats["target_std"]


def _errors(predictions, targets, stats):
    error = predictions[:, 0] - targets
    return {
        "squared": error**2,
        "absolute": jnp.abs(error),
        "first": targets,
        "second": targets**2,
        "scale": jnp.full_like(targets, stats["target_std"]),  # applied to means: its square may leave float32
    }


def _regression_metrics(means: Metrics) -> Metrics:
    errors = {"rmse": means["scale"] * jnp.sqrt(means["squared"]), "mae": means["scale"] * means["absolute"]}
    if "first" not in means:
        return errors
    spread = means["second"] - means["first"] ** 2
    r2 = 1 - means["squared"] / jnp.where(spread > 0, spread, jnp.nan)  # without a spread there is no share of it
    return {**errors, "r2": r2}


def _in_unit(predictions, stats):
    return predictions[:, 0] * stats["target_std"] + stats["target_mean"]


def regression(
    inputs: np.ndarray,
    targets: np.ndarray,
    *,
    held_out: float,
    where: str,
    noise: np.ndarray | None = None,
    **about: Any,
) -> Task:
    """A task of predicting one number.

    Args:
        inputs: (n, ...) numbers, standardised on the device. targets: (n,) numbers in one unit.
        held_out, where, about: as in `classification`.
        noise: (n,) deviations; the target is targets + (the task's scalar `noise`) * noise.
    """
    _check_inputs(inputs, where)
    check_finite(targets[:, None], ["target"], where)
    if targets.min() == targets.max():
        raise PadlError(f"{where}: the target is {targets[0]:g} in every row: there is nothing to predict")
    check_resolution(targets[:, None], ["target"], where)

    def split(seed: int, scalars: Mapping[str, float]) -> Split:
        train, held = random_split(len(targets), held_out, seed)
        centre, spread = moments(inputs[train], input_axes(inputs))
        observed = targets if noise is None else targets + scalars["noise"] * noise
        target_centre, target_spread = (m[0] for m in moments(observed[train], (0,)))
        stats = {"mean": centre, "std": spread, "target_mean": target_centre, "target_std": target_spread}
        return Split(train, held, stats)

    rows = {"inputs": inputs, "targets": targets.astype(np.float32)}
    if noise is not None:
        rows["noise"] = noise.astype(np.float32)
    about = {"kind": "regression", "rows": len(targets), **about}
    objective = partial(_objective, problem("regression", inputs.shape[1:], 1))
    return Task(objective, rows, split, ("values",), ("rmse", "min"), about)


def _check_inputs(inputs: np.ndarray, where: str) -> None:
    if not len(inputs):
        raise PadlError(f"{where}: no rows")
    if np.issubdtype(inputs.dtype, np.floating):
        table = inputs.reshape(len(inputs), -1)
        names = [f"input {i + 1}" for i in range(table.shape[1])]
        check_finite(table, names, where)


def problem(kind: str, shape: tuple[int, ...], outputs: int) -> Problem:
    """What a program needs to know of "classification" or "regression" data: enough to call a trained model again.

    Args:
        shape: of one input. outputs: numbers a model gives for it.
    """
    if kind == "classification":
        return Problem(shape, outputs, _labels, _accuracy, _as_they_are, _as_they_are)
    return Problem(shape, outputs, _values, _errors, _regression_metrics, _in_unit, ("first", "second"))


def _objective(problem: Problem, model: Choice, loss: Choice, word: str, dtype: Dtype) -> Supervised:
    return Supervised(Predictor(problem, model, dtype), loss, word)
