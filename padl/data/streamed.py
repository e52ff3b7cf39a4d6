"""Rows that stay on the host, as in a memory-mapped file, and are read ahead of the device. Streamed."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from padl.data import batches
from padl.data.source import Batch, Data, Position, Split, take
from padl.jax_flags import pinned
from padl.types import Key

AHEAD = 2  # spans of batches that are read before they are needed


class Streamed:
    """Training rows on the host, in the order in which `Resident` draws them. A `DataSource`.

    Args:
        columns: arrays (n, ...), `np.memmap`s among them. train: numbers of the training rows, int32.
        key: of their order. batch_size: rows of a batch, in 1 .. len(train).
    """

    def __init__(self, columns: Mapping[str, np.ndarray], train: np.ndarray, key: Key, batch_size: int):
        self.columns, self.train, self.key, self.batch_size = columns, train, key, batch_size

    def batch(self, step: int) -> Batch:
        """Read the batch of one step: NumPy arrays (batch, ...)."""
        return {name: column[0] for name, column in self.batches(step, 1).items()}

    def batches(self, step: int, count: int) -> Batch:
        """Read the batches of `count` steps from `step` on, stacked: NumPy arrays (count, batch, ...)."""
        with pinned():  # a thread does not have the flags of the one that began it
            drawn = _numbers(len(self.train), self.batch_size, count)(self.key, np.int32(step))
        rows = take(self.columns, self.train[np.asarray(drawn)])
        return {name: array.astype(_on_device(array.dtype), copy=False) for name, array in rows.items()}

    def shapes(self, count: int) -> Batch:
        """Give the shapes and dtypes of what `batches` reads of so many steps."""
        return {
            name: jax.ShapeDtypeStruct((count, self.batch_size, *column.shape[1:]), _on_device(column.dtype))
            for name, column in self.columns.items()
        }

    def read_ahead(self, spans: Iterable[tuple[int, int]]) -> Iterator[Batch]:
        """Yield the `batches` of each (step, count), read in a thread while the device is busy with those before."""
        reader = ThreadPoolExecutor(1, thread_name_prefix="padl-reader")
        waiting: deque[Future[Batch]] = deque()
        try:
            for step, count in spans:
                waiting.append(reader.submit(self.batches, step, count))
                if len(waiting) > AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            reader.shutdown(cancel_futures=True)

    def position(self, step: int) -> Position:
        """Tell where the batch of this step stands."""
        return Position(*divmod(step, len(self.train) // self.batch_size))


def without_training_rows(columns: Mapping[str, np.ndarray], split: Split) -> Data:
    """Read the held-out and the test rows, which go to the device where the training rows do not."""
    numbers = np.arange(len(split.held_out) + len(split.test), dtype=np.int32)
    held_out, test = np.split(numbers, [len(split.held_out)])
    rows = take(columns, np.concatenate([split.held_out, np.asarray(split.test, np.int32)]))
    return Data(rows, Split((), held_out, split.stats, test if len(test) else ()))


def _on_device(dtype: np.dtype) -> np.dtype:
    """The dtype that numbers of this one have on the device: 32 bits."""
    return np.dtype({"f8": np.float32, "i8": np.int32, "u8": np.uint32}.get(dtype.str[1:], dtype))


@lru_cache(maxsize=16)
def _numbers(rows: int, batch_size: int, count: int) -> Any:
    """(key, step) -> which of the training rows the steps from `step` on take, (count, batch)."""

    @jax.jit
    def numbers(key: Key, step: jax.Array) -> jax.Array:
        return jax.vmap(lambda i: batches.draw(key, step + i, rows, batch_size))(jnp.arange(count, dtype=jnp.int32))

    return numbers
