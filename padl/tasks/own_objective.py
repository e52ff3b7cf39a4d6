"""Make a task of plain functions: what is learned, and what is minimised. objective, FunctionObjective.

For what is no prediction of targets: an equation to be solved, a game of two networks, a policy to be found.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from padl.data.source import Batch, Data, Split
from padl.data.split import Holdout, split_rows
from padl.tasks.task import Task
from padl.types import LOSS, HParams, Key, Metric, Metrics, PadlError, Params, PyTree

EVALUATION = 0  # the seed of what an evaluation draws: always the same, so that it repeats


@dataclass(frozen=True)
class FunctionObjective:
    """Minimise a function. An `Objective`.

    Attributes:
        make: key -> parameters. cost: (parameters, batch, key) -> a number, or (a number, {name: number}).
        measure: (parameters, held-out rows, key) -> {name: number}, beside what `cost` gives of these rows.
    """

    make: Callable[[Key], Params]
    cost: Callable[..., Any]
    measure: Callable[..., Mapping[str, Any]] | None = None

    def init(self, key: Key, hparams: HParams) -> tuple[Params, PyTree]:
        return self.make(key), {}

    def loss(
        self, params: Params, model_state: PyTree, hparams: HParams, batch: Batch, stats: PyTree, key: Key
    ) -> tuple[tuple[jax.Array, jax.Array], tuple[PyTree, Metrics]]:
        value, metrics = self._cost(params, batch, key)
        count = jnp.asarray(len(next(iter(batch.values()))) if batch else 1, jnp.float32)
        return (value * count, count), (model_state, metrics)  # a batch cut into parts is their weighted mean

    def evaluate(self, params: Params, model_state: PyTree, hparams: HParams, data: Data) -> Metrics:
        rows = {name: column[data.held_out.numbers] for name, column in data.rows.items()}
        key = jax.random.key(EVALUATION)
        value, metrics = self._cost(params, rows, key)
        measured = {} if self.measure is None else self.measure(params, rows, key)
        return {"loss": value, **metrics, **{name: jnp.asarray(x, jnp.float32) for name, x in measured.items()}}

    def finish(self, statistics: Metrics) -> Metrics:
        return statistics

    def _cost(self, params: Params, batch: Batch, key: Key) -> tuple[jax.Array, Metrics]:
        given = self.cost(params, batch, key)
        value, metrics = given if isinstance(given, tuple) else (given, {})
        value = jnp.asarray(value, jnp.float32)
        if value.shape:
            raise PadlError(f"the loss of a task is one number, and this one is an array {value.shape}: take its mean")
        return value, {name: jnp.asarray(x, jnp.float32) for name, x in metrics.items()}


def objective(
    init: Callable[[Key], Params],
    loss: Callable[..., Any],
    *,
    evaluate: Callable[..., Mapping[str, Any]] | None = None,
    rows: Mapping[str, Any] | None = None,
    metrics: Sequence[Metric | str] = (),
    held_out: float = 0.2,
    test: float = 0.0,
    title: str = "objective",
) -> Task:
    """Make a task of a function to be minimised, without a loss or a model by name.

    >>> task = padl.tasks.objective(
    ...     init=lambda key: {"x": jax.random.normal(key, (3,))},
    ...     loss=lambda params, batch, key: (params["x"] ** 2).sum(),
    ... )
    >>> record = padl.train(task=task, optimizer={"name": "adam", "learning_rate": 0.1}, steps=500)

    Args:
        init: key -> parameters, nested dicts of arrays.
        loss: (parameters, batch, key) -> a number, or (a number, {name: number}) with what else is recorded. The batch
            is a dict of arrays (rows, ...), {} without rows; the key is of the step, in an evaluation always the same.
        evaluate: (parameters, held-out rows, key) -> {name: number}: what is measured in an evaluation alone.
        rows: {name: array (n, ...)}, of which batches are drawn; None for a task without data.
        metrics: what of that the run shows, and the first says which parameters are the best; a name for what is better
            the smaller, padl.types.Metric(name, "max") for what is better the larger. None given: the loss.
        held_out: share of the rows that choose the best parameters, in (0, 1). title: what the run is called.
        test: share that the trained parameters are evaluated on once, in [0, 1).

    Raises:
        PadlError: rows that are no arrays of one length, or too few to be split.
    """
    arrays = {name: np.asarray(column) for name, column in (rows or {}).items()}
    lengths = {len(array) if array.ndim else -1 for array in arrays.values()}
    if len(lengths) > 1 or -1 in lengths:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise PadlError(f"{title}: rows must be arrays of one length, and they are {shapes}")
    n = lengths.pop() if lengths else 0

    def split(seed: int, scalars: Mapping[str, float]) -> Split:
        if n:
            return split_rows(n, Holdout(held_out, test), seed)._replace(stats={})
        nothing = np.zeros(0, np.int32)
        return Split(nothing, nothing, {})

    declared = tuple(Metric(metric) if isinstance(metric, str) else metric for metric in metrics) or (LOSS,)
    minimised = FunctionObjective(init, loss, evaluate)
    about = {"kind": "objective", "title": title, **({"rows": n} if n else {})}
    return Task(lambda config: minimised, arrays, split, (), declared, about)
