"""What is trained and can be called again afterwards. Predictor: the contract; rebuilds, rebuild: from a run folder.

A kind of task registers how its predictor is made anew, beside the function that makes it:

    @rebuilds("classification")
    def classifier(about, model, shape, dtype, predictions): ...

So a trained model needs its run folder alone: no task is built, and no data are read.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol, TypeVar

import jax

from padl.registry import StaticPartial
from padl.types import Key, PadlError, Params, PyTree

F = TypeVar("F", bound=Callable[..., Any])
Dtype = Literal["float32", "bfloat16"]
_REBUILDS: dict[str, Callable[..., "Predictor"]] = {}


class Predictor(Protocol):
    """What is trained, and can be called again afterwards: a model, or two of them, on inputs of one shape.

    It may have a method `roles(scalars)` too, which gives a `ParameterRole` for each parameter, in a tree like them.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one input."""
        ...

    def init(self, key: Key, scalars: Mapping[str, Any]) -> tuple[Params, PyTree]:
        """Make parameters and model state, by name; `scalars` are the model's traced hyperparameters."""
        ...

    def predict(
        self, params: Params, model_state: PyTree, scalars: Mapping[str, Any], inputs: jax.Array, stats: PyTree
    ) -> jax.Array:
        """Compute what a user wants of raw inputs (n, *shape), in the data's own unit."""
        ...


def rebuilds(kind: str) -> Callable[[F], F]:
    """Register the decorated function as what makes the predictors of this kind of task.

    The function takes (about, model, shape, dtype, predictions): the task's `about`, with its "kind"; the model's
    function; the shape of one input; the dtype of its arithmetic; what the loss calls predictions.
    """

    def register(function: F) -> F:
        _REBUILDS[kind] = function
        return function

    return register


def rebuild(
    about: Mapping[str, Any], model: StaticPartial, shape: tuple[int, ...], dtype: Dtype, predictions: str
) -> Predictor:
    """Make the predictor of a run anew.

    Raises:
        PadlError: no task of this kind says how.
    """
    kind = about.get("kind")
    if kind not in _REBUILDS:
        raise PadlError(
            f"tasks of kind '{kind}' cannot be called again ({', '.join(_REBUILDS)} can): "
            "@padl.tasks.predictor.rebuilds(kind) on what makes their predictor lets them"
        )
    return _REBUILDS[kind](about, model, shape, dtype, predictions)
