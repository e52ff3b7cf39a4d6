"""An experiment: three pure functions whose hyperparameters, data and seed are arguments, never constants.

    hparams = {"optimizer": {...}, "schedule": {...}, "model": {...}, "loss": {...}, "task": {...}, "run": {...}}

Its leaves are scalars. Which are present chooses the program ("clip_norm" and "ema" of "run" may be absent, "steps" is
not); their values do not: another learning rate, seed or number of steps compiles nothing.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from padl.engine import mesh as meshes
from padl.losses.reduce import mean
from padl.tasks import batches
from padl.tasks.task import Data, Objective
from padl.types import HParams, Key, Metrics, Params, PyTree

INIT, ORDER, NOISE = range(3)  # the streams of a run's key


class TrainState(NamedTuple):
    """The carry of training: argument and result in one structure, so that its buffers are reused without a copy."""

    step: jax.Array  # updates done, int32
    key: Key
    params: Params
    rest: PyTree  # the model's state that no gradient reaches
    opt_state: PyTree
    average: PyTree  # exponential moving average of the parameters, () without


class Experiment(NamedTuple):
    """What can be done with a run; all three are pure, and compiled where they are used."""

    init: Callable[[Key, HParams, Data], TrainState]
    step: Callable[[TrainState, HParams, Data], tuple[TrainState, Metrics]]
    evaluate: Callable[[TrainState, HParams, Data], Metrics]


@lru_cache(maxsize=64)
def build(
    objective: Objective,
    optimizer: Callable[..., optax.GradientTransformation],
    schedule: Callable[..., jax.Array],
    batch_size: int | None = None,
    accumulate: int = 1,
    mesh: jax.sharding.Mesh | None = None,
) -> Experiment:
    """Put an experiment together. Equal arguments give the same experiment, and so the same compiled programs.

    Args:
        objective: what is minimised.
        optimizer: (scalars) -> an Optax transformation; it is called inside the program, with traced scalars.
        schedule: (fraction of the training done, scalars) -> share of the peak learning rate.
        batch_size: rows of a step, a multiple of `accumulate`; None for an objective without rows.
        accumulate: into how many parts a batch is cut to save memory; the step is that of the whole batch.
        mesh: devices to spread every part over.
    """

    def transformation(hparams: HParams) -> optax.GradientTransformationExtraArgs:
        scalars = dict(hparams["optimizer"])
        if "learning_rate" in scalars:
            peak = scalars["learning_rate"]
            scalars["learning_rate"] = lambda count: peak * share(count, hparams)
        return optax.with_extra_args_support(optimizer(**scalars))

    def share(count: jax.Array, hparams: HParams) -> jax.Array:
        return schedule(count / hparams["run"]["steps"], **hparams["schedule"])

    def init(key: Key, hparams: HParams, data: Data) -> TrainState:
        params, rest = objective.init(jax.random.fold_in(key, INIT), hparams, data)
        average = params if "ema" in hparams["run"] else ()
        return TrainState(jnp.zeros((), jnp.int32), key, params, rest, transformation(hparams).init(params), average)

    def parts_of_batch(state: TrainState, data: Data) -> jax.Array | None:
        """The rows of this step, int32 (accumulate, batch_size / accumulate)."""
        if batch_size is None:
            return None
        train = data.split.train
        drawn = batches.draw(jax.random.fold_in(state.key, ORDER), state.step, train.shape[0], batch_size)
        return train[drawn].reshape(accumulate, -1)

    def step(state: TrainState, hparams: HParams, data: Data) -> tuple[TrainState, Metrics]:
        noise = jax.random.fold_in(jax.random.fold_in(state.key, NOISE), state.step)
        parts = parts_of_batch(state, data)

        def mean_loss(params: Params, rest: PyTree) -> tuple[jax.Array, tuple[PyTree, Metrics]]:
            rows = None if parts is None else meshes.spread(parts[0], mesh)
            sum_and_count, aux = objective.loss(params, rest, hparams, data, rows, noise)
            return mean(*sum_and_count), aux

        if accumulate == 1:
            (value, (rest, stats)), grads = jax.value_and_grad(mean_loss, has_aux=True)(state.params, state.rest)
        else:
            value, rest, stats, grads = accumulated(state, hparams, data, parts, noise)
        raw = grads
        if "clip_norm" in hparams["run"]:
            grads, _ = optax.clip_by_global_norm(hparams["run"]["clip_norm"]).update(grads, optax.EmptyState())
        updates, opt_state = transformation(hparams).update(
            grads, state.opt_state, state.params, value=value, grad=raw, value_fn=lambda p: mean_loss(p, state.rest)[0]
        )
        params: Any = optax.apply_updates(state.params, updates)
        average = state.average
        if "ema" in hparams["run"]:
            average = _moved(average, params, state.step, hparams["run"]["ema"])
        metrics = {"loss": value, **objective.finish(stats)}
        if "learning_rate" in hparams["optimizer"]:
            metrics["learning_rate"] = hparams["optimizer"]["learning_rate"] * share(state.step, hparams)
        return TrainState(state.step + 1, state.key, params, rest, opt_state, average), metrics

    def accumulated(state: TrainState, hparams: HParams, data: Data, parts: jax.Array | None, noise: Key):
        """Mean loss and its gradient over all parts, as if they were one: sums are added, and divided once."""

        def total(params, rest, rows, key):
            (total, count), (rest, stats) = objective.loss(params, rest, hparams, data, rows, key)
            return total, (count, rest, stats)

        def add(carry, part):
            rest, grads, sums = carry
            rows, i = part
            of_part = jax.value_and_grad(total, has_aux=True)
            key = jax.random.fold_in(noise, i)
            (value, (count, rest, stats)), new = of_part(state.params, rest, meshes.spread(rows, mesh), key)
            return (rest, jax.tree.map(jnp.add, grads, new), jax.tree.map(jnp.add, sums, (value, count, stats))), None

        assert parts is not None  # cli refuses accumulation for objectives without rows
        example = jax.eval_shape(total, state.params, state.rest, parts[0], noise)
        like = (example[0], example[1][0], example[1][2])
        zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), (state.params, like))
        (rest, grads, (value, count, stats)), _ = jax.lax.scan(
            add, (state.rest, *zeros), (parts, jnp.arange(accumulate))
        )
        stats = {name: s / accumulate for name, s in stats.items()}
        return mean(value, count), rest, stats, jax.tree.map(lambda g: mean(g, count.astype(g.dtype)), grads)

    def evaluate(state: TrainState, hparams: HParams, data: Data) -> Metrics:
        return objective.evaluate(readout(state), state.rest, hparams, data)

    return Experiment(init, step, evaluate)


def readout(state: TrainState) -> Params:
    """The parameters to judge and to keep: the moving average where there is one."""
    return state.average if state.average != () else state.params


def _moved(average: Params, params: Params, step: jax.Array, decay: jax.Array) -> Params:
    """average += (1 - d)(params - average), d = min(decay, (1 + t) / (10 + t)): the start is soon forgotten."""
    d = jnp.minimum(decay, (1 + step) / (10 + step))
    return jax.tree.map(lambda a, p: a + (1 - d).astype(a.dtype) * (p - a), average, params)
