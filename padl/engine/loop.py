"""Runs an experiment: a generator that compiles a chunk of steps into one call, and hands out what they measured.

While the caller writes one chunk's metrics, the device computes the next. The state is donated from chunk to chunk, so
there is one copy of it.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from padl.data.source import Data
from padl.engine.experiment import Experiment, TrainState, readout
from padl.types import Criterion, HParams, Key, Metrics, Params, PyTree


class Best(NamedTuple):
    """The parameters with the best evaluation so far. value: its deciding metric; step: when."""

    value: jax.Array
    step: jax.Array
    params: Params
    model_state: PyTree


@dataclass
class Chunk:
    """What some steps measured.

    Attributes:
        step: updates done at its end.
        train: metrics of each of its steps, (steps,).
        evaluation: metrics on the held-out rows at its end, {} where none was due.
        diverged: the step, counted from 1, whose loss is the first that is not finite, or after which the evaluation's
            is not; None where all are.
    """

    step: int
    train: dict[str, np.ndarray]
    evaluation: dict[str, float]
    diverged: int | None


@dataclass
class LastChunk(Chunk):
    """The last, with what training leaves; where it diverged, `state` is of some steps later and not finite."""

    state: TrainState
    best: Best


def run(
    experiment: Experiment,
    key: Key,
    hparams: HParams,
    data: Data,
    *,
    steps: int,
    steps_per_call: int,
    eval_every: int,
    criterion: Criterion,
) -> Iterator[Chunk]:
    """Train, chunk by chunk.

    Args:
        experiment: what to run, on `hparams` and `data`. key: of the run.
        steps: how many updates. every: how many of them are one compiled call.
        eval_every: evaluate after so many steps, and after the last.
        criterion: the metric of the evaluation that says which parameters are kept as the best, and which way.

    Yields:
        A Chunk for each call, a LastChunk for the last. After one that diverged no other follows.
    """
    state, best = _start(experiment, criterion)(key, hparams, data)
    waiting: tuple[int, Metrics, Metrics] | None = None
    done = 0
    for length, evaluates in plan(steps, steps_per_call, eval_every):
        state, train = _steps(experiment, length)(state, hparams, data)
        evaluation: Metrics = {}
        if evaluates:
            evaluation = evaluator(experiment)(state, hparams, data)
            best = _better(criterion)(best, state, evaluation)
        jax.tree.map(lambda x: x.copy_to_host_async(), (train, evaluation))
        if waiting is not None:
            before = _fetch(*waiting)
            if before.diverged is not None:
                break
            yield before
        done += length
        waiting = (done, train, evaluation)
    assert waiting is not None  # steps >= 1
    last = _fetch(*waiting)  # of the plan, or before it the one that diverged
    yield LastChunk(**vars(last), state=state, best=best)


def trace(
    experiment: Experiment,
    key: Key,
    hparams: HParams,
    data: Data,
    length: int,
    criterion: Criterion,
) -> None:
    """Raise what tracing a call of `length` steps raises; `run` reuses the trace."""
    state, _ = _start(experiment, criterion).eval_shape(key, hparams, data)
    _steps(experiment, length).eval_shape(state, hparams, data)


def plan(steps: int, steps_per_call: int, eval_every: int) -> Iterator[tuple[int, bool]]:
    """(length, whether an evaluation follows) of each call: at most `every` steps, ending where evaluations are due."""
    done = 0
    while done < steps:
        due = min(steps, (done // eval_every + 1) * eval_every)
        length = min(steps_per_call, due - done)
        done += length
        yield length, done == due


def _fetch(step: int, train: Metrics, evaluation: Metrics) -> Chunk:
    host = {name: np.asarray(values) for name, values in train.items()}
    return chunk(step, host, {name: float(value) for name, value in evaluation.items()})


def chunk(step: int, train: dict[str, np.ndarray], evaluation: dict[str, float]) -> Chunk:
    """What the steps up to `step` measured, and whether they diverged."""
    bad = np.flatnonzero(~np.isfinite(train["loss"]))
    diverged = int(step - len(train["loss"]) + bad[0] + 1) if len(bad) else None
    if diverged is None and not math.isfinite(evaluation.get("loss", 0.0)):
        diverged = step  # the last update did it: its own loss was measured before
    return Chunk(step, train, evaluation, diverged)


def begin(
    experiment: Experiment, criterion: Criterion, key: Key, hparams: HParams, data: Data
) -> tuple[TrainState, Best]:
    """The first state, and a best that any evaluation beats."""
    worst = -jnp.inf if criterion.direction == "max" else jnp.inf
    state = experiment.init(key, hparams, data)
    return state, Best(jnp.float32(worst), jnp.zeros((), jnp.int32), readout(state), state.model_state)


def better(criterion: Criterion, best: Best, state: TrainState, metrics: Metrics) -> Best:
    """The better of the best so far and this state with these metrics, where they are finite."""
    name, direction = criterion
    value = metrics[name]
    wins = value > best.value if direction == "max" else value < best.value
    wins &= jnp.isfinite(value) & jnp.isfinite(metrics["loss"])
    now = Best(value, state.step, readout(state), state.model_state)
    return jax.tree.map(lambda new, old: jnp.where(wins, new, old), now, best)


@lru_cache(maxsize=64)
def _start(experiment: Experiment, criterion: Criterion):
    return jax.jit(partial(begin, experiment, criterion))


@lru_cache(maxsize=64)
def _steps(experiment: Experiment, length: int):
    @partial(jax.jit, donate_argnums=0)
    def steps(state: TrainState, hparams: HParams, data: Data) -> tuple[TrainState, Metrics]:
        return jax.lax.scan(lambda s, _: experiment.step(s, hparams, data), state, length=length)

    return steps


@lru_cache(maxsize=64)
def evaluator(experiment: Experiment):
    """`experiment.evaluate`, compiled by itself, so that an evaluation repeated later gives the same bits."""
    return jax.jit(experiment.evaluate)


@lru_cache(maxsize=64)
def _better(criterion: Criterion):
    return jax.jit(partial(better, criterion), donate_argnums=0)
