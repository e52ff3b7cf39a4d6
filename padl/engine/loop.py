"""Runs an experiment: a generator that compiles a chunk of steps into one call, and hands out what they measured.

While the caller writes one chunk's metrics, the device computes the next. The state is donated from chunk to chunk, so
there is one copy of it; where one is asked for, it is copied before.
"""

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from padl.data.source import Batch, Data
from padl.data.streamed import Streamed
from padl.engine.experiment import Experiment, Pretrained, TrainState, averaged_or_trained
from padl.engine.operations import operations_of
from padl.engine.overflow import overflowed
from padl.types import Criterion, HParams, Key, Metrics, Params, PyTree

Control = Literal["go on", "save", "stop"]  # what the caller wants after a call: a snapshot too, or that and no more
Ends = Callable[[int, float], bool]  # (updates done, value of the metric that decides) -> whether the run ends there


def go_on() -> Control:
    """Want nothing but the next steps."""
    return "go on"


class Best(NamedTuple):
    """The parameters with the best evaluation so far.

    Attributes:
        value: of the metric that decides. step: when it was measured. params, model_state: what was evaluated.
    """

    value: jax.Array
    step: jax.Array
    params: Params
    model_state: PyTree


class Snapshot(NamedTuple):
    """All that a run needs to go on.

    Attributes:
        state: after some steps. best: so far.
    """

    state: TrainState
    best: Best


@dataclass
class Chunk:
    """What some steps measured.

    Attributes:
        step: updates done at its end.
        train: metrics of each of its steps, (steps,); {} where there were none left to do.
        evaluation: metrics on the held-out rows at its end, {} where none was due.
        diverged: the step, counted from 1, whose loss is the first that is not finite, or after which the evaluation's
            is not; None where all are.
        snapshot: of the end, where one was due; None elsewhere.
        overflowed: numbers of the parameters for which the optimizer's state is infinite; 0 without an evaluation.
    """

    step: int
    train: dict[str, np.ndarray]
    evaluation: dict[str, float]
    diverged: int | None
    snapshot: Snapshot | None = None
    overflowed: int = 0


@dataclass(kw_only=True)
class LastChunk(Chunk):
    """The last, with what training leaves; where it diverged, `state` is of some steps later and not finite.

    Attributes:
        judged: the parameters of its state to judge and to keep.
        stopped: as its caller wanted, before all steps were done.
        test: metrics on the test rows of the parameters that are kept, {"final": {}, "best": {}}: without those that
            diverged or do not exist; {} without test rows, and where it stopped.
    """

    state: TrainState
    judged: Params
    best: Best
    stopped: bool = False
    test: dict[str, dict[str, float]] = field(default_factory=dict)


class Call(NamedTuple):
    """One compiled call.

    Attributes:
        start: updates done before it. length: steps that it does. evaluates, saves: what follows them.
    """

    start: int
    length: int
    evaluates: bool
    saves: bool

    @property
    def end(self) -> int:
        """Updates done after it."""
        return self.start + self.length

    def asks(self, steps: int) -> bool:
        """Tell whether a run of so many steps could end after it, before its last step."""
        return self.evaluates and self.end < steps


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
    stream: Streamed | None = None,
    pretrained: Pretrained | tuple[()] = (),
    start: Snapshot | None = None,
    save_every: int | None = None,
    control: Callable[[], Control] = go_on,
    ends: Ends | None = None,
) -> Iterator[Chunk]:
    """Train, chunk by chunk.

    Args:
        experiment: what to run, on `hparams` and `data`. key: of the run.
        steps: how many updates, those before `start` among them. steps_per_call: how many are one compiled call.
        eval_every: evaluate after so many steps, and after the last.
        criterion: the metric of the evaluation that says which parameters are kept as the best, and which way.
        stream: where batches come from that the host reads; None where the training rows are in `data`.
        pretrained: arrays to begin with in the place of fresh ones.
        start: go on from there, to the same bits as a run that never stopped; None begins. Its arrays are copied.
        save_every: hand out a snapshot after so many steps, and after the last; None never does.
        control: asked while each call is computed what is wanted after it; a run that is stopped hands out a snapshot.
        ends: asked after each evaluation but the last whether the run ends there; None always goes on, and so the
            device need not wait for an answer.

    Yields:
        A Chunk for each call, a LastChunk for the last. After one that diverged no other follows.
    """
    begun = _start(experiment, criterion)(key, hparams, pretrained) if start is None else start
    state, best = jax.tree.map(jnp.copy, begun) if start or pretrained else begun  # not the caller's memory
    calls = partial(plan, steps, steps_per_call, eval_every, save_every, int(state.step) if start else 0)
    batches = stream.read_ahead((call.start, call.length) for call in calls()) if stream else None
    waiting: tuple[int, Metrics, Metrics, jax.Array | int, Snapshot | None] | None = None
    stopped = False
    for call in calls():
        if waiting is not None and (wanted := control()) != "go on":
            waiting = (*waiting[:4], jax.tree.map(jnp.copy, Snapshot(state, best)))
            if stopped := wanted == "stop":
                break
        batch = None if batches is None else next(batches)
        state, train = _steps(experiment, call.length)(state, hparams, data, batch)
        evaluation, infinite = {}, 0
        if call.evaluates:
            judged = judged_of(experiment, state, hparams)
            evaluation = evaluator(experiment)(judged, state.model_state, hparams, data)
            best, infinite = _judge(criterion)(best, judged, state, evaluation)
        jax.tree.map(lambda x: x.copy_to_host_async(), (train, evaluation))
        snapshot = jax.tree.map(jnp.copy, Snapshot(state, best)) if call.saves else None
        if waiting is not None:
            before = _fetch(*waiting)
            if before.diverged is not None:
                break
            yield before
        waiting = (call.end, train, evaluation, infinite, snapshot)
        if ends and call.asks(steps) and ends(call.end, float(evaluation[criterion.metric])):
            break
    # Of the plan, or before it the one that diverged; nothing where every step was done before `start`.
    last = _fetch(*waiting) if waiting else Chunk(int(state.step), {}, {}, None)
    stopped = stopped and last.diverged is None
    judged = judged_of(experiment, state, hparams)
    test = {} if stopped else _tested(experiment, last.diverged, judged, Snapshot(state, best), hparams, data)
    yield LastChunk(**vars(last), state=state, judged=judged, best=best, stopped=stopped, test=test)


def last(chunks: Iterable[Chunk]) -> LastChunk:
    """Run to the end, and return the last chunk."""
    (end,) = deque(chunks, maxlen=1)
    assert isinstance(end, LastChunk), "a loop ends with its last chunk"
    return end


def trace(
    experiment: Experiment,
    key: Key,
    hparams: HParams,
    data: Data,
    length: int,
    criterion: Criterion,
    batch: Batch | None,
) -> tuple[frozenset[str], int]:
    """Raise what tracing a call of `length` steps raises; `run` reuses the trace.

    Args:
        batch: shapes of the batches of these steps, where the host reads them.

    Returns:
        The names of its operations, and the elements of the largest parameter.
    """
    state, _ = shapes(experiment, criterion, key, hparams)
    traced = _steps(experiment, length).trace(state, hparams, data, batch)
    return operations_of(traced.jaxpr), max((p.size for p in jax.tree.leaves(state.params)), default=0)


def shapes(experiment: Experiment, criterion: Criterion, key: Key, hparams: HParams) -> Snapshot:
    """Return the shapes and types of a snapshot, as `jax.eval_shape` does."""
    return _start(experiment, criterion).eval_shape(key, hparams)


def plan(
    steps: int, steps_per_call: int, eval_every: int, save_every: int | None = None, start: int = 0
) -> Iterator[Call]:
    """Plan the calls of a run: at most `steps_per_call` steps each, ending where evaluations or snapshots are due."""
    done = start
    while done < steps:
        evaluation = min(steps, _next_multiple(done, eval_every))
        save = min(steps, _next_multiple(done, save_every)) if save_every else steps
        length = min(steps_per_call, evaluation - done, save - done)
        done += length
        yield Call(done - length, length, done == evaluation, bool(save_every) and done == save)


def _next_multiple(done: int, of: int) -> int:
    return (done // of + 1) * of


def _fetch(
    step: int, train: Metrics, evaluation: Metrics, infinite: jax.Array | int, snapshot: Snapshot | None
) -> Chunk:
    host = {name: np.asarray(values) for name, values in train.items()}
    return chunk(step, host, {name: float(value) for name, value in evaluation.items()}, int(infinite), snapshot)


def chunk(
    step: int,
    train: dict[str, np.ndarray],
    evaluation: dict[str, float],
    infinite: int,
    snapshot: Snapshot | None = None,
) -> Chunk:
    """Collect what the steps up to `step` measured, and whether they diverged."""
    bad = np.flatnonzero(~np.isfinite(train["loss"]))
    diverged = int(step - len(train["loss"]) + bad[0] + 1) if len(bad) else None
    if diverged is None and not math.isfinite(evaluation.get("loss", 0.0)):
        diverged = step  # the last update did it: its own loss was measured before
    if diverged is not None:
        return Chunk(step, train, evaluation, diverged)
    return Chunk(step, train, evaluation, None, snapshot, infinite)


def _tested(
    experiment: Experiment, diverged: int | None, judged: Params, end: Snapshot, hparams: HParams, data: Data
) -> dict[str, dict[str, float]]:
    if not data.has_test:
        return {}
    testing = data.testing()
    measured = {name: evaluator(experiment)(*what, hparams, testing) for name, what in kept(judged, end).items()}
    return chosen(jax.tree.map(float, measured), diverged, int(end.best.step))


def kept(judged: Params, end: Snapshot) -> dict[str, tuple[Params, PyTree]]:
    """Return (parameters, model state) to evaluate: the final ones, as `judged`, and the best."""
    best = end.best
    return {"final": (judged, end.state.model_state), "best": (best.params, best.model_state)}


def chosen(test: dict[str, dict[str, float]], diverged: int | None, best_step: int) -> dict[str, dict[str, float]]:
    """Leave out of an evaluation on the test rows final parameters that diverged, and best ones that do not exist."""
    exists = {"final": diverged is None, "best": best_step > 0}
    return {name: test[name] for name in ("final", "best") if name in test and exists[name]}


def begin(
    experiment: Experiment,
    criterion: Criterion,
    key: Key,
    hparams: HParams,
    pretrained: Pretrained | tuple[()] = (),
) -> Snapshot:
    """Make the first state, and a best that any evaluation beats."""
    state = experiment.init(key, hparams, pretrained)
    worst = -jnp.inf if criterion.direction == "max" else jnp.inf
    first = experiment.readout(state, hparams)
    return Snapshot(state, Best(jnp.float32(worst), jnp.zeros((), jnp.int32), first, state.model_state))


def better(criterion: Criterion, best: Best, judged: Params, state: TrainState, metrics: Metrics) -> Best:
    """Choose between the best so far and these parameters of a state with these metrics, where they are finite."""
    value = metrics[criterion.metric]
    wins = value > best.value if criterion.direction == "max" else value < best.value
    wins &= jnp.isfinite(value) & jnp.isfinite(metrics["loss"])
    now = Best(value, state.step, judged, state.model_state)
    return jax.tree.map(lambda new, old: jnp.where(wins, new, old), now, best)


@lru_cache(maxsize=64)
def _start(experiment: Experiment, criterion: Criterion):
    return jax.jit(partial(begin, experiment, criterion))


@lru_cache(maxsize=64)
def _steps(experiment: Experiment, length: int):
    @partial(jax.jit, donate_argnums=0)
    def steps(
        state: TrainState, hparams: HParams, data: Data, batches: Batch | None = None
    ) -> tuple[TrainState, Metrics]:
        step = lambda state, batch: experiment.step(state, hparams, data, batch)  # noqa: E731
        return jax.lax.scan(step, state, batches, length=length)

    return steps


def judged_of(experiment: Experiment, state: TrainState, hparams: HParams) -> Params:
    """Return `experiment.readout` of a state, without a copy where these parameters are in it."""
    changed = not jax.tree.leaves(state.average) and experiment.has_readout(hparams)
    return _readout(experiment)(state, hparams) if changed else averaged_or_trained(state)


@lru_cache(maxsize=64)
def _readout(experiment: Experiment):
    return jax.jit(experiment.readout)


@lru_cache(maxsize=64)
def evaluator(experiment: Experiment):
    """Compile `experiment.evaluate` by itself, so that an evaluation repeated later gives the same bits."""
    return jax.jit(experiment.evaluate)


@lru_cache(maxsize=64)
def _judge(criterion: Criterion):
    """Compile what follows an evaluation: the best so far, and how much of the optimizer's state overflowed."""

    def judge(best: Best, judged: Params, state: TrainState, metrics: Metrics) -> tuple[Best, jax.Array]:
        return better(criterion, best, judged, state, metrics), overflowed(state.opt_state, state.params)

    return jax.jit(judge, donate_argnums=0)
