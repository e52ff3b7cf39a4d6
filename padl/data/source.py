"""Where batches come from: arrays that are resident on the device. Split, Data."""

from typing import NamedTuple

import numpy as np

from padl.types import PyTree


class Split(NamedTuple):
    """train, held_out: int32 row numbers. stats: what is estimated from the training rows alone."""

    train: np.ndarray
    held_out: np.ndarray
    stats: PyTree


class Data(NamedTuple):
    """rows: a dict of arrays (n, ...), or {} for a task without data. split: which of them to learn from."""

    rows: PyTree
    split: Split


def frozen(array: np.ndarray) -> np.ndarray:
    """The array, not to be written to: data that are kept for the next run must not change under it."""
    array.setflags(write=False)
    return array
