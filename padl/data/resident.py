"""Rows that lie on the device: a step's batch is an index, computed in the compiled program. Resident."""

from typing import NamedTuple

import jax

from padl.data import batches
from padl.data.source import Batch, Data, Position, take
from padl.types import Key


class Resident(NamedTuple):
    """The training rows on the device, in an order without replacement. A `DataSource` inside the program.

    Attributes:
        data: whose training rows are drawn. key: of their order. batch_size: rows of a batch.
    """

    data: Data
    key: Key
    batch_size: int

    def batch(self, step: jax.Array) -> Batch:
        """Take the batch of a step, which may be traced."""
        train = self.data.train
        drawn = batches.draw(self.key, step, train.size, self.batch_size)
        return take(train.columns, train.numbers[drawn])

    def position(self, step: int) -> Position:
        """Tell where the batch of this step stands."""
        return Position(*divmod(step, self.data.train.size // self.batch_size))
