"""What all objectives share that are a mean over rows of data: batches add up, in training and in evaluation.

MinibatchObjective: an objective, but for what a batch comes to. Context, BatchResult: what that takes and gives.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from padl.data.source import Batch, Data, Rows
from padl.losses.reduce import mean
from padl.registry import StaticPartial
from padl.roles.inference import infer
from padl.types import HParams, Key, Metrics, Params, PyTree

DRAWS = 1 << 16  # folded into a step's key it gives what the objective draws; a model's layers take 0, 1, ...


class Context(NamedTuple):
    """What the loss of a batch depends on besides its rows.

    Attributes:
        params, model_state: of the model. hparams: of the run. stats: of the training rows.
        key: the randomness of the model, None in evaluation.
        draws: the randomness of the objective; in evaluation always the same, so that it repeats.
        where: (batch,) True for the rows that count, which come first; None for all. The others fill a batch up.
    """

    params: Params
    model_state: PyTree
    hparams: HParams
    stats: PyTree
    key: Key | None
    draws: Key
    where: jax.Array | None = None

    def real(self, rows: int) -> jax.Array:
        """(rows,): `where`, True for all where there is none."""
        return jnp.ones(rows, bool) if self.where is None else self.where


class BatchResult(NamedTuple):
    """What a batch comes to.

    Attributes:
        parts: (sum, count) of the loss. model_state: after it. measured: one number a row by name.
    """

    parts: tuple[jax.Array, jax.Array]
    model_state: PyTree
    measured: Metrics


@dataclass(frozen=True)
class MinibatchObjective(ABC):
    """Minimise the mean of a loss over rows. An `Objective`, but for what a batch comes to.

    Attributes:
        predictor: a `Predictor`, which is trained. loss_function: with the static part of its hyperparameters.
    """

    predictor: Any
    loss_function: StaticPartial

    @abstractmethod
    def batch_loss(self, context: Context, batch: Batch) -> BatchResult:
        """Compute the loss of a batch, and what is measured of each of its rows."""

    def dataset_metrics(self, context: Context, data: Data) -> Metrics:
        """Compute metrics of all held-out rows together, which are no mean over them."""
        return {}

    def finish(self, statistics: Metrics) -> Metrics:
        """Make metrics of means over rows."""
        return statistics

    def only_evaluated(self) -> tuple[str, ...]:
        """Name what is measured for whole sets of rows, and means nothing for a batch."""
        return ()

    def init(self, key: Key, hparams: HParams) -> tuple[Params, PyTree]:
        return self.predictor.init(key, hparams["model"])

    def roles(self, hparams: HParams) -> PyTree:
        """What each parameter is, in a tree like them: as the predictor says, or else inferred."""
        scalars = hparams["model"]
        if hasattr(self.predictor, "roles"):
            return self.predictor.roles(scalars)
        return infer(jax.eval_shape(lambda: self.predictor.init(jax.random.key(0), scalars)[0]))

    def loss(
        self, params: Params, model_state: PyTree, hparams: HParams, batch: Batch, stats: PyTree, key: Key
    ) -> tuple[tuple[jax.Array, jax.Array], tuple[PyTree, Metrics]]:
        context = Context(params, model_state, hparams, stats, key, jax.random.fold_in(key, DRAWS))
        parts, model_state, measured = self.batch_loss(context, batch)
        left_out = self.only_evaluated()
        return parts, (model_state, {name: values.mean() for name, values in measured.items() if name not in left_out})

    def evaluate(self, params: Params, model_state: PyTree, hparams: HParams, data: Data) -> Metrics:
        held_out = data.held_out
        always = Context(params, model_state, hparams, data.stats, None, jax.random.key(0))

        def sums(i: jax.Array, batch: Batch, real: jax.Array) -> tuple[tuple[jax.Array, jax.Array], Metrics]:
            context = always._replace(draws=jax.random.fold_in(always.draws, i), where=real)
            parts, _, measured = self.batch_loss(context, batch)
            return parts, {name: jnp.where(real, values, 0).sum() for name, values in measured.items()}

        (total, count), measured = jax.tree.map(lambda x: x.sum(0), held_out.map(sums))
        metrics = self.finish({name: value / held_out.size for name, value in measured.items()})
        return {"loss": mean(total, count), **metrics, **self.dataset_metrics(always, data)}

    def loss_sum(self, context: Context, *arguments: jax.Array, **options: Any) -> tuple[jax.Array, jax.Array]:
        """Compute (sum, count) of the loss of these arguments."""
        with jax.named_scope("loss"):
            return self.loss_function(*arguments, reduction="sum_and_count", **options, **context.hparams["loss"])

    def predict(self, context: Context, inputs: jax.Array) -> tuple[jax.Array, PyTree]:
        """Compute the model's outputs for raw inputs, and its state after them."""
        return self.predictor(
            context.params, context.model_state, context.hparams["model"], inputs, context.stats, context.key
        )

    def predict_all(self, context: Context, rows: Rows) -> jax.Array:
        """Compute the model's outputs for any number of rows."""
        return rows.collect(lambda batch: self.predict(context, batch["inputs"])[0])
