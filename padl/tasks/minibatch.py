"""What all objectives share that are a mean over rows of data: batches add up, in training and in evaluation."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp

from padl.data.source import Data
from padl.losses.reduce import mean
from padl.registry import StaticPartial
from padl.types import HParams, Key, Metrics, Params, PyTree

Rows = Any  # row numbers, int32 (n,), of NumPy or JAX
EVALUATION_BATCH = 1024
DRAWS = 1 << 16  # folded into a step's key it gives what the objective draws; a model's layers take 0, 1, ...


class Predictor(Protocol):
    """What is trained, and can be called again afterwards: a model, or two of them, on inputs of one shape."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def init(self, key: Key, scalars: Mapping[str, Any]) -> tuple[Params, PyTree]:
        """Parameters and the rest of the state, by name; `scalars` are the model's traced hyperparameters."""
        ...

    def predict(
        self, params: Params, model_state: PyTree, scalars: Mapping[str, Any], inputs: jax.Array, stats: PyTree
    ) -> jax.Array:
        """What a user wants of raw inputs (n, *shape), in the data's own unit."""
        ...


class Context(NamedTuple):
    """What a batch is compared in: all but its rows.

    Attributes:
        key: the randomness of the model, None in evaluation.
        draws: the randomness of the objective; in evaluation always the same, so that it repeats.
        where: (batch,) True for the rows that count, which come first; None for all. The others fill a batch up.
    """

    params: Params
    model_state: PyTree
    hparams: HParams
    data: Data
    key: Key | None
    draws: Key
    where: jax.Array | None = None

    @property
    def stats(self) -> PyTree:
        return self.data.split.stats

    def batch(self, rows: Rows) -> dict[str, jax.Array]:
        return {name: column[rows] for name, column in self.data.rows.items()}

    def real(self, rows: Rows) -> jax.Array:
        """(batch,): `where`, True for all where there is none."""
        return jnp.ones(rows.shape, bool) if self.where is None else self.where


class BatchResult(NamedTuple):
    """What a batch comes to: (sum, count) of the loss, the model's state after it, and one number a row by name."""

    parts: tuple[jax.Array, jax.Array]
    model_state: PyTree
    measured: Metrics


@dataclass(frozen=True)
class MinibatchObjective(ABC):
    """Minimise the mean of a loss over rows. An `Objective`, but for what a batch comes to.

    Attributes:
        predictor: what is trained. loss_function: with the static part of its hyperparameters.
    """

    predictor: Any  # an Answering
    loss_function: StaticPartial

    @abstractmethod
    def batch_loss(self, context: Context, rows: jax.Array) -> BatchResult:
        """The loss of these rows, int32 (batch,), and what is measured of each."""

    def dataset_metrics(self, context: Context) -> Metrics:
        """Metrics of all held-out rows together, which are no mean over them."""
        return {}

    def finish(self, statistics: Metrics) -> Metrics:
        """Means over rows -> metrics."""
        return statistics

    def only_evaluated(self) -> tuple[str, ...]:
        """What is measured for whole sets of rows, and means nothing for a batch."""
        return ()

    def init(self, key: Key, hparams: HParams, data: Data) -> tuple[Params, PyTree]:
        return self.predictor.init(key, hparams["model"])

    def loss(self, params, model_state, hparams, data, rows, key):
        context = Context(params, model_state, hparams, data, key, jax.random.fold_in(key, DRAWS))
        parts, model_state, measured = self.batch_loss(context, rows)
        left_out = self.only_evaluated()
        return parts, (model_state, {name: values.mean() for name, values in measured.items() if name not in left_out})

    def evaluate(self, params: Params, model_state: PyTree, hparams: HParams, data: Data) -> Metrics:
        held_out = data.split.held_out
        always = Context(params, model_state, hparams, data, None, jax.random.key(0))

        def sums(batch):
            i, rows, real = batch
            context = always._replace(draws=jax.random.fold_in(always.draws, i), where=real)
            parts, _, measured = self.batch_loss(context, rows)
            return parts, {name: jnp.where(real, values, 0).sum() for name, values in measured.items()}

        (total, count), measured = jax.tree.map(lambda x: x.sum(0), over_batches(sums, held_out))
        metrics = self.finish({name: value / len(held_out) for name, value in measured.items()})
        return {"loss": mean(total, count), **metrics, **self.dataset_metrics(always)}

    def loss_sum(self, context: Context, *arguments: jax.Array, **options: Any) -> tuple[jax.Array, jax.Array]:
        """(sum, count) of the loss of these arguments."""
        with jax.named_scope("loss"):
            return self.loss_function(*arguments, reduction="sum_and_count", **options, **context.hparams["loss"])

    def predict(self, context: Context, inputs: jax.Array) -> tuple[jax.Array, PyTree]:
        """The model's outputs for raw inputs, and the rest of its state after them."""
        return self.predictor(
            context.params, context.model_state, context.hparams["model"], inputs, context.stats, context.key
        )

    def predict_all(self, context: Context, rows: Rows) -> jax.Array:
        """The model's outputs for any number of rows."""
        found = over_batches(lambda batch: self.predict(context, context.batch(batch[1])["inputs"])[0], rows)
        return found.reshape(-1, *found.shape[2:])[: len(rows)]


def over_batches(function: Callable[[Any], Any], rows: Rows) -> Any:
    """What `function` gives for (number of the batch, its rows, which are real) of each batch, on a leading axis."""
    size = min(len(rows), EVALUATION_BATCH)
    padding = -len(rows) % size
    filled = jnp.concatenate([rows, jnp.zeros(padding, jnp.int32)]).reshape(-1, size)
    real = (jnp.arange(filled.size) < len(rows)).reshape(-1, size)
    return jax.lax.map(function, (jnp.arange(len(filled)), filled, real))
