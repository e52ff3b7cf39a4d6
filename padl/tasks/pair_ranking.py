"""The order of things, learned from which of two comes first. ranking."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp

from padl.data.source import Batch, Data
from padl.registry import StaticPartial, task
from padl.tasks.loss_inputs import pairs
from padl.tasks.minibatch import BatchResult, Context, MinibatchObjective
from padl.tasks.predictor import Dtype, rebuilds
from padl.tasks.regression import values
from padl.tasks.supervised import ModelPredictor
from padl.tasks.tabular import permeability
from padl.tasks.task import ObjectiveConfig, Task
from padl.types import Metric, Metrics, Scalar

METRICS = (Metric("concordance", "max"),)

STRIP = 256  # rows of the table of all pairs that are in memory at once


def concordance(scores: jax.Array, truth: jax.Array) -> jax.Array:
    """Compute the share of pairs whose scores are in the true order; equal scores count half (Harrell et al. 1982).

    Args:
        scores, truth: (n,). Pairs of equal truth count for nothing.
    """

    def row(one: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        score, so = one
        agreement = jnp.sign(score - scores) * jnp.sign(so - truth)
        return jnp.where(so == truth, 0, (1 + agreement) / 2).sum(), (so != truth).sum()

    right, all_ = jax.tree.map(jnp.sum, jax.lax.map(row, (scores, truth), batch_size=STRIP))
    return right / jnp.where(all_ > 0, all_, jnp.nan)


@dataclass(frozen=True)
class Ranking(MinibatchObjective):
    """Minimise a loss of the order of two scores over pairs drawn within the batch. An `Objective`."""

    predictor: ModelPredictor

    def batch_loss(self, context: Context, batch: Batch) -> BatchResult:
        scores, model_state = self.predict(context, batch["inputs"])
        n = len(scores)
        truth = values(batch, context.stats, context.hparams["task"])
        other = (jnp.arange(n, dtype=jnp.int32) + jax.random.randint(context.draws, (n,), 1, max(n, 2), jnp.int32)) % n
        order, real = jnp.sign(truth - truth[other]), context.real(n)
        parts = self.loss_sum(context, scores[:, 0], scores[other, 0], order, where=real & real[other] & (order != 0))
        return BatchResult(parts, model_state, {})

    def dataset_metrics(self, context: Context, data: Data) -> Metrics:
        truth = data.held_out.collect(lambda batch: values(batch, context.stats, context.hparams["task"]))
        return {"concordance": concordance(self.predict_all(context, data.held_out)[:, 0], truth)}


def _first(outputs, stats):
    return outputs[:, 0]


@rebuilds("ranking")
def scorer(
    about: Mapping[str, Any], model: StaticPartial, shape: tuple[int, ...], dtype: Dtype, words: str
) -> ModelPredictor:
    """Make a model that predicts scores (n,), in no unit."""
    return ModelPredictor(model, shape, 1, dtype, decode=_first)


@task(
    family="tables",
    loss="margin_ranking",
    model="mlp",
    reference="Herbrich et al. 2000; Kozeny 1927; Carman 1937; synthetic measurements",
)
def ranking(
    rows: int = 2000, noise: Scalar = 0.05, held_out: float = 0.2, test: float = 0.0, data_seed: int = 0
) -> Task:
    """Order packed beds by permeability, learned from pairs: it is given which of the two has the higher one.

    Synthetic: the data of `permeability`. Metric: concordance, the share of all held-out pairs put in the right order.

    Args:
        rows, noise, held_out, test, data_seed: as in `permeability`.
    """
    measured = permeability(rows, noise, held_out, test, data_seed)
    about = {**measured.about, "kind": "ranking"}
    shape = measured.rows["inputs"].shape[1:]

    def objective(config: ObjectiveConfig) -> Ranking:
        return Ranking(scorer(about, config.model, shape, config.dtype, config.words.predictions), config.loss)

    fits = pairs({"order": ("scores",)})
    return replace(measured, objective=objective, fits=fits, metrics=METRICS, about=about)
