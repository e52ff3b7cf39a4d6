"""A model on data, and the plain objective of it: predict a target from each input. ModelPredictor, Supervised."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

from padl.data.source import Batch
from padl.registry import StaticPartial
from padl.tasks.minibatch import BatchResult, Context, MinibatchObjective
from padl.tasks.predictor import Dtype
from padl.tasks.standardise import standardise
from padl.types import Key, Metrics, PadlError, Params, PyTree


class Skeleton(NamedTuple):
    """A model without its numbers."""

    graph: Any
    params: Any
    model_state: Any


@lru_cache(maxsize=128)
def skeleton(model: StaticPartial, shape: tuple[int, ...], outputs: int, names: tuple[str, ...]) -> Skeleton:
    """What `model` builds, as shapes; `names` are its traced hyperparameters.

    Raises:
        PadlError: the model keeps one of these in its structure, where no other value could reach it.
    """

    def built_with(value: float) -> Skeleton:
        scalars = dict.fromkeys(names, value)
        module = nnx.eval_shape(lambda: model(shape, outputs, rngs=nnx.Rngs(0), **scalars))
        return Skeleton(*nnx.split(module, nnx.Param, ...))

    built = built_with(0.5)
    if names and built_with(0.25).graph != built.graph:
        raise PadlError(f"the model keeps a Scalar ({', '.join(names)}) as it is: wrap it in padl.models.layers.Rate")
    return built


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


def as_they_are(x: Any, stats: PyTree = None) -> Any:
    return x


@dataclass(frozen=True)
class ModelPredictor:
    """A model on standardised inputs.

    Attributes:
        shape: of one input. outputs: how many numbers the model gives for it, or for each of its `frames`.
        dtype: "float32" or "bfloat16", of the model's arithmetic; parameters, loss and metrics stay in float32.
        decode: (outputs, stats) -> what they say, in the data's own unit; a function of a module.
    """

    model: StaticPartial
    shape: tuple[int, ...]
    outputs: int
    dtype: Dtype = "float32"
    decode: Callable[..., jax.Array] = as_they_are
    frames: bool = False

    def init(self, key: Key, scalars: Mapping[str, Any]) -> tuple[Params, PyTree]:
        """Parameters and the rest of the state, by name; `scalars` are the model's traced hyperparameters."""
        module = self.model(self.shape, self.outputs, rngs=nnx.Rngs(key), **scalars)
        _, params, model_state = nnx.split(module, nnx.Param, ...)
        return to_names(params), to_names(model_state)

    def __call__(
        self,
        params: Params,
        model_state: PyTree,
        scalars: Mapping[str, Any],
        inputs: jax.Array,
        stats: PyTree,
        key: Key | None = None,
    ) -> tuple[jax.Array, PyTree]:
        """Outputs in float32 for raw inputs (batch, *shape), and the rest of the state after them.

        Args:
            stats: of the training inputs, as of `input_stats`. key: the randomness of a training step; None evaluates.

        Raises:
            PadlError: the model gives a row of outputs for each frame where one for the input is wanted, or one for
                the input where `frames` are.
        """
        bones = skeleton(self.model, self.shape, self.outputs, tuple(sorted(scalars)))
        dtype = jnp.dtype(self.dtype)
        params = jax.tree.map(lambda p: p.astype(dtype), params)
        states = from_names(params, bones.params), from_names(model_state, bones.model_state)
        module = nnx.merge(bones.graph, *states, copy=True)
        outputs = module(standardise(inputs.astype(jnp.float32), stats).astype(dtype), key)
        self._check(outputs)
        after = to_names(nnx.split(module, nnx.Param, ...)[2])
        return outputs.astype(jnp.float32), jax.tree.map(lambda new, old: new.astype(old.dtype), after, model_state)

    def predict(
        self, params: Params, model_state: PyTree, scalars: Mapping[str, Any], inputs: jax.Array, stats: PyTree
    ) -> jax.Array:
        """What the outputs for raw inputs (n, *shape) say."""
        return self.decode(self(params, model_state, scalars, inputs, stats)[0], stats)

    def _check(self, outputs: jax.Array) -> None:
        if outputs.ndim == (3 if self.frames else 2):
            return
        kinds = ("one row of outputs for an input", "one for each of its frames")
        gives, wants = reversed(kinds) if not self.frames else kinds
        name = getattr(self.model.function, "__name__", "this one")
        other = "tdnn" if self.frames else "mlp"
        raise PadlError(f"model '{name}' gives {gives}, this task wants {wants}: try model={other}")


@dataclass(frozen=True)
class Problem:
    """A supervised problem: how targets are read, passed to the loss, and measured.

    Its functions are those of a module, so that equal problems are equal.

    Attributes:
        truth: (batch, stats, the task's scalars) -> the targets.
        arguments: (outputs, truth) -> those of the loss.
        measure: (outputs, truth, stats) -> one number per row under each name.
        finish: means of these -> metrics.
        only_evaluated: what `measure` gives for whole sets of rows, and means nothing for a batch.
    """

    truth: Callable[..., jax.Array]
    arguments: StaticPartial
    measure: Callable[..., Metrics]
    finish: Callable[[Metrics], Metrics] = as_they_are
    only_evaluated: tuple[str, ...] = ()


@dataclass(frozen=True)
class Supervised(MinibatchObjective):
    """Minimise the mean of a loss between what a model gives for each input and what is so. An `Objective`."""

    predictor: ModelPredictor
    problem: Problem

    def batch_loss(self, context: Context, batch: Batch) -> BatchResult:
        outputs, model_state = self.predict(context, batch["inputs"])
        truth = self.problem.truth(batch, context.stats, context.hparams["task"])
        parts = self.loss_sum(context, *self.problem.arguments(outputs, truth), where=context.where)
        return BatchResult(parts, model_state, self.problem.measure(outputs, truth, context.stats))

    def finish(self, statistics: Metrics) -> Metrics:
        return self.problem.finish(statistics)

    def only_evaluated(self) -> tuple[str, ...]:
        return self.problem.only_evaluated
