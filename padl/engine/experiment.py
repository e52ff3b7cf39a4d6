"""An experiment: three pure functions whose hyperparameters, data and seed are arguments, never constants.

    hparams = {"optimizer": {...}, "schedule": {...}, "model": {...}, "loss": {...}, "task": {...}, "run": {...}}

Its leaves are scalars. Which are present chooses the program ("clip_norm" and "ema" of "run" may be absent, "steps" is
not); their values do not: another learning rate, seed or number of steps compiles nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from padl.data import batches
from padl.data.source import Data
from padl.engine import mesh as meshes
from padl.losses.reduce import mean
from padl.tasks.task import Objective
from padl.types import HParams, Key, Metrics, PadlError, Params, PyTree

INIT, ORDER, NOISE = range(3)  # the streams of a run's key


class TrainState(NamedTuple):
    """The carry of training: argument and result in one structure, so that its buffers are reused without a copy."""

    step: jax.Array  # updates done, int32
    key: Key
    params: Params
    model_state: PyTree  # the model's state that no gradient reaches
    opt_state: PyTree
    average: PyTree  # exponential moving average of the parameters, () without


@dataclass(frozen=True)
class Experiment:
    """What can be done with a run: three pure functions, `init`, `step` and `evaluate`, compiled where they are used.

    Equal experiments are equal keys of JAX's caches, and so share their compiled programs.

    Attributes:
        objective: what is minimised.
        optimizer: (scalars) -> an Optax transformation; called inside the program, with traced scalars.
        schedule: (fraction of the training done, scalars) -> share of the peak learning rate.
        batch_size: rows of a step, a multiple of `accumulate`; None for an objective without rows.
        accumulate: into how many parts a batch is cut to save memory; the step is that of the whole batch, but for
            what a model computes across rows (batch normalisation), which sees a part.
        mesh: devices to spread every part over.
    """

    objective: Objective
    optimizer: Callable[..., optax.GradientTransformation]
    schedule: Callable[..., jax.Array]
    batch_size: int | None = None
    accumulate: int = 1
    mesh: jax.sharding.Mesh | None = None

    def init(self, key: Key, hparams: HParams, data: Data) -> TrainState:
        params, model_state = self.objective.init(jax.random.fold_in(key, INIT), hparams, data)
        average = params if "ema" in hparams["run"] else ()
        opt_state = self._transformation(hparams).init(params)
        return TrainState(jnp.zeros((), jnp.int32), key, params, model_state, opt_state, average)

    def step(self, state: TrainState, hparams: HParams, data: Data) -> tuple[TrainState, Metrics]:
        """One update. The metrics are those of the batch before it."""
        batch = self.batch(state, hparams, data)
        value, model_state, stats, gradient = batch.differentiate(state.params, state.model_state)
        clipped = _clipped(gradient, hparams["run"])
        updates, opt_state = self._transformation(hparams).update(
            clipped,
            state.opt_state,
            state.params,
            value=value,
            grad=gradient,
            value_fn=batch.value_at(state.model_state),
        )
        check_updates(updates, state.params)
        params: Any = optax.apply_updates(state.params, updates)
        average = _moved(state.average, params, state.step, hparams["run"])
        metrics = {"loss": value, **self.objective.finish(stats)}
        if "learning_rate" in hparams["optimizer"]:
            metrics["learning_rate"] = self._learning_rate(state.step, hparams)
        return TrainState(state.step + 1, state.key, params, model_state, opt_state, average), metrics

    def evaluate(self, state: TrainState, hparams: HParams, data: Data) -> Metrics:
        """Loss and metrics of the parameters to keep, on the held-out rows."""
        return self.objective.evaluate(readout(state), state.model_state, hparams, data)

    def _transformation(self, hparams: HParams) -> optax.GradientTransformationExtraArgs:
        scalars = dict(hparams["optimizer"])
        if "learning_rate" in scalars:
            scalars["learning_rate"] = lambda count: self._learning_rate(count, hparams)
        return optax.with_extra_args_support(self.optimizer(**scalars))

    def _learning_rate(self, count: jax.Array, hparams: HParams) -> jax.Array:
        share = self.schedule(count / hparams["run"]["steps"], **hparams["schedule"])
        return hparams["optimizer"]["learning_rate"] * share

    def batch(self, state: TrainState, hparams: HParams, data: Data) -> "Batch":
        """The batch of this step: its rows, int32 (accumulate, batch_size / accumulate), and its randomness."""
        key = jax.random.fold_in(jax.random.fold_in(state.key, NOISE), state.step)
        if self.batch_size is None:
            return Batch(self, hparams, data, None, key)
        train = data.split.train
        order = jax.random.fold_in(state.key, ORDER)
        rows = train[batches.draw(order, state.step, train.shape[0], self.batch_size)]
        return Batch(self, hparams, data, rows.reshape(self.accumulate, -1), key)


class Batch(NamedTuple):
    """The loss of a batch and its gradient, whole or in parts: sums are added up, and divided once."""

    experiment: Experiment
    hparams: HParams
    data: Data
    parts: jax.Array | None
    key: Key

    def total(
        self, params: Params, model_state: PyTree, i: Any = 0
    ) -> tuple[jax.Array, tuple[jax.Array, PyTree, Metrics]]:
        """The sum of the loss over part i; its count, the state after it, and its statistics."""
        rows = None if self.parts is None else meshes.spread(self.parts[i], self.experiment.mesh)
        key = self.key if self.experiment.accumulate == 1 else jax.random.fold_in(self.key, i)
        (total, count), (model_state, stats) = self.experiment.objective.loss(
            params, model_state, self.hparams, self.data, rows, key
        )
        return total, (count, model_state, stats)

    def differentiate(self, params: Params, model_state: PyTree) -> tuple[jax.Array, PyTree, Metrics, Params]:
        """Mean loss, the state after it, statistics, and the gradient of the mean loss."""
        if self.experiment.accumulate > 1:
            return self._differentiate_parts(params, model_state)

        def mean_loss(params):
            total, (count, after, stats) = self.total(params, model_state)
            return mean(total, count), (after, stats)

        (value, (after, stats)), gradient = jax.value_and_grad(mean_loss, has_aux=True)(params)
        return value, after, stats, gradient

    def _differentiate_parts(self, params: Params, model_state: PyTree) -> tuple[jax.Array, PyTree, Metrics, Params]:
        of_part = jax.value_and_grad(self.total, has_aux=True)

        def add(carry, i):
            model_state, sums = carry
            (total, (count, model_state, stats)), gradient = of_part(params, model_state, i)
            return (model_state, jax.tree.map(jnp.add, sums, (total, count, stats, gradient))), None

        total, (count, _, stats) = jax.eval_shape(self.total, params, model_state)
        zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), (total, count, stats, params))
        indices = jnp.arange(self.experiment.accumulate)
        (model_state, (total, count, stats, gradient)), _ = jax.lax.scan(add, (model_state, zeros), indices)
        stats = {name: s / self.experiment.accumulate for name, s in stats.items()}
        return mean(total, count), model_state, stats, jax.tree.map(lambda g: mean(g, count.astype(g.dtype)), gradient)

    def value_at(self, model_state: PyTree) -> Callable[[Params], jax.Array]:
        """params -> mean loss over the whole batch, for rules that search along a line."""

        def value(params: Params) -> jax.Array:
            parts = [self.total(params, model_state, i) for i in range(self.experiment.accumulate)]
            totals, counts = (jnp.stack(column).sum() for column in zip(*((t, c) for t, (c, *_) in parts), strict=True))
            return mean(totals, counts)

        return value


def readout(state: TrainState) -> Params:
    """The parameters to judge and to keep: the moving average where there is one."""
    return state.average if state.average != () else state.params


def check_updates(updates: PyTree, params: Params) -> None:
    """Raises PadlError, while tracing, where a rule's updates are not of the form of the parameters."""
    forms = [jax.tree.map(lambda x: f"{x.dtype.name}{list(x.shape)}", tree) for tree in (updates, params)]
    if forms[0] != forms[1]:
        raise PadlError(f"the optimizer returned updates {forms[0]} for parameters {forms[1]}: they must be alike")


def _clipped(gradient: Params, run: dict[str, jax.Array]) -> Params:
    if "clip_norm" not in run:
        return gradient
    return optax.clip_by_global_norm(run["clip_norm"]).update(gradient, optax.EmptyState())[0]


def _moved(average: PyTree, params: Params, step: jax.Array, run: dict[str, jax.Array]) -> PyTree:
    """average += (1 - d)(params - average), d = min(decay, (1 + t) / (10 + t)): the start is soon forgotten."""
    if "ema" not in run:
        return average
    d = jnp.minimum(run["ema"], (1 + step) / (10 + step))
    return jax.tree.map(lambda a, p: a + (1 - d).astype(a.dtype) * (p - a), average, params)
