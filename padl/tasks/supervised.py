"""The objective of a model on data: predict targets from inputs, and what is measured of the predictions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

from padl.losses.reduce import mean
from padl.registry import Choice
from padl.tasks.task import Data
from padl.types import HParams, Key, Metrics, PadlError, Params, PyTree

EVALUATION_BATCH = 1024
Dtype = Literal["float32", "bfloat16"]


@dataclass(frozen=True)
class Problem:
    """What a compiled program needs to know of supervised data; functions of a module, so that equal ones are equal.

    Attributes:
        shape: of one input. outputs: how many numbers a model gives for it.
        targets: (rows of the batch, stats, the task's scalars) -> targets.
        measure: (predictions, targets, stats) -> one number per row under each name.
        finish: means of these -> metrics.
        decode: (predictions, stats) -> predictions in the data's own unit.
        only_evaluated: what `measure` gives for whole sets of rows, and means nothing for a batch.
    """

    shape: tuple[int, ...]
    outputs: int
    targets: Callable[..., jax.Array]
    measure: Callable[..., Metrics]
    finish: Callable[[Metrics], Metrics]
    decode: Callable[..., jax.Array]
    only_evaluated: tuple[str, ...] = ()


class Skeleton(NamedTuple):
    """A model without its numbers."""

    graph: Any
    params: Any
    rest: Any


@lru_cache(maxsize=128)
def skeleton(model: Choice, shape: tuple[int, ...], outputs: int, names: tuple[str, ...]) -> Skeleton:
    """What `model` builds, as shapes; `names` are its traced hyperparameters.

    Raises:
        PadlError: the model keeps one of these in its structure, where no other value could reach it.
    """

    def built_with(value: float) -> Skeleton:
        scalars = dict.fromkeys(names, value)
        module = nnx.eval_shape(lambda: model(shape, outputs, rngs=nnx.Rngs(0), **scalars))
        return Skeleton(*nnx.split(module, nnx.Param, ...))

    found = built_with(0.5)
    if names and built_with(0.25).graph != found.graph:
        raise PadlError(f"the model keeps a Scalar ({', '.join(names)}) as it is: wrap it in padl.models.layers.Rate")
    return found


def to_names(state: PyTree) -> dict[str, jax.Array]:
    """A state of nnx -> {"head.kernel": array, ...}."""
    paths, _ = jax.tree.flatten_with_path(state)
    return {_name(path): leaf for path, leaf in paths}


def from_names(arrays: Mapping[str, jax.Array], like: PyTree) -> PyTree:
    """The inverse of `to_names`, in the structure of `like`."""
    paths, tree = jax.tree.flatten_with_path(like)
    return tree.unflatten([arrays[_name(path)] for path, _ in paths])


def _name(path: Any) -> str:
    return jax.tree_util.keystr(path, simple=True, separator=".").removesuffix(".value")


@dataclass(frozen=True)
class Predictor:
    """A model on the inputs of a problem.

    Attributes:
        dtype: "float32" or "bfloat16", of the model's arithmetic; parameters, loss and metrics stay in float32.
    """

    problem: Problem
    model: Choice
    dtype: Dtype = "float32"

    def init(self, key: Key, scalars: Mapping[str, Any]) -> tuple[Params, PyTree]:
        """Parameters and the rest of the state, by name; `scalars` are the model's traced hyperparameters."""
        module = self.model(self.problem.shape, self.problem.outputs, rngs=nnx.Rngs(key), **scalars)
        _, params, rest = nnx.split(module, nnx.Param, ...)
        return to_names(params), to_names(rest)

    def __call__(
        self,
        params: Params,
        rest: PyTree,
        scalars: Mapping[str, Any],
        inputs: jax.Array,
        stats: PyTree,
        key: Key | None = None,
    ) -> tuple[jax.Array, PyTree]:
        """Predictions in float32 for raw inputs (batch, *shape), and the rest of the state after them.

        Args:
            key: the randomness of a training step; None evaluates.
        """
        bones = skeleton(self.model, self.problem.shape, self.problem.outputs, tuple(sorted(scalars)))
        dtype = jnp.dtype(self.dtype)
        params = jax.tree.map(lambda p: p.astype(dtype), params)
        states = from_names(params, bones.params), from_names(rest, bones.rest)
        module = nnx.merge(bones.graph, *states, copy=True)
        predictions = module(standardise(inputs, stats).astype(dtype), key)
        after = to_names(nnx.split(module, nnx.Param, ...)[2])
        return predictions.astype(jnp.float32), jax.tree.map(lambda new, old: new.astype(old.dtype), after, rest)


@dataclass(frozen=True)
class Supervised:
    """Minimise the mean of a loss between a model's predictions and the targets. An `Objective`.

    Attributes:
        loss_function: with the static part of its hyperparameters.
        word: what the loss calls its targets: "labels", "indicators" (one number a class, 0 or 1) or "values".
    """

    predictor: Predictor
    loss_function: Choice
    word: str

    @property
    def problem(self) -> Problem:
        return self.predictor.problem

    def init(self, key: Key, hparams: HParams, data: Data) -> tuple[Params, PyTree]:
        return self.predictor.init(key, hparams["model"])

    def _compare(self, params, rest, hparams, data: Data, rows, key, where=None):
        """(sum, count) of the loss, the rest of the state, and what is measured of every row."""
        batch = {name: column[rows] for name, column in data.rows.items()}
        stats = data.split.stats
        predictions, rest = self.predictor(params, rest, hparams["model"], batch["inputs"], stats, key)
        targets = self.problem.targets(batch, stats, hparams["task"])
        measured = self.problem.measure(predictions, targets, stats)
        if self.word == "indicators":
            targets = jax.nn.one_hot(targets, self.problem.outputs)
        if self.word == "values":
            targets = targets.reshape(predictions.shape)
        parts = self.loss_function(predictions, targets, where=where, reduction="sum_and_count", **hparams["loss"])
        return parts, rest, measured

    def loss(self, params, rest, hparams, data, rows, key):
        parts, rest, measured = self._compare(params, rest, hparams, data, rows, key)
        left_out = self.problem.only_evaluated
        return parts, (rest, {name: values.mean() for name, values in measured.items() if name not in left_out})

    def evaluate(self, params: Params, rest: PyTree, hparams: HParams, data: Data) -> Metrics:
        held_out = data.split.held_out
        size = min(len(held_out), EVALUATION_BATCH)
        padding = -len(held_out) % size
        rows = jnp.concatenate([held_out, jnp.zeros(padding, jnp.int32)]).reshape(-1, size)
        real = (jnp.arange(rows.size) < len(held_out)).reshape(-1, size)

        def sums(batch):
            rows, real = batch
            parts, _, measured = self._compare(params, rest, hparams, data, rows, None, where=real)
            return parts, {name: jnp.where(real, values, 0).sum() for name, values in measured.items()}

        (total, count), measured = jax.tree.map(lambda x: x.sum(0), jax.lax.map(sums, (rows, real)))
        metrics = self.finish({name: value / len(held_out) for name, value in measured.items()})
        return {"loss": mean(total, count), **metrics}

    def finish(self, statistics: Metrics) -> Metrics:
        return self.problem.finish(statistics)


def standardise(inputs: jax.Array, stats: PyTree) -> jax.Array:
    return (inputs.astype(jnp.float32) - stats["mean"]) / stats["std"]
