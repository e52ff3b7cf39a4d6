"""The loss of a batch and its gradient, whole or in parts whose sums are added up and divided once. BatchGradient."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from padl.attention_logits import over_parts
from padl.data.source import Batch
from padl.engine import mesh as meshes
from padl.losses.reduce import mean
from padl.tasks.task import Objective
from padl.types import HParams, Key, Metrics, Params, PyTree


class BatchGradient(NamedTuple):
    """The loss of one batch as a function of the parameters.

    Attributes:
        batch: arrays (rows, ...). stats: of the training rows. key: the step's randomness.
        parts: into how many equal parts the batch is cut. mesh: devices to spread a part over.
    """

    objective: Objective
    hparams: HParams
    batch: Batch
    stats: PyTree
    key: Key
    parts: int
    mesh: jax.sharding.Mesh | None

    def total(self, params: Params, model_state: PyTree, i: Any = 0) -> tuple[jax.Array, tuple[Any, PyTree, Metrics]]:
        """Sum the loss over part i; return its count, the model's state after it, and its statistics."""
        key = self.key if self.parts == 1 else jax.random.fold_in(self.key, i)
        batch = meshes.spread(self._part(i), self.mesh)
        loss = self.objective.loss(params, model_state, self.hparams, batch, self.stats, key)
        (total, count), (model_state, statistics) = loss
        return total, (count, model_state, statistics)

    def differentiate(self, params: Params, model_state: PyTree) -> tuple[jax.Array, PyTree, Metrics, Params]:
        """Compute mean loss, the model's state after it, statistics, and the gradient of the mean loss."""
        if self.parts > 1:
            return self._differentiate_parts(params, model_state)

        def mean_loss(params: Params) -> tuple[jax.Array, tuple[PyTree, Metrics]]:
            total, (count, after, statistics) = self.total(params, model_state)
            return mean(total, count), (after, statistics)

        (value, (after, statistics)), gradient = jax.value_and_grad(mean_loss, has_aux=True)(params)
        return value, after, statistics, gradient

    def value_at(self, model_state: PyTree) -> Callable[[Params], jax.Array]:
        """Return params -> mean loss over the whole batch, for rules that search along a line."""

        def value(params: Params) -> jax.Array:
            parts = [self.total(params, model_state, i) for i in range(self.parts)]
            totals, counts = (jnp.stack(column).sum() for column in zip(*((t, c) for t, (c, *_) in parts), strict=True))
            return mean(totals, counts)

        return value

    def gradient_at(self, model_state: PyTree) -> Callable[[Params], Params]:
        """Return params -> gradient of the mean loss over the whole batch, for rules that look elsewhere too."""
        return lambda params: self.differentiate(params, model_state)[3]

    def _part(self, i: Any) -> Batch:
        if self.parts == 1:
            return self.batch
        return {name: x.reshape(self.parts, -1, *x.shape[1:])[i] for name, x in self.batch.items()}

    def _differentiate_parts(self, params: Params, model_state: PyTree) -> tuple[jax.Array, PyTree, Metrics, Params]:
        of_part = jax.value_and_grad(self.total, has_aux=True)

        def add(carry: Any, i: jax.Array) -> tuple[Any, None]:
            before, sums = carry
            (total, (count, after, statistics)), gradient = of_part(params, before, i)
            model_state = over_parts(before, after, i == 0)
            return (model_state, jax.tree.map(jnp.add, sums, (total, count, statistics, gradient))), None

        total, (count, _, statistics) = jax.eval_shape(self.total, params, model_state)
        zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), (total, count, statistics, params))
        (model_state, sums), _ = jax.lax.scan(add, (model_state, zeros), jnp.arange(self.parts))
        total, count, statistics, gradient = sums
        statistics = {name: s / self.parts for name, s in statistics.items()}
        gradient = jax.tree.map(lambda g: mean(g, count.astype(g.dtype)), gradient)
        return mean(total, count), model_state, statistics, gradient
