"""A model on data, and the plain objective of it: predict a target from each input. ModelPredictor, Supervised."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jax.core import Tracer

from padl.data.source import Batch
from padl.registry import StaticPartial
from padl.roles.layers import roles_of
from padl.roles.role import ParameterRole, parameter_name
from padl.tasks.minibatch import BatchResult, Context, MinibatchObjective
from padl.tasks.predictor import Dtype
from padl.tasks.standardise import standardise
from padl.types import Key, Metrics, PadlError, Params, PyTree


class Skeleton(NamedTuple):
    """A model without its numbers.

    Attributes:
        graph, params, model_state: of its structure. rngs: the random streams that layers keep, as nnx.Dropout does.
    """

    graph: Any
    params: Any
    model_state: Any
    rngs: Any


@lru_cache(maxsize=128)
def skeleton(model: StaticPartial, shape: tuple[int, ...], outputs: int, names: tuple[str, ...]) -> Skeleton:
    """What `model` builds, as shapes; `names` are its traced hyperparameters.

    Raises:
        PadlError: the model keeps one of these in its structure, where no other value could reach it, or an array.
    """

    def built_with(value: float) -> Skeleton:
        scalars = dict.fromkeys(names, value)
        module = nnx.eval_shape(lambda: model(shape, outputs, rngs=nnx.Rngs(0), **scalars))
        for attribute in _arrays_in_structure(module):
            raise PadlError(
                f"model '{_called(model)}' keeps an array as it is, in '{attribute}': make it an nnx.Variable, or an"
                " nnx.Param where it is learned"
            )
        return Skeleton(*_parts(module))

    built = built_with(0.5)
    if names and built_with(0.25).graph != built.graph:
        raise PadlError(f"the model keeps a Scalar ({', '.join(names)}) as it is: wrap it in padl.models.layers.Rate")
    return built


def _arrays_in_structure(module: nnx.Module) -> Iterator[str]:
    """The attributes of a module, built without numbers, that hold an array which Flax takes for no state."""
    for _, inner in nnx.iter_modules(module):
        yield from (name for name, value in vars(inner).items() if isinstance(value, Tracer))


def _called(model: StaticPartial) -> str:
    return getattr(model.function, "__name__", "this one")


def _parts(module: nnx.Module) -> tuple[Any, Any, Any, Any]:
    """The structure of a model, its parameters, the rest of its state, and its random streams."""
    graph, params, rngs, model_state = nnx.split(module, nnx.Param, nnx.RngState, ...)
    return graph, params, model_state, rngs


def _streams(rngs: PyTree, key: Key | None) -> PyTree:
    """Random streams of this form that begin with a step's key; in evaluation nothing is drawn from them."""
    leaves, tree = jax.tree.flatten(rngs)
    first = jax.random.key(0) if key is None else key
    starts = (jax.random.fold_in(first, i) for i in range(len(leaves)))
    return tree.unflatten(
        [
            jnp.broadcast_to(start, leaf.shape) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
            else jnp.zeros(leaf.shape, leaf.dtype)
            for start, leaf in zip(starts, leaves, strict=True)
        ]
    )  # fmt: skip


def call(module: nnx.Module, inputs: jax.Array, key: Key | None) -> jax.Array:
    """Call a model; `key` is the randomness of a training step, None evaluates."""
    return module(inputs, key)  # pyright: ignore[reportCallIssue]


def to_names(state: PyTree) -> dict[str, jax.Array]:
    """A state of nnx -> {"head.kernel": array, ...}."""
    paths, _ = jax.tree.flatten_with_path(state)
    return {parameter_name(path): leaf for path, leaf in paths}


def from_names(arrays: Mapping[str, jax.Array], like: PyTree) -> PyTree:
    """The inverse of `to_names`, in the structure of `like`."""
    paths, tree = jax.tree.flatten_with_path(like)
    return tree.unflatten([arrays[parameter_name(path)] for path, _ in paths])


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
        _, params, model_state, _ = _parts(module)
        return to_names(params), to_names(model_state)

    def roles(self, scalars: Mapping[str, Any]) -> dict[str, ParameterRole]:
        """What each parameter is, by its name, without making any; `scalars` as of `init`."""
        bones = skeleton(self.model, self.shape, self.outputs, tuple(sorted(scalars)))
        module = nnx.merge(bones.graph, bones.params, bones.rngs, bones.model_state)
        return roles_of(module, self.outputs)

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
        params = jax.tree.map(lambda p: jnp.asarray(p, dtype), params)
        arrays = jax.tree.map(jnp.asarray, model_state)  # what a module writes in place is its own
        states = from_names(params, bones.params), from_names(arrays, bones.model_state)
        module = nnx.merge(bones.graph, states[0], _streams(bones.rngs, key), states[1], copy=True)
        called = getattr(self.model.function, "call", call)  # a stranger's model says how it is called
        outputs = called(module, standardise(inputs.astype(jnp.float32), stats).astype(dtype), key)
        self._check(outputs)
        return outputs.astype(jnp.float32), self._state_after(module, model_state)

    def predict(
        self, params: Params, model_state: PyTree, scalars: Mapping[str, Any], inputs: jax.Array, stats: PyTree
    ) -> jax.Array:
        """What the outputs for raw inputs (n, *shape) say."""
        return self.decode(self(params, model_state, scalars, inputs, stats)[0], stats)

    def _state_after(self, module: nnx.Module, before: PyTree) -> PyTree:
        """The rest of the state after a call, in the form of that before it; what was sown for a reader is left out."""
        after, sown = to_names(_parts(module)[2]), to_names(nnx.state(module, nnx.Intermediate))
        for name in sorted({*before, *after} - {*sown}):
            if name not in before or name not in after or before[name].shape != after[name].shape:
                raise PadlError(
                    f"model '{_called(self.model)}' makes or reshapes '{name}' as it is called: all that it keeps is"
                    " to be made in __init__, in its shape"
                )
        return {name: after[name].astype(old.dtype) for name, old in before.items()}

    def _check(self, outputs: jax.Array) -> None:
        name = _called(self.model)
        if outputs.ndim == (3 if self.frames else 2):
            if outputs.shape[-1] != self.outputs:
                raise PadlError(f"model '{name}' gives {outputs.shape[-1]} outputs, and this task wants {self.outputs}")
            return
        kinds = ("one row of outputs for an input", "one for each of its frames")
        gives, wants = reversed(kinds) if not self.frames else kinds
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
