"""Classification: labels 0 .. classes-1, one logit a class."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from padl.data.checks import check_labels
from padl.data.source import Split
from padl.data.split import Holdout, split_rows
from padl.registry import StaticPartial
from padl.tasks.loss_inputs import CLASSES, of_classes
from padl.tasks.predictor import Dtype, rebuilds
from padl.tasks.standardise import InputKinds, check_inputs, input_stats
from padl.tasks.supervised import ModelPredictor, Problem, Supervised
from padl.tasks.task import ObjectiveConfig, Task
from padl.types import Metric

METRICS = (Metric("accuracy", "max"),)


def _labels(rows, stats, scalars):
    return rows["labels"]


def _accuracy(outputs, labels, stats):
    return {"accuracy": (outputs.argmax(-1) == labels).astype(jnp.float32)}


@rebuilds("classification")
def classifier(
    about: Mapping[str, Any], model: StaticPartial, shape: tuple[int, ...], dtype: Dtype, words: str
) -> ModelPredictor:
    """Make a model that tells classes apart; it predicts the logits (n, classes)."""
    return ModelPredictor(model, shape, about["classes"], dtype)


def classification(
    inputs: np.ndarray,
    labels: np.ndarray,
    classes: int,
    *,
    holdout: Holdout,
    where: str,
    kinds: InputKinds | None = None,
    **about: Any,
) -> Task:
    """Make a task of telling classes apart, its split stratified by them.

    Args:
        inputs: (n, ...) numbers, standardised on the device. labels: (n,) in 0 .. classes-1.
        holdout: which rows are not trained on. where: the data's name in an error. about: for the records.
        kinds: of the inputs, where some are missing or stand for categories.
    """
    check_inputs(inputs, where, kinds)
    check_labels(labels, classes, where)

    def split(seed: int, scalars: Mapping[str, float]) -> Split:
        split = split_rows(len(labels), holdout, seed, labels)
        return split._replace(stats=input_stats(inputs[split.train], kinds))

    rows = {"inputs": inputs, "labels": labels.astype(np.int32)}
    about = {"kind": "classification", "rows": len(labels), "classes": classes, **about}

    def objective(config: ObjectiveConfig) -> Supervised:
        arguments = StaticPartial(of_classes, (("words", config.words),))
        predictor = classifier(about, config.model, inputs.shape[1:], config.dtype, config.words.predictions)
        return Supervised(predictor, config.loss, Problem(_labels, arguments, _accuracy))

    return Task(objective, rows, split, CLASSES, METRICS, about)
