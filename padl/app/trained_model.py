"""A model that was trained, ready to be called. TrainedModel, of_run."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from padl.app.artifacts import Weights
from padl.app.run_spec import RunSpec
from padl.jax_flags import pinned
from padl.tasks.predictor import Predictor
from padl.types import PadlError, Params, PyTree


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """A trained model: call it with inputs as the task holds them, (n, ...), not standardised.

    Attributes:
        params: {name: array}. model_state: batch-norm statistics and the like. stats: of the training inputs.
        config: of the run, without what is the user's own of today, see `stored_config`.
        task: what is known of the data (kind, names of the classes).
        predictor, scalars, input_shape: what predicts, with which hyperparameters, from inputs of what shape.
    """

    params: Params
    model_state: PyTree
    stats: PyTree
    config: dict[str, Any]
    task: dict[str, Any]
    predictor: Predictor
    scalars: dict[str, float]
    input_shape: tuple[int, ...]

    @pinned()
    def __call__(self, inputs: Any) -> jax.Array:
        """Predict: logits (n, classes), numbers (n,) in the target's unit, or what else the task is about.

        Raises:
            PadlError: the inputs have another shape than those trained on.
        """
        inputs = jnp.asarray(inputs)
        if inputs.shape[1:] != self.input_shape:
            raise PadlError(f"inputs of shape {inputs.shape} given, this model takes (n, {str(self.input_shape)[1:]}")
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
        predictor=predictor,
        scalars=spec.parts["model"].scalars,
        input_shape=tuple(predictor.shape),
    )
