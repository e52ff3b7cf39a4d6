"""Predict new rows with the model of a run, in the words and units of its targets. predict, Predictions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from padl.app import names
from padl.app.frames import data_frame
from padl.app.keywords import ModelThing, spelled_out
from padl.app.new_rows import NewRows, read
from padl.app.objects.stored import is_from_python
from padl.app.readable_runs import predictions_card
from padl.app.saved_runs import Which, load
from padl.app.trained_model import TrainedModel
from padl.data.source import EVALUATION_BATCH
from padl.readable import Card, Readable
from padl.tasks import answers
from padl.tasks.loss_inputs import probabilities
from padl.types import PadlError


@dataclass(frozen=True, eq=False, repr=False)
class Predictions(Readable):
    """What a model predicts of rows, in their order.

    Attributes:
        columns: {name: (n,)}. Of images "file" first. Of classes "predicted_TARGET", the class's name, "probability"
            of it and "probability_CLASS" of each, or "score_CLASS" where outputs are no probabilities. Of numbers
            "predicted_TARGET" for each target, in its own unit, or as datetime64.
        targets: each with "name", "kind" (category, number, date), and its "classes" or "unit".
        measured: {"accuracy": ...}, {"rmse": ...}, or "rmse_TARGET" of several, in days of dates; {} where the rows do
            not have the targets.
        notes: lines on what was passed over, and on what the outputs are.
    """

    columns: dict[str, np.ndarray]
    targets: tuple[Mapping[str, Any], ...]
    measured: dict[str, float]
    notes: tuple[str, ...]

    def card(self) -> Card:
        """Say what is predicted of the first rows."""
        return predictions_card(self.columns, self.measured, self.notes)

    def predicted(self, target: str) -> np.ndarray:
        """Return what is predicted of a target, (n,)."""
        return self.columns[f"{answers.PREDICTED}{target}"]

    def to_frame(self) -> Any:
        """Return the columns as a data frame of pandas.

        Raises:
            PadlError: pandas is not installed.
        """
        return data_frame(self.columns)


@spelled_out()
def predict(
    run: str | Path | TrainedModel, rows: Any, which: Which = "best", **things: Unpack[ModelThing]
) -> Predictions:
    """Predict new rows: classes by name with their probabilities, numbers in their units, dates as dates.

    >>> found = padl.predict(record.folder, "new.csv")
    >>> found.columns["predicted_species"], found.columns["probability"]

    Args:
        run: the folder of a run, or its model, as of `padl.load` and `RunResult.model`.
        rows: of a run on a table: a file (text, Parquet, Arrow), a data frame (pandas, polars, Arrow), a dict of
            columns, or a list of rows as dicts. Of one on a folder of images: a folder, or one image. Of any other:
            an array (n, ...).
        which, things: as of `padl.load`.

    Raises:
        PadlError: as `padl.load`; rows that are none of these, lack a column or a value; a task that predicts neither
            classes nor numbers.
    """
    if isinstance(run, TrainedModel) and (things or which != "best"):
        raise PadlError("which, and things from Python, are for the folder of a run: a model has its parameters")
    model = run if isinstance(run, TrainedModel) else load(run, which, **things)
    targets = _targets(model)
    new = read(model.data, model.task, rows)
    outputs = _outputs(model, new.inputs)
    if model.task["kind"] == "classification":
        (target,) = targets
        columns, notes = answers.of_classes(target["name"], target["classes"], outputs, model.words), [_meaning(model)]
    else:
        columns, notes = answers.of_numbers(targets, outputs), []
    files = {"file": np.array(new.files)} if new.files else {}
    measured = _measured(targets, columns, outputs, new)
    return Predictions({**files, **columns}, targets, measured, (*new.notes, *notes))


def _targets(model: TrainedModel) -> tuple[Mapping[str, Any], ...]:
    """What is predicted: as data.json has it, or as far as the task says."""
    task, kind = model.task, model.task.get("kind")
    if kind not in ("classification", "regression"):
        raise PadlError(
            f"a run of a task of kind '{kind}' predicts neither classes nor numbers: padl.load gives its model, to be"
            " called with arrays"
        )
    if "encoding" in model.data:
        return tuple(model.data["encoding"]["targets"])
    if kind == "regression":
        return tuple({"name": name, "kind": "number", "unit": ""} for name in task.get("targets") or ("target",))
    classes = list(map(str, task.get("names") or range(task["classes"])))
    return ({"name": "class", "kind": "category", "classes": classes},)


def _outputs(model: TrainedModel, inputs: Any) -> np.ndarray:
    """The outputs for any number of rows, a batch at a time.

    Raises:
        PadlError: one of them is no finite number.
    """
    batches = [inputs[start : start + EVALUATION_BATCH] for start in range(0, len(inputs), EVALUATION_BATCH)]
    outputs = [np.asarray(model(batch)) for batch in batches]
    if not outputs:
        raise PadlError("there are no rows to predict")
    joined = np.concatenate(outputs)
    wrong = ~np.isfinite(joined.reshape(len(joined), -1)).all(1)
    if wrong.any():
        raise PadlError(f"row {int(wrong.argmax()) + 1}: the model gives no finite number: are its inputs too large?")
    return joined


def _meaning(model: TrainedModel) -> str:
    """A line on what the outputs of classes are."""
    loss, shares = model.config["loss"], probabilities(model.words)
    if is_from_python(loss) or not isinstance(loss["name"], str):
        return "the loss came from Python, which says nothing of probabilities: the columns are the model's outputs"
    if shares is None:
        return f"loss '{loss['name']}' trains scores, no probabilities: the columns are the model's outputs"
    elicits = names.find("loss", loss["name"]).traits.get("elicits", "nothing that is known")
    of = "of all classes" if shares.__name__ == "softmax" else "of each class against the rest"
    return f"probabilities are the {shares.__name__} {of}; loss '{loss['name']}' elicits {elicits}"


def _measured(
    targets: Sequence[Mapping[str, Any]], columns: Mapping[str, np.ndarray], outputs: np.ndarray, new: NewRows
) -> dict[str, float]:
    """The metrics on rows whose targets are known."""
    measured = {}
    for number, target in enumerate(targets):
        known = new.observed.get(target["name"])
        if known is None:
            continue
        if target["kind"] == "category":
            measured["accuracy"] = answers.accuracy(columns[f"{answers.PREDICTED}{target['name']}"], known)
        else:
            name = f"rmse_{target['name']}" if len(targets) > 1 else "rmse"
            measured[name] = answers.rmse(outputs.reshape(len(outputs), -1)[:, number], known)
    return {name: value for name, value in measured.items() if not np.isnan(value)}
