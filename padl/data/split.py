"""Split rows into those trained on, those held out and those that test. Holdout, split_rows."""

from typing import NamedTuple

import numpy as np

from padl.data.sides import HELD_OUT, TEST, TRAIN, by_groups, in_time, stratified
from padl.data.source import Split
from padl.types import PadlError


class Holdout(NamedTuple):
    """Which rows are not trained on: shares of them, or rows that are given.

    At random by default, where there are labels every class in its proportion (stratified).

    Attributes:
        held_out: share of the rows that choose the best parameters, in (0, 1).
        test: share of the rows that are evaluated on once, after training, in [0, 1).
        groups: (n,) values; rows of one value are never on two sides, and classes are not in proportion.
        order: (n,) values that sort, as times; the last rows are held out, the very last test. Rows of one time are
            never on two sides, and nothing is drawn.
        given: (n,) of TRAIN, HELD_OUT and TEST. Of the sides it does not have, shares are taken of its TRAIN rows.
    """

    held_out: float
    test: float = 0.0
    groups: np.ndarray | None = None
    order: np.ndarray | None = None
    given: np.ndarray | None = None


def split_rows(n: int, holdout: Holdout, seed: int, labels: np.ndarray | None = None) -> Split:
    """Split n rows; the row numbers of each side are sorted, and `stats` is empty.

    The same rows are held out with test rows and without.

    Args:
        labels: (n,) classes. Each keeps a row to train on, but in the order of time and where sides are given.

    Raises:
        PadlError: a side would be empty, or shares come to 1 or more; both groups and order; a test share beside test
            rows that are given, or a group that these tear apart.
    """
    given = np.zeros(n, np.int8) if holdout.given is None else holdout.given.astype(np.int8)
    if holdout.groups is not None and holdout.order is not None:
        raise PadlError("rows are split by groups or in the order of time, not by both: leave one out")
    if holdout.test and (given == TEST).any():
        raise PadlError(f"test={holdout.test:g} is a share, and which rows test is given: leave one out")
    sides, free = given.copy(), np.flatnonzero(given == TRAIN)
    shares = {HELD_OUT: holdout.held_out, TEST: holdout.test}
    shares = {side: share for side, share in shares.items() if share and not (given == side).any()}
    if sum(shares.values()) >= 1:
        raise PadlError(f"held_out={holdout.held_out:g} and test={holdout.test:g} leave nothing to train on: give less")
    if shares and all(round(len(free) * share) for share in shares.values()):
        sides[free] = _sides(holdout, free, shares, np.random.default_rng(seed), labels)
    _check_groups(holdout.groups, sides)
    train, held_out, test = (np.flatnonzero(sides == side).astype(np.int32) for side in (TRAIN, HELD_OUT, TEST))
    split = Split(train, held_out, (), test if len(test) else ())
    _check(split, holdout, n, labels)
    return split


def _sides(
    holdout: Holdout, free: np.ndarray, shares: dict[int, float], rng: np.random.Generator, labels: np.ndarray | None
) -> np.ndarray:
    groups, order, labels = (None if x is None else x[free] for x in (holdout.groups, holdout.order, labels))
    if order is not None:
        return in_time(order, shares)
    if groups is not None:
        return by_groups(groups, labels, shares, rng)
    return stratified(labels, len(free), shares, rng)


def _check(split: Split, holdout: Holdout, n: int, labels: np.ndarray | None) -> None:
    """Raise PadlError where a side is empty that is asked for."""
    train, held_out, test = (len(side) for side in (split.train, split.held_out, split.test))
    if train and held_out and (test or not holdout.test):
        return
    shares = f"held_out={holdout.held_out:g}" + (f" and test={holdout.test:g}" if holdout.test else "")
    sides = f"{train} to train on and {held_out} to hold out" + (f" and {test} to test" if holdout.test else "")
    why = "" if labels is None or not train else ", as each class keeps a row to train on"
    raise PadlError(f"{shares} of {n} rows leaves {sides}{why}")


def _check_groups(groups: np.ndarray | None, sides: np.ndarray) -> None:
    """Raise PadlError where a group is on several sides, as given ones may have it."""
    if groups is None:
        return
    names, group = np.unique(groups, return_inverse=True)
    lowest, highest = np.full(len(names), TEST, np.int8), np.zeros(len(names), np.int8)
    np.minimum.at(lowest, group, sides)
    np.maximum.at(highest, group, sides)
    torn = np.flatnonzero(lowest != highest)
    if len(torn):
        raise PadlError(f"group '{names[torn[0]]}' is on several of the sides that are given ({len(torn)} such groups)")
