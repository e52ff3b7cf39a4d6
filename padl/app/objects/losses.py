"""Make a loss of PADL's of any function of predictions and targets. loss, RowLoss."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from padl.app.objects.signatures import Adapted, gathers, hyperparameters_of, label_of, parameters_of
from padl.losses.reduce import Reduced, Reduction, masked, reduce
from padl.registry import Hyperparameter
from padl.types import PadlError

TRIED = 4  # made-up rows
Form = tuple[tuple[int, ...], Any]  # of one row: its shape, and its dtype


@dataclass(frozen=True, eq=False)
class RowLoss(Adapted):
    """A loss, by a function of predictions and targets.

    The function gives a number for each row, or for each element; or one number for a batch, its mean. Then it is
    called for every row alone, as a batch of one, so that batches of any size add up.

    Attributes:
        made_of: the function. first: what it calls its predictions and targets, where it says so.
    """

    first: tuple[str, ...]

    @cached_property
    def hyperparameters(self) -> dict[str, Hyperparameter]:
        """Its other arguments."""
        return hyperparameters_of(self.made_of, leave_out=(*self.first, "where", "reduction"))

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
            PadlError: the function gives something else than a number for a batch, a row or an element; or for a batch
                another number than the mean over its rows.
        """
        predictions = masked(predictions, where)
        batch = partial(self._numbers, hyperparameters)
        form = jax.eval_shape(batch, predictions, targets).shape
        if form == ():
            self._check_is_a_mean(predictions, targets, hyperparameters)
            values = _of_rows(batch, predictions, targets)
        elif form == predictions.shape[: len(form)]:
            values = batch(predictions, targets)
        else:
            raise PadlError(
                f"loss '{self.__name__}' gives an array {form} for predictions {predictions.shape} and targets"
                f" {targets.shape}: give one number for a batch, or one for each of its {len(predictions)} rows"
            )
        return reduce(values, where=where, reduction=reduction)

    def _numbers(self, hyperparameters: Mapping[str, Any], predictions: jax.Array, targets: jax.Array) -> jax.Array:
        """What the function gives, as an array of real numbers."""
        given = self.made_of(predictions, targets, **hyperparameters)
        if not isinstance(given, (jax.Array, np.ndarray, np.generic, float)):
            raise PadlError(f"loss '{self.__name__}' gives a {type(given).__name__}, and a loss is numbers")
        values = jnp.asarray(given)
        if not jnp.issubdtype(values.dtype, jnp.floating):
            raise PadlError(f"loss '{self.__name__}' gives {values.dtype}, which no gradient comes from: give floats")
        return values

    def _check_is_a_mean(self, predictions: jax.Array, targets: jax.Array, hyperparameters: Mapping[str, Any]) -> None:
        """Try a loss of one number on made-up rows, where all its arguments are known: a sum over rows, or a root of
        their mean, is no mean over rows, and a batch cut into parts would come to another number."""
        tried = {name: _known(value, self.hyperparameters[name].default) for name, value in hyperparameters.items()}
        if any(each.required and tried[name] is None for name, each in self.hyperparameters.items()):
            return
        forms = [(x.shape[1:], jnp.dtype(x.dtype)) for x in (predictions, targets)]
        whole, mean = _tried(self, *forms, tuple(tried.items()))
        if np.isfinite([whole, mean]).all() and not np.isclose(whole, mean, rtol=1e-3, atol=1e-5):
            raise PadlError(
                f"loss '{self.__name__}' gives {whole:g} for {TRIED} rows, whose mean is {mean:g}: give one number for"
                " each row, or their mean"
            )


@lru_cache(maxsize=128)
def _tried(loss: RowLoss, of_row: Form, of_target: Form, hyperparameters: tuple[tuple[str, Any], ...]) -> list[float]:
    """What a loss gives for made-up rows, and the mean of what it gives for each alone; once for rows of a form."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(TRIED, *of_row[0])).astype(of_row[1])
    rows *= 1 + np.arange(TRIED, dtype=rows.dtype).reshape(-1, *[1] * (rows.ndim - 1))  # rows of unlike loss
    truth = _made_up(rng, (TRIED, *of_target[0]), of_target[1])
    batch = partial(loss._numbers, dict(hyperparameters))
    both = jax.jit(lambda x, y: jnp.stack([batch(x, y), _of_rows(batch, x, y).mean()]))
    with jax.ensure_compile_time_eval():
        return [float(value) for value in both(rows, truth)]


def _of_rows(batch: Callable[..., jax.Array], predictions: jax.Array, targets: jax.Array) -> jax.Array:
    """The loss of every row alone, as a batch of one."""
    return jax.vmap(lambda x, y: batch(x[None], y[None]))(predictions, targets)


def _made_up(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Targets: 0 and 1 by turns where they are classes."""
    if jnp.issubdtype(dtype, jnp.floating):
        return rng.normal(size=shape).astype(dtype)
    return (np.arange(np.prod(shape)) % 2).reshape(shape).astype(dtype)


def _known(value: Any, otherwise: Any) -> Any:
    if isinstance(value, Tracer):
        return otherwise
    return value.item() if isinstance(value, (jax.Array, np.generic)) else value


@lru_cache(maxsize=128)
def loss(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a loss of a function; one that takes `where` and `reduction` is a loss of PADL's already.

    Raises:
        PadlError: its first two arguments cannot be predictions and targets.
    """
    parameters = parameters_of(function)
    if {"where", "reduction"} <= set(parameters):
        return function
    first = [name for name, p in parameters.items() if p.kind is not p.KEYWORD_ONLY][:2]
    if len(first) < 2 and not gathers(function):
        raise PadlError(
            f"loss={label_of(function)} takes {len(first)} arguments by position, and a loss is of predictions and"
            " targets"
        )
    if first and first[0] in ("targets", "target", "labels", "y_true", "y"):
        raise PadlError(
            f"loss={label_of(function)} takes its {first[0]} first, and here predictions come first:"
            f" give lambda predictions, targets: {label_of(function)}(targets, predictions)"
        )
    if "where" in parameters and parameters["where"].default is inspect.Parameter.empty:
        raise PadlError(f"loss={label_of(function)} must have a default for `where`: PADL leaves rows out itself")
    return RowLoss(function, tuple(first))
