"""A model that was trained, ready to be called. TrainedModel, of_run, words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from padl.app.artifacts import Weights
from padl.app.names import Part
from padl.app.new_rows import as_inputs, encode
from padl.app.readable_runs import model_card
from padl.app.run_spec import RunSpec
from padl.data.table.frames import is_frame
from padl.jax_flags import pinned
from padl.readable import Card, Readable
from padl.runs.sink import warn
from padl.tasks.loss_inputs import Words
from padl.tasks.predictor import Predictor
from padl.types import PadlError, Params, PyTree


@dataclass(frozen=True, eq=False, repr=False)
class TrainedModel(Readable):
    """A trained model: call it with inputs as the task holds them, (n, ...), not standardised, or with a data frame.

    Attributes:
        params: {name: array}. model_state: batch-norm statistics and the like. stats: of the training inputs.
        config: of the run, without what is the user's own of today, see `stored_config`.
        task: what is known of the data (kind, names of the classes).
        data: how the inputs were made, as data.json has it; {} of arrays. words: what the loss calls its arguments.
        predictor, scalars, input_shape: what predicts, with which hyperparameters, from inputs of what shape.
    """

    params: Params
    model_state: PyTree
    stats: PyTree
    config: dict[str, Any]
    task: dict[str, Any]
    data: Mapping[str, Any]
    words: Words
    predictor: Predictor
    scalars: dict[str, float]
    input_shape: tuple[int, ...]

    def card(self) -> Card:
        """Say what it was trained for, and how to call it."""
        return model_card(self.config, self.task, self.params, self.input_shape)

    @pinned()
    def __call__(self, inputs: Any) -> jax.Array:
        """Predict: logits (n, classes), numbers (n,) in the target's unit, or what else the task is about.

        `padl.predict` says the same in names of classes, probabilities and dates.

        Args:
            inputs: an array (n, ...). Of a run on a table also a data frame (pandas, polars, Arrow), a dict of columns,
                or a list of rows as dicts: a line says which columns and categories are not known.

        Raises:
            PadlError: the inputs have another shape than those trained on, or a data frame lacks a column or a value.
        """
        if is_frame(inputs):
            inputs, notes = encode(self.data, inputs)
            for line in notes:
                warn(line)
        inputs = jnp.asarray(as_inputs(inputs))
        if inputs.ndim == 0 or inputs.shape[1:] != self.input_shape:
            taken = ", ".join(map(str, ("n", *self.input_shape)))
            raise PadlError(f"inputs of shape {inputs.shape} given, this model takes ({taken})")
        return self.predictor.predict(self.params, self.model_state, self.scalars, inputs, self.stats)


def of_run(spec: RunSpec, weights: Weights) -> TrainedModel | None:
    """Return the model of a run with these parameters; None for a task that has none to call."""
    predictor: Any = getattr(spec.experiment.objective, "predictor", None)
    if not hasattr(predictor, "predict") or not hasattr(predictor, "shape"):
        return None
    return TrainedModel(
        params=weights.params,
        model_state=weights.model_state,
        stats=jax.tree.map(np.asarray, spec.split.stats),
        config=spec.config,
        task=dict(spec.task.about),
        data=spec.files.get("data.json", {}),
        words=words(spec.parts.get("loss")),
        predictor=predictor,
        scalars=spec.parts["model"].scalars,
        input_shape=tuple(predictor.shape),
    )


def words(loss: Part | None) -> Words:
    """Return what the loss of a run calls its targets and predictions; "" where it does not say, as from Python."""
    traits = {} if loss is None else loss.entry.traits
    return Words(traits.get("targets", ""), traits.get("predictions", ""))
