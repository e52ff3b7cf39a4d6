"""What a model's outputs say, in the words and units of its targets. of_classes, of_numbers, accuracy, rmse."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from padl.data.table.dates import from_days
from padl.tasks.loss_inputs import Words, probabilities

Columns = dict[str, np.ndarray]
PREDICTED = "predicted_"  # begins the name of a column


def of_classes(name: str, classes: Sequence[str], outputs: np.ndarray, words: Words) -> Columns:
    """Name the class of each row.

    Args:
        name: of the target. outputs: (n, classes). words: of the loss.

    Returns:
        "predicted_NAME", (n,) texts: the class of the largest output; "probability" of it, and "probability_CLASS" of
        each; where outputs are no probabilities "score_CLASS", the output.
    """
    best = outputs.argmax(-1)
    predicted = {f"{PREDICTED}{name}": np.array(classes, dtype=str)[best]}
    shares = probabilities(words)
    if shares is None:
        return {**predicted, **{f"score_{each}": column for each, column in zip(classes, outputs.T, strict=True)}}
    likely = np.asarray(shares(jnp.asarray(outputs)))
    of_each = {f"probability_{each}": column for each, column in zip(classes, likely.T, strict=True)}
    return {**predicted, "probability": np.take_along_axis(likely, best[:, None], 1)[:, 0], **of_each}


def of_numbers(targets: Sequence[Mapping[str, Any]], outputs: np.ndarray) -> Columns:
    """Give each target in its unit, dates as dates.

    Args:
        targets: each with "name" and "kind", of dates "origin" and "clock". outputs: (n,), or (n, targets).

    Returns:
        "predicted_NAME" of each, (n,): float32, or datetime64.
    """
    by_target = outputs.reshape(len(outputs), -1).T
    return {f"{PREDICTED}{t['name']}": _in_unit(t, values) for t, values in zip(targets, by_target, strict=True)}


def _in_unit(target: Mapping[str, Any], values: np.ndarray) -> np.ndarray:
    if target["kind"] != "date":
        return values
    return from_days(values, np.datetime64(target["origin"]), target["clock"])


def accuracy(predicted: np.ndarray, observed: np.ndarray) -> float:
    """Return the share of the rows that are predicted right, of those whose observed class is not ""; NaN of none."""
    there = observed != ""
    return float((predicted == observed)[there].mean()) if there.any() else float("nan")


def rmse(predicted: np.ndarray, observed: np.ndarray) -> float:
    """Return the root mean squared error over the rows whose observed number is not NaN; NaN of none."""
    there = ~np.isnan(observed)
    error = predicted.astype(np.float64)[there] - observed[there]
    return float(np.sqrt((error**2).mean())) if there.any() else float("nan")
