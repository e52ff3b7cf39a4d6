"""Make a loss of PADL's of any function of predictions and targets. loss, RowLoss."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import jax

from padl.app.objects.signatures import hyperparameters_of, label_of, parameters_of
from padl.losses.reduce import Reduced, Reduction, masked, reduce
from padl.registry import Hyperparameter
from padl.types import PadlError


@dataclass(frozen=True, eq=False)
class RowLoss:
    """A loss, by a function of predictions and targets.

    The function gives a number for each row, or for each element; or one number for a batch, its mean. Then it is
    called for every row alone, as a batch of one, so that batches of any size add up.

    Attributes:
        made_of: the function. first, second: what it calls its predictions and targets.
    """

    made_of: Callable[..., Any]
    first: str
    second: str

    @property
    def __name__(self) -> str:
        return label_of(self.made_of)

    @property
    def __doc__(self) -> str | None:  # pyright: ignore[reportIncompatibleVariableOverride]
        return inspect.getdoc(self.made_of)

    @cached_property
    def hyperparameters(self) -> dict[str, Hyperparameter]:
        """Its other arguments."""
        return hyperparameters_of(self.made_of, leave_out=(self.first, self.second, "where", "reduction"))

    def __call__(
        self,
        predictions: jax.Array,
        targets: jax.Array,
        *,
        where: jax.Array | None = None,
        reduction: Reduction = "mean",
        **hyperparameters: Any,
    ) -> Reduced:
        """Compute the loss of predictions (n, ...) and targets (n, ...), as any loss of PADL's.

        Raises:
            PadlError: the function gives something else than a number for a batch, a row or an element.
        """
        predictions = masked(predictions, where)

        def batch(x: jax.Array, y: jax.Array) -> jax.Array:
            return jax.numpy.asarray(self.made_of(x, y, **hyperparameters))

        form = jax.eval_shape(batch, predictions, targets).shape
        if form == ():
            values = jax.vmap(lambda x, y: batch(x[None], y[None]))(predictions, targets)
        elif form == predictions.shape[: len(form)]:
            values = batch(predictions, targets)
        else:
            raise PadlError(
                f"loss '{self.__name__}' gives an array {form} for predictions {predictions.shape} and targets"
                f" {targets.shape}: give one number for a batch, or one for each of its {len(predictions)} rows"
            )
        return reduce(values, where=where, reduction=reduction)


@lru_cache(maxsize=128)
def loss(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a loss of a function; one that takes `where` and `reduction` is a loss of PADL's already.

    Raises:
        PadlError: its first two arguments cannot be predictions and targets.
    """
    parameters = parameters_of(function)
    if {"where", "reduction"} <= set(parameters):
        return function
    required = [name for name, p in parameters.items() if p.kind is not p.KEYWORD_ONLY]
    if len(required) < 2:
        raise PadlError(
            f"loss={label_of(function)} takes {len(required)} arguments, and a loss is of predictions and targets"
        )
    if required[0] in ("targets", "target", "labels", "y_true", "y"):
        raise PadlError(
            f"loss={label_of(function)} takes its {required[0]} first, and here predictions come first:"
            f" give lambda predictions, targets: {label_of(function)}(targets, predictions)"
        )
    return RowLoss(function, required[0], required[1])
