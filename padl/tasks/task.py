"""What a task is: data that go to the device as an argument, and an objective that the compiled program is made of.

The two are apart so that equal objectives share one program whatever the data hold. A seed chooses the split, never the
data themselves, so that the members of a sweep share one copy of them.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple, Protocol

import jax
import numpy as np

from padl.tasks.words import Words
from padl.types import HParams, Key, Metrics, PadlError, Params, PyTree

# Of the metrics; every other is an error, a distance or a loss.
HIGHER_IS_BETTER = ("accuracy", "knn_accuracy", "concordance", "r2")


class Split(NamedTuple):
    """train, held_out: int32 row numbers. stats: what is estimated from the training rows alone."""

    train: np.ndarray
    held_out: np.ndarray
    stats: PyTree


class Data(NamedTuple):
    """rows: a dict of arrays (n, ...), or {} for a task without data. split: which of them to learn from."""

    rows: PyTree
    split: Split


class Objective(Protocol):
    """What is minimised, as pure functions; hashable, so that equal objectives share a compiled program."""

    def init(self, key: Key, hparams: HParams, data: Data) -> tuple[Params, PyTree]:
        """Parameters, and the rest of the model's state, which no gradient reaches."""
        ...

    def loss(
        self, params: Params, rest: PyTree, hparams: HParams, data: Data, rows: jax.Array | None, key: Key
    ) -> tuple[tuple[jax.Array, jax.Array], tuple[PyTree, Metrics]]:
        """((sum, count), (rest, statistics)) over `rows`, int32 (batch,); statistics are means over them."""
        ...

    def evaluate(self, params: Params, rest: PyTree, hparams: HParams, data: Data) -> Metrics:
        """Loss and metrics over the held-out rows."""
        ...

    def finish(self, statistics: Metrics) -> Metrics:
        """Means over rows -> metrics."""
        ...


@dataclass(frozen=True)
class Task:
    """A task, ready to be trained on.

    Attributes:
        objective: (model, loss, its word for targets, compute dtype, predictions=, decides=) -> Objective; the last two
            are what the loss says of its predictions and of the best parameters, "" where it says nothing.
        rows: dict of arrays (n, ...), on the host.
        split: (seed, the task's scalars) -> Split.
        fits: what its losses may call their targets and predictions, the usual first; none: it needs no loss.
        decides: the metric that says which parameters are best, and whether "max" or "min" of it.
        about: what a reader wants to know of the data, for the records.
    """

    objective: Callable[..., Objective]
    rows: Mapping[str, np.ndarray]
    split: Callable[[int, Mapping[str, float]], Split]
    fits: tuple[Words, ...]
    decides: tuple[str, Literal["max", "min"]]
    about: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of all rows: other data, another digest."""
        total = hashlib.sha256()
        for name in sorted(self.rows):
            total.update(f"{name}{self.rows[name].shape}{self.rows[name].dtype}".encode())
            total.update(np.ascontiguousarray(self.rows[name]).data)
        return total.hexdigest()


def frozen(array: np.ndarray) -> np.ndarray:
    """The array, not to be written to: data that are kept for the next run must not change under it."""
    array.setflags(write=False)
    return array


def random_split(n: int, held_out: float, seed: int, labels: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Row numbers (train, held out), both sorted; with labels, every class in its proportion (stratified).

    Raises:
        PadlError: a side would be empty.
    """
    rng = np.random.default_rng(seed)
    groups = [np.arange(n)] if labels is None else [np.flatnonzero(labels == c) for c in np.unique(labels)]
    parts = [np.split(rng.permutation(g), [round(len(g) * held_out)]) for g in groups]
    held, train = (np.sort(np.concatenate([p[side] for p in parts])).astype(np.int32) for side in (0, 1))
    if not len(held) or not len(train):
        raise PadlError(
            f"held_out={held_out:g} of {n} rows leaves {len(train)} to train on and {len(held)} to hold out"
        )
    return train, held


def check_finite(table: np.ndarray, columns: list[str], where: str) -> None:
    """Raises PadlError for the first NaN or infinity in a (rows, columns) table, naming its column and row."""
    bad = np.argwhere(~np.isfinite(table))
    if len(bad):
        row, column = bad[0]
        value = table[row, column]
        raise PadlError(
            f"{where}: {value} in column '{columns[column]}', row {row + 1} of {len(table)}"
            f" ({len(bad)} such values in all): remove or repair these rows"
        )


def check_resolution(table: np.ndarray, columns: list[str], where: str) -> None:
    """Raises PadlError for a column of float64 whose values float32 can hardly hold, or hardly tell apart."""
    for name, column in zip(columns, table.T, strict=True):
        largest = np.abs(column).max()
        if largest > np.finfo(np.float32).max:
            raise PadlError(f"{where}: {largest:g} in column '{name}' is too large for float32: use another unit")
        width = largest * (column / largest).std() if largest else 0.0
        if 0 < width < 1e-5 * largest:
            raise PadlError(
                f"{where}: column '{name}' varies by {width:.3g} around {largest:.3g}, which float32 cannot tell apart:"
                " subtract a constant from it"
            )


def check_labels(labels: np.ndarray, classes: int, where: str) -> None:
    """Raises PadlError for the first label outside 0 .. classes-1, naming its row."""
    bad = np.flatnonzero((labels < 0) | (labels >= classes))
    if len(bad):
        raise PadlError(
            f"{where}: label {labels[bad[0]]} in row {bad[0] + 1} is outside 0 .. {classes - 1}"
            f" ({len(bad)} such labels in all): mend them, or set task.classes"
        )
