"""What a program is given of a run's data, and where its batches come from. Batch, Split, Data, Rows, DataSource."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from padl.types import Device, PadlError, PyTree

Batch = Mapping[str, Any]  # {"inputs": (batch, ...), "labels": (batch,), ...}; {} for a task without data
EVALUATION_BATCH = 1024


class Position(NamedTuple):
    """Where in the data the batch of a step stands: in which pass over them, and as which batch of it, both from 0."""

    epoch: int
    batch: int


class DataSource(Protocol):
    """Where the batches of a run come from. A step's batch depends on its number alone, so that a run can go on."""

    def batch(self, step: Any) -> Batch:
        """Return the batch of one step, 0, 1, ...; the loop asks for them in order."""
        ...

    def position(self, step: int) -> Position:
        """Tell where the batch of this step stands."""
        ...


class Split(NamedTuple):
    """Which rows are for what.

    Attributes:
        train, held_out: int32 row numbers; train is () where the training rows are not on the device.
        stats: what is estimated from the training rows alone.
        test: int32 numbers of rows that nothing is learned from or chosen by; () without.
    """

    train: Any
    held_out: np.ndarray
    stats: PyTree
    test: Any = ()


class Rows(NamedTuple):
    """Some rows of the data, looked at a batch at a time.

    Attributes:
        columns: arrays (n, ...). numbers: of these rows, int32 (size,).
    """

    columns: Mapping[str, Any]
    numbers: Any

    @property
    def size(self) -> int:
        return len(self.numbers)

    def map(self, function: Callable[[jax.Array, Batch, jax.Array], Any]) -> Any:
        """Apply `function` to each batch, and stack what it gives on a leading axis.

        Args:
            function: of the batch's number, the batch, and which of its rows are real (batch,): the last is filled up.
        """
        size = min(self.size, EVALUATION_BATCH)
        padding = -self.size % size
        filled = jnp.concatenate([self.numbers, jnp.zeros(padding, jnp.int32)]).reshape(-1, size)
        real = (jnp.arange(filled.size) < self.size).reshape(-1, size)

        def on_batch(numbered: tuple[jax.Array, jax.Array, jax.Array]) -> Any:
            i, numbers, where = numbered
            return function(i, take(self.columns, numbers), where)

        return jax.lax.map(on_batch, (jnp.arange(len(filled)), filled, real))

    def collect(self, function: Callable[[Batch], jax.Array]) -> jax.Array:
        """Apply `function` to each batch, and return what it gives for each row, (size, ...)."""
        batches = self.map(lambda i, batch, real: function(batch))
        return batches.reshape(-1, *batches.shape[2:])[: self.size]


class Data(NamedTuple):
    """What a compiled program is given of a run's data.

    Attributes:
        rows: a dict of arrays (n, ...), or {} for a task without data. split: which of them to learn from.
    """

    rows: Mapping[str, Any]
    split: Split

    @property
    def stats(self) -> PyTree:
        """What is estimated from the training rows alone."""
        return self.split.stats

    @property
    def train(self) -> Rows:
        """The training rows.

        Raises:
            PadlError: they are streamed.
        """
        if isinstance(self.split.train, tuple):
            raise PadlError("this looks at all training rows, and those of this task are streamed: use one in memory")
        return Rows(self.rows, self.split.train)

    @property
    def held_out(self) -> Rows:
        """The rows that are evaluated on."""
        return Rows(self.rows, self.split.held_out)

    @property
    def has_test(self) -> bool:
        """Whether there are test rows."""
        return not isinstance(self.split.test, tuple)

    def testing(self) -> "Data":
        """Evaluate on the test rows instead."""
        return self.evaluating(self.split.test)

    def evaluating(self, numbers: Any) -> "Data":
        """Evaluate on these rows, int32 (n,), instead."""
        return Data(self.rows, self.split._replace(held_out=numbers))

    def training_on(self, numbers: Any) -> "Data":
        """Train on these rows, int32 (n,), instead."""
        return Data(self.rows, self.split._replace(train=numbers))

    # Members of a sweep share the rows, and split them each for itself.

    def of_members(self, take: Callable[[PyTree], PyTree]) -> "Data":
        """Apply `take` to what each member has its own of: for some members, or for one."""
        return Data(self.rows, take(self.split))

    def share_on(self, device: Device) -> "Data":
        """Put what members share on a device."""
        return Data(jax.device_put(self.rows, device), self.split)

    def per_member(self) -> "Data":
        """Tell of each array whether every member has its own."""
        return Data(jax.tree.map(lambda _: False, self.rows), jax.tree.map(lambda _: True, self.split))

    @property
    def shared_bytes(self) -> int:
        """The size of what the members share."""
        return sum(x.nbytes for x in jax.tree.leaves(self.rows))


def take(columns: Mapping[str, Any], numbers: Any) -> Batch:
    """Take the rows of these numbers."""
    return {name: column[numbers] for name, column in columns.items()}


def frozen(array: np.ndarray) -> np.ndarray:
    """Make an array read-only: data that are kept for the next run must not change under it."""
    array.setflags(write=False)
    return array
