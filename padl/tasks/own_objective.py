"""Make a task of plain functions: what is learned, and what is minimised. objective, FunctionObjective.

For what is no prediction of targets: an equation to be solved, a game of two networks, a policy to be found.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from padl.data.checks import is_beyond_32_bits
from padl.data.source import Batch, Data, Split
from padl.data.split import Holdout, split_rows
from padl.registry import check, signature
from padl.tasks.own_data import as_array, check_title
from padl.tasks.task import Task
from padl.types import LOSS, HParams, Key, Metric, Metrics, PadlError, Params, PyTree

EVALUATION = 0  # the seed of what an evaluation draws: always the same, so that it repeats


@dataclass(frozen=True)
class FunctionObjective:
    """Minimise a function. An `Objective`.

    Attributes:
        make: key -> parameters. cost: (parameters, batch, key) -> a number, or (a number, {name: number}).
        measure: (parameters, held-out rows, key) -> {name: number}, beside what `cost` gives of these rows.
        declared: names of what an evaluation has to measure.
    """

    make: Callable[[Key], Params]
    cost: Callable[..., Any]
    measure: Callable[..., Mapping[str, Any]] | None = None
    declared: tuple[str, ...] = ()

    def init(self, key: Key, hparams: HParams) -> tuple[Params, PyTree]:
        params = self.make(key)
        for leaf in jax.tree.leaves(params) or [params]:
            if not isinstance(leaf, (float, np.ndarray, np.generic, jax.Array)) or not _is_float(leaf):
                raise PadlError(
                    f"init of a task must make arrays of floating point to be learned, and made {_told(leaf)}"
                )
        return jax.tree.map(jnp.asarray, params), {}

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
        measured = {} if self.measure is None else _metrics(self.measure(params, rows, key), "evaluate")
        found = {"loss": value, **metrics, **measured}
        for name in self.declared:
            if name not in found:
                raise PadlError(f"metric '{name}' of a task is not measured (measured are: {', '.join(found)})")
        return found

    def finish(self, statistics: Metrics) -> Metrics:
        return statistics

    def _cost(self, params: Params, batch: Batch, key: Key) -> tuple[jax.Array, Metrics]:
        given = self.cost(params, batch, key)
        value, metrics = given if isinstance(given, tuple) and len(given) == 2 else (given, {})
        if not isinstance(value, (float, np.ndarray, np.generic, jax.Array)) or not _is_float(value):
            raise PadlError(f"the loss of a task is a number of floating point, and this one is {_told(value)}")
        if jnp.shape(value):
            raise PadlError(f"the loss of a task is one number, and this one is {_told(value)}: take its mean")
        return jnp.asarray(value, jnp.float32), _metrics(metrics, "loss")


def _is_float(value: Any) -> bool:
    return jnp.issubdtype(getattr(value, "dtype", float), jnp.floating)


def _told(value: Any) -> str:
    """A thing, as an error tells of it."""
    is_array = isinstance(value, (np.ndarray, np.generic, jax.Array))
    return f"an array {value.shape} of {value.dtype}" if is_array else f"of type {type(value).__name__}"


def _metrics(measured: Any, whose: str) -> Metrics:
    """What one of the functions measures beside the loss; raises PadlError for what is no number under a name."""
    if not isinstance(measured, Mapping):
        raise PadlError(f"what {whose} of a task measures must be {{name: number}}, and is {_told(measured)}")
    for name, value in measured.items():
        if not isinstance(name, str) or name == "loss" or jnp.shape(value) != ():
            raise PadlError(
                f"{whose} of a task measures {name!r}, {_told(value)}: a metric is one number, under a name of its own"
            )
    return {name: jnp.asarray(value, jnp.float32) for name, value in measured.items()}


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
    given = {"held_out": held_out, "test": test}
    hyperparameters = {name: each for name, each in signature(objective).items() if name in given}
    check(given, hyperparameters, where="", owner="padl.tasks.objective")
    check_title(title)
    _check_takes("init", init, ("key",))
    _check_takes("loss", loss, ("parameters", "batch", "key"))
    if evaluate is not None:
        _check_takes("evaluate", evaluate, ("parameters", "rows", "key"))
    arrays = _arrays({} if rows is None else rows, title)
    n = len(next(iter(arrays.values()))) if arrays else 0

    def split(seed: int, scalars: Mapping[str, float]) -> Split:
        if n:
            return split_rows(n, Holdout(held_out, test), seed)._replace(stats={})
        nothing = np.zeros(0, np.int32)
        return Split(nothing, nothing, {})

    declared = tuple(map(_metric, [metrics] if isinstance(metrics, (str, Metric)) else metrics)) or (LOSS,)
    minimised = FunctionObjective(init, loss, evaluate, tuple(metric.name for metric in declared))
    about = {"kind": "objective", "title": title, **({"rows": n} if n else {})}
    return Task(lambda config: minimised, arrays, split, (), declared, about)


def _metric(metric: Any) -> Metric:
    if not isinstance(metric, (str, Metric)):
        raise PadlError(f"metrics: {metric!r} must be a name, or a padl.types.Metric")
    return Metric(metric) if isinstance(metric, str) else metric


def _check_takes(name: str, function: Any, arguments: Sequence[str]) -> None:
    """Raise PadlError for what cannot be called with these arguments, as far as its signature says."""
    wanted = f"{name} of padl.tasks.objective must be a function ({', '.join(arguments)})"
    if not callable(function):
        raise PadlError(f"{wanted}, and is {_told(function)}")
    try:
        signature_of = inspect.signature(function)
    except (TypeError, ValueError):
        return  # it does not say
    try:
        signature_of.bind(*arguments)
    except TypeError as error:
        raise PadlError(f"{wanted}: {error}") from error


def _arrays(rows: Any, title: str) -> dict[str, np.ndarray]:
    """The rows as arrays of numbers, all of one length."""
    if not isinstance(rows, Mapping) or not all(isinstance(name, str) for name in rows):
        raise PadlError(f"{title}: rows must be {{name: array (n, ...)}}")
    arrays = {name: as_array(column, f"{title}: rows of '{name}'") for name, column in rows.items()}
    if len({len(array) for array in arrays.values()}) > 1:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise PadlError(f"{title}: rows must be arrays of one length, and they are {shapes}")
    for name, array in arrays.items():
        if array.dtype.kind not in "biuf":
            raise PadlError(f"{title}: rows of '{name}' hold {array.dtype}: give numbers")
        if is_beyond_32_bits(array):
            raise PadlError(f"{title}: rows of '{name}' hold whole numbers beyond 32 bits: give floating point")
    return arrays
