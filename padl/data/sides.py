"""Which side each row is on: at random, by groups, in the order of time. stratified, by_groups, in_time, apportion.

Each gives (n,) int8 of TRAIN, HELD_OUT and TEST, for shares of the n rows {side: share}.
"""

from collections.abc import Mapping
from itertools import islice

import numpy as np

from padl.types import PadlError

TRAIN, HELD_OUT, TEST = 0, 1, 2
NAMES = {
    "train": TRAIN, "training": TRAIN, "held_out": HELD_OUT, "val": HELD_OUT, "valid": HELD_OUT,
    "validation": HELD_OUT, "dev": HELD_OUT, "test": TEST, "testing": TEST,
}  # fmt: skip
Shares = Mapping[int, float]


def stratified(labels: np.ndarray | None, n: int, shares: Shares, rng: np.random.Generator) -> np.ndarray:
    """Draw rows; with labels (n,) of every class in its proportion, which keeps a row to train on at least."""
    classes = [np.arange(n)] if labels is None else [np.flatnonzero(labels == c) for c in np.unique(labels)]
    drawn = [rng.permutation(rows) for rows in classes]
    sizes = np.array([len(rows) for rows in classes])
    taken, sides = np.zeros_like(sizes), np.zeros(n, np.int8)
    for side, share in shares.items():
        room = sizes - taken - (labels is not None)
        seats = apportion(round(n * share), sizes * share, room, rng)
        for rows, begin, length in zip(drawn, taken, seats, strict=True):
            sides[rows[begin : begin + length]] = side
        taken += seats
    return sides


def apportion(count: int, quotas: np.ndarray, room: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Share a count by quotas: their whole parts first, then one each by the largest remainders (Hamilton 1792).

    Args:
        quotas: (k,) > 0, about the count in all. room: (k,) the most that each gets; the others share what is over.
        rng: draws who of equal remainders comes first.

    Returns:
        (k,) whole numbers, their sum the count, or all the room where that is less.
    """
    seats, remaining = np.zeros(len(quotas), int), quotas
    while True:
        seats += np.minimum(np.floor(remaining).astype(int), room - seats)
        remainders = np.where(seats < room, remaining % 1, -1.0)
        first = np.lexsort((rng.permutation(len(quotas)), -remainders))[: max(count - seats.sum(), 0)]
        seats[first] += seats[first] < room[first]
        left, has_room = count - seats.sum(), seats < room
        if left <= 0 or not has_room.any():
            return seats
        remaining = np.where(has_room, left * quotas / quotas[has_room].sum(), 0.0)


def by_groups(groups: np.ndarray, labels: np.ndarray | None, shares: Shares, rng: np.random.Generator) -> np.ndarray:
    """Draw whole groups, one after the other, each that brings a side nearer to its share, or else the smallest.

    Args:
        groups: (n,) values. labels: (n,) classes, each of which keeps a group to train on.

    Raises:
        PadlError: there are fewer groups than sides.
    """
    names, group = np.unique(groups, return_inverse=True)
    _check_enough(len(names), "groups", shares)
    sizes, side_of = np.bincount(group), np.zeros(len(names), np.int8)
    training = _TrainingGroups(group, labels)
    for side, share in shares.items():
        missing, drawn = round(len(groups) * share), rng.permutation(len(names))
        for g in drawn:
            if side_of[g] == TRAIN and abs(missing - sizes[g]) < missing and training.spare(g):
                side_of[g], missing = side, missing - sizes[g]
        if not (side_of == side).any():
            smallest_first = drawn[np.argsort(sizes[drawn], kind="stable")]
            spared = (g for g in smallest_first if side_of[g] == TRAIN and training.spare(g))
            side_of[[*islice(spared, 1)]] = side
    return side_of[group]


class _TrainingGroups:
    """Counts, for each class, the groups of training rows that have it."""

    def __init__(self, group: np.ndarray, labels: np.ndarray | None):
        pairs = np.unique(np.stack([group, np.zeros_like(group) if labels is None else labels], 1), axis=0)
        self.classes = np.split(pairs[:, 1], np.flatnonzero(np.diff(pairs[:, 0])) + 1)
        self.left = np.bincount(pairs[:, 1])

    def spare(self, g: int) -> bool:
        """Take a group away, unless it is the only one of some class."""
        if (self.left[self.classes[g]] < 2).any():
            return False
        self.left[self.classes[g]] -= 1
        return True


def in_time(order: np.ndarray, shares: Shares) -> np.ndarray:
    """Put the last rows on the sides of `shares`, the last side last; rows of one time are on one side.

    Each cut is the one between two times that is nearest to the shares.

    Args:
        order: (n,) values that sort.

    Raises:
        PadlError: there are fewer times than sides; a time is NaN or NaT.
    """
    if order.dtype.kind in "fmM" and np.isnan(order).any():
        raise PadlError(
            "the order of rows holds NaN, which comes neither before nor after: repair or remove these rows"
        )
    times, time = np.unique(order, return_inverse=True)
    _check_enough(len(times), "different times", shares)
    until = np.cumsum(np.bincount(time))  # rows up to each time
    sides, later, before = np.zeros(len(times), np.int8), len(times), len(order)
    for place, (side, share) in reversed(list(enumerate(shares.items(), start=1))):
        before -= round(len(order) * share)
        cut = place + int(np.abs(until[place - 1 : later - 1] - before).argmin())  # a time stays for each side before
        sides[cut:later], later = side, cut
    return sides[time]


def _check_enough(found: int, what: str, shares: Shares) -> None:
    if found <= len(shares):
        raise PadlError(f"{found} {what} cannot be on {len(shares) + 1} sides: give another column, or none")
