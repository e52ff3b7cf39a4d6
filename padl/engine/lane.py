"""A run as one program: begin, some steps, an evaluation, each where the call asks for it.

`loop.py` compiles these apart, since a single run wants to know where its time goes; the members of a sweep share one
program for all of it. What a call asks for is data, so that no other number of steps compiles anything.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from padl.data.source import Data
from padl.engine import loop
from padl.engine.experiment import Experiment, Pretrained, TrainState
from padl.engine.overflow import overflowed
from padl.types import Criterion, HParams, Key, Metrics, PyTree


class Request(NamedTuple):
    """What a call is asked to do.

    Attributes:
        first: begin before. length: steps to do, at most `steps_per_call`. evaluates: evaluate after them.
        tests: evaluate what is kept on the test rows, if there are any.
    """

    first: Any
    length: Any
    evaluates: Any
    tests: Any


class Carry(NamedTuple):
    """What a run keeps from call to call.

    Attributes:
        state: without its key, which never changes. best: as in `loop`.
        ended: the step, counted from 1, at which it diverged: whose loss is the first that is not finite, or after
            which the evaluation's is not; or after which the caller ended it, who writes that here; 0 while it goes on.
    """

    state: TrainState
    best: loop.Best
    ended: jax.Array


class Measured(NamedTuple):
    """What a call measured.

    Attributes:
        train: metrics of each of its steps, (steps_per_call,), 0 beyond its length.
        evaluation: NaN where none was asked for.
        overflowed: as in `loop.Chunk`, 0 where no evaluation was asked for.
        test: {"final": metrics, "best": metrics} on the test rows, likewise NaN; {} without such rows.
    """

    train: Metrics
    evaluation: Metrics
    overflowed: jax.Array
    test: dict[str, Metrics]


def begin(
    experiment: Experiment,
    criterion: Criterion,
    key: Key,
    hparams: HParams,
    pretrained: Pretrained | tuple[()] = (),
) -> Carry:
    """Make the carry before the first step."""
    state, best = loop.begin(experiment, criterion, key, hparams, pretrained)
    return Carry(state._replace(key=()), best, jnp.zeros((), jnp.int32))


def advance(
    experiment: Experiment,
    criterion: Criterion,
    steps_per_call: int,
    shared: PyTree,
    carry: Carry,
    request: Request,
    key: Key,
    hparams: HParams,
    data: Data,
    pretrained: Pretrained | tuple[()],
) -> tuple[Carry, Measured]:
    """Do one call of a run. One that ended stays what it was, its best and its state; from the step on at which it
    diverges, what it was before that step. The count of steps alone goes on, and what the rule's state shares.

    Args:
        shared: of each array of the rule's state, whether it is one for all runs that are batched with this one.
    """
    fresh = partial(begin, experiment, criterion, key, hparams, pretrained)
    carry = jax.lax.cond(request.first, lambda _: fresh(), lambda c: c, carry)

    def step(i: jax.Array, both: tuple[Carry, Metrics]) -> tuple[Carry, Metrics]:
        carry, train = both
        state = carry.state._replace(key=key)
        new, metrics = experiment.step(state, hparams, data)
        healthy = (carry.ended == 0) & jnp.isfinite(metrics["loss"])
        ended = jnp.where((carry.ended == 0) & ~healthy, new.step, carry.ended)
        kept = _kept(healthy, new._replace(key=()), carry.state, shared)
        return Carry(kept, carry.best, ended), {name: train[name].at[i].set(v) for name, v in metrics.items()}

    def evaluate(carry: Carry) -> tuple[Carry, Metrics, jax.Array]:
        judged = experiment.readout(carry.state, hparams)
        metrics = experiment.evaluate(judged, carry.state.model_state, hparams, data)
        healthy = carry.ended == 0
        bad = healthy & ~jnp.isfinite(metrics["loss"])
        better = loop.better(criterion, carry.best, judged, carry.state, metrics)
        best = jax.tree.map(lambda new, old: jnp.where(healthy, new, old), better, carry.best)
        ended = jnp.where(bad, carry.state.step, carry.ended)
        return (
            carry._replace(best=best, ended=ended),
            metrics,
            overflowed(carry.state.opt_state, carry.state.params),
        )

    def test(carry: Carry) -> dict[str, Metrics]:
        end = loop.Snapshot(carry.state, carry.best)
        kept = loop.kept(experiment.readout(carry.state, hparams), end)
        return {name: experiment.evaluate(*what, hparams, data.testing()) for name, what in kept.items()}

    shapes = jax.eval_shape(lambda s: experiment.step(s._replace(key=key), hparams, data)[1], carry.state)
    blank = {name: jnp.zeros((steps_per_call, *x.shape), x.dtype) for name, x in shapes.items()}
    carry, train = jax.lax.fori_loop(0, request.length, step, (carry, blank))
    nothing = _nan_like(jax.eval_shape(evaluate, carry)[1])
    no_count = jnp.zeros((), jnp.int32)
    carry, evaluation, count = jax.lax.cond(request.evaluates, evaluate, lambda c: (c, nothing, no_count), carry)
    if not data.has_test:
        return carry, Measured(train, evaluation, count, {})
    untested = _nan_like(jax.eval_shape(test, carry))
    return carry, Measured(train, evaluation, count, jax.lax.cond(request.tests, test, lambda c: untested, carry))


def _nan_like(shapes: PyTree) -> PyTree:
    return jax.tree.map(lambda x: jnp.full(x.shape, jnp.nan, x.dtype), shapes)


def _kept(healthy: jax.Array, new: TrainState, old: TrainState, shared: PyTree) -> TrainState:
    """`new` where healthy; the count of steps, and what other runs share, go on whatever becomes of this one."""
    choose = lambda a, b: jnp.where(healthy, a, b)  # noqa: E731
    kept = jax.tree.map(choose, new, old)
    pick = lambda common, a, b: a if common else choose(a, b)  # noqa: E731
    return kept._replace(step=new.step, opt_state=jax.tree.map(pick, shared, new.opt_state, old.opt_state))
