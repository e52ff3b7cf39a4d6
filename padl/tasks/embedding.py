"""Images as points: those of one class near each other. digits_embedding."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from padl.data.source import Batch, Data
from padl.registry import StaticPartial, task
from padl.tasks import pair_sampling
from padl.tasks.images import digits
from padl.tasks.minibatch import BatchResult, Context, MinibatchObjective
from padl.tasks.predictor import Dtype, rebuilds
from padl.tasks.supervised import ModelPredictor
from padl.tasks.task import ObjectiveConfig, Task
from padl.types import Metric, Metrics

METRICS = (Metric("knn_accuracy", "max"),)

WAYS = {words.targets: way for words, way in pair_sampling.WAYS.items()}


def vote(near: jax.Array) -> jax.Array:
    """Choose the commonest of labels (n, k), of several the one that comes first."""
    votes = (near[:, :, None] == near[:, None, :]).sum(2)
    return jnp.take_along_axis(near, votes.argmax(1)[:, None], axis=1)[:, 0]


def nearest(points: jax.Array, others: jax.Array, k: int) -> jax.Array:
    """Find the numbers (n, k) of the k other points nearest to each, the nearest first, by Euclid's distance."""
    centre = others.mean(0, keepdims=True)  # of what is left out here, |p|², every distance has the same
    points, others = points - centre, others - centre
    size = jnp.abs(others).max()  # whose square may overflow; who is nearest does not depend on the unit
    points, others = (x / jnp.where(size > 0, size, 1) for x in (points, others))
    return jax.lax.top_k(2 * points @ others.T - (others**2).sum(1)[None, :], k)[1]


@dataclass(frozen=True)
class Embedding(MinibatchObjective):
    """Minimise a loss of how far apart the examples of a batch lie, of one class and of different ones. An `Objective`.

    Attributes:
        targets: what the loss calls them, a key of `WAYS`. neighbours: how many vote on a held-out image.
    """

    predictor: ModelPredictor
    targets: str
    neighbours: int

    def batch_loss(self, context: Context, batch: Batch) -> BatchResult:
        embeddings, model_state = self.predict(context, batch["inputs"])
        of_partners, of_way = jax.random.split(context.draws)
        partners = pair_sampling.draw(of_partners, batch["labels"], context.real(len(embeddings)))
        arguments, where = WAYS[self.targets](of_way, embeddings, partners)
        return BatchResult(self.loss_sum(context, *arguments, where=where), model_state, {})

    def dataset_metrics(self, context: Context, data: Data) -> Metrics:
        """Compute the share of held-out images that the training images around them call what they are."""
        train = self.predict_all(context, data.train)
        labels = data.train.collect(lambda batch: batch["labels"])

        def right(i: jax.Array, batch: Batch, real: jax.Array) -> jax.Array:
            points, _ = self.predict(context, batch["inputs"])
            near = nearest(points, train, min(self.neighbours, data.train.size))
            return (real & (vote(labels[near]) == batch["labels"])).sum()

        return {"knn_accuracy": data.held_out.map(right).sum() / data.held_out.size}


@rebuilds("embedding")
def embedder(
    about: Mapping[str, Any], model: StaticPartial, shape: tuple[int, ...], dtype: Dtype, words: str
) -> ModelPredictor:
    """Make a model that predicts points (n, dimensions)."""
    return ModelPredictor(model, shape, about["dimensions"], dtype)


@task(
    family="images",
    loss="triplet_margin",
    model="mlp",
    reference="Hadsell et al. 2006, CVPR; images: Alpaydin & Kaynak 1998, UCI (test set), from scikit-learn",
)
def digits_embedding(dimensions: int = 16, neighbours: int = 5, held_out: float = 0.2, test: float = 0.0) -> Task:
    """Handwritten digits as points that lie close together where the digit is the same.

    Metric: knn_accuracy, the share of held-out images that a majority of their nearest training images label rightly.

    Args:
        dimensions: numbers of a point. neighbours: how many vote.
        held_out: share of the images that choose the best parameters, in (0, 1), stratified by class.
        test: share that the trained parameters are evaluated on once, in [0, 1).
    """
    images = digits(held_out, test)
    about = {**images.about, "kind": "embedding", "dimensions": dimensions}
    shape = images.rows["inputs"].shape[1:]

    def objective(config: ObjectiveConfig) -> Embedding:
        predictor = embedder(about, config.model, shape, config.dtype, config.words.predictions)
        return Embedding(predictor, config.loss, config.words.targets, neighbours)

    return Task(objective, images.rows, images.split, tuple(pair_sampling.WAYS), METRICS, about)
