"""Which rows are trained on, held out and test rows: shares, classes, groups, time, sides that are given."""

import numpy as np
import pytest

from padl.data.sides import HELD_OUT, TEST, TRAIN, apportion
from padl.data.split import Holdout, split_rows
from padl.types import PadlError

TINY_1 = np.repeat(np.arange(101), [2] * 100 + [60])  # a hundred classes of two rows, and one of sixty
TINY_2 = np.repeat(np.arange(50), 2)


def sizes(split):
    return len(split.train), len(split.held_out), len(split.test)


def split_of_independent_rounding(labels, held_out, seed):
    """The rule before: each class rounded by itself."""
    rng = np.random.default_rng(seed)
    classes = [np.flatnonzero(labels == c) for c in np.unique(labels)]
    held = [rng.permutation(rows)[: round(len(rows) * held_out)] for rows in classes]
    return np.sort(np.concatenate(held))


def test_the_largest_remainders_get_what_the_whole_parts_leave():
    rng, room = np.random.default_rng(0), np.full(5, 99)
    quotas = np.array([9.061, 7.179, 5.259, 3.319, 1.182])  # whole parts of 25, and the largest remainder is 0.319
    np.testing.assert_array_equal(apportion(26, quotas, room, rng), [9, 7, 5, 4, 1])


def test_what_has_no_room_goes_to_those_that_have():
    rng = np.random.default_rng(0)
    seats = apportion(12, np.array([0.4, 0.4, 11.2]), np.array([0, 1, 8]), rng)
    np.testing.assert_array_equal(seats, [0, 1, 8])  # all the room there is
    np.testing.assert_array_equal(apportion(9, np.array([6.0, 3.0]), np.array([2, 20]), rng), [2, 7])


def test_equal_remainders_are_drawn_by_the_seed():
    drawn = {tuple(apportion(1, np.full(4, 0.25), np.full(4, 9), np.random.default_rng(seed))) for seed in range(40)}
    assert len(drawn) == 4
    one, two = (apportion(1, np.full(4, 0.25), np.full(4, 9), np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("labels", [TINY_1, TINY_2, np.repeat(np.arange(3), 51)])
@pytest.mark.parametrize("held_out", [0.1, 0.2, 1 / 3])
@pytest.mark.parametrize("seed", [0, 1])
def test_the_share_is_met_in_all_and_every_class_keeps_a_training_row(labels, held_out, seed):
    split = split_rows(len(labels), Holdout(held_out, 0.1), seed, labels)
    assert sizes(split)[1:] == (round(len(labels) * held_out), round(len(labels) * 0.1))
    assert set(labels[split.train]) == set(labels)
    for rows, share in ((split.held_out, held_out), (split.test, 0.1)):
        quota = np.bincount(labels) * share
        room = quota + 1 <= np.bincount(labels) * (1 - held_out)  # where one training row is no obstacle
        assert (np.abs(np.bincount(labels[rows], minlength=len(quota)) - quota)[room] < 2).all()


def test_a_class_of_one_row_is_trained_on():
    labels = np.array([0, 1, 2, *[3] * 17])
    for seed in range(20):
        assert {0, 1, 2} <= set(split_rows(20, Holdout(0.4, 0.3), seed, labels).train)
    with pytest.raises(PadlError, match="leaves 9 to train on and 0 to hold out, as each class keeps a row"):
        split_rows(9, Holdout(0.2), 0, np.arange(9))


def test_where_rounding_each_class_met_the_share_its_splits_are_the_same():
    rng, compared = np.random.default_rng(0), 0
    for seed in range(300):
        labels = rng.integers(0, rng.integers(2, 8), rng.integers(20, 90))
        share, counts = rng.choice([0.1, 0.2, 1 / 3]), np.bincount(labels)
        before = split_of_independent_rounding(labels, share, seed)
        half = np.isclose(counts * share % 1, 0.5).any()
        if len(before) == round(len(labels) * share) and not half and (np.round(counts * share) < counts).all():
            compared += 1
            np.testing.assert_array_equal(split_rows(len(labels), Holdout(share), seed, labels).held_out, before)
    assert compared > 100


@pytest.mark.parametrize("labels", [None, TINY_1])
def test_test_rows_are_taken_from_the_training_rows(labels):
    without, split = (split_rows(260, Holdout(0.2, test), 3, labels) for test in (0.0, 0.1))
    np.testing.assert_array_equal(split.held_out, without.held_out)
    np.testing.assert_array_equal(np.sort(np.concatenate([split.train, split.test])), without.train)
    assert without.test == ()
    assert not np.array_equal(split_rows(260, Holdout(0.2, 0.1), 4, labels).test, split.test)


@pytest.mark.parametrize(("held_out", "test"), [(0.2, 0.001), (0.001, 0.2)])
def test_an_empty_side_is_refused_with_all_sides(held_out, test):
    with pytest.raises(PadlError, match=r"of 20 rows leaves \d+ to train on and \d+ to hold out and \d+ to test"):
        split_rows(20, Holdout(held_out, test), 0)


def test_shares_that_leave_nothing_are_refused():
    with pytest.raises(PadlError, match=r"held_out=0\.9 and test=0\.2 leave nothing to train on"):
        split_rows(20, Holdout(0.9, 0.2), 0)


# Groups


@pytest.mark.parametrize("seed", range(4))
def test_no_group_is_on_two_sides_and_the_shares_are_nearly_met(seed):
    rng = np.random.default_rng(seed)
    groups = rng.choice(["a", "b"], 200).astype("U1").astype(object) + rng.integers(0, 20, 200).astype(str)
    labels = rng.integers(0, 3, 200)
    split = split_rows(200, Holdout(0.2, 0.1, groups=groups.astype(str)), seed, labels)
    sides = [set(groups[rows]) for rows in (split.train, split.held_out, split.test)]
    assert not (sides[0] & sides[1])
    assert not (sides[0] & sides[2])
    assert not (sides[1] & sides[2])
    assert sum(map(len, sides)) == len(set(groups))
    np.testing.assert_allclose(sizes(split), (140, 40, 20), atol=5)


def test_the_same_group_is_not_always_held_out():
    groups = np.repeat([0, 1], 10)  # neither brings the share nearer
    drawn = {tuple(groups[split_rows(20, Holdout(0.2, groups=groups), seed).held_out]) for seed in range(20)}
    assert drawn == {(0,) * 10, (1,) * 10}


def test_a_group_that_alone_has_a_class_is_trained_on():
    groups, labels = np.repeat(np.arange(10), 3), np.repeat([0] * 9 + [1], 3)
    for seed in range(10):
        assert 1 in labels[split_rows(30, Holdout(0.3, 0.3, groups=groups), seed, labels).train]


def test_too_few_groups_are_refused():
    with pytest.raises(PadlError, match="2 groups cannot be on 3 sides"):
        split_rows(20, Holdout(0.2, 0.1, groups=np.repeat([0, 1], 10)), 0)


# Time


@pytest.mark.parametrize("kind", ["number", "date", "text"])
def test_the_last_rows_are_held_out_and_the_very_last_test(kind):
    days = np.random.default_rng(0).permutation(100)
    dates = np.datetime64("2024-01-01") + days
    order = {"number": days.astype(float), "date": dates, "text": dates.astype(str)}[kind]
    split = split_rows(100, Holdout(0.2, 0.1, order=order), 0)
    assert set(days[split.train]) == set(range(70))
    assert set(days[split.held_out]) == set(range(70, 90))
    assert set(days[split.test]) == set(range(90, 100))
    np.testing.assert_array_equal(split.train, split_rows(100, Holdout(0.2, 0.1, order=order), 1).train)


def test_rows_of_one_time_are_on_one_side_and_each_cut_is_the_nearest():
    order = np.repeat([1, 2, 3, 4], [60, 15, 15, 10])
    split = split_rows(100, Holdout(0.2, 0.1, order=order), 0)
    assert [sorted(set(order[rows])) for rows in (split.train, split.held_out, split.test)] == [[1, 2], [3], [4]]
    assert sizes(split_rows(100, Holdout(0.2, order=np.repeat([1, 2], [97, 3])), 0)) == (97, 3, 0)
    assert sizes(split_rows(100, Holdout(0.9, 0.05, order=np.repeat([1, 2, 3], [98, 1, 1])), 0)) == (98, 1, 1)


def test_an_order_that_is_none_is_refused():
    with pytest.raises(PadlError, match="2 different times cannot be on 3 sides"):
        split_rows(20, Holdout(0.2, 0.1, order=np.repeat([0, 1], 10)), 0)
    for missing in (np.array([1.0, np.nan] * 10), np.array(["2024-01-01", "NaT"] * 10, "M8[D]")):
        with pytest.raises(PadlError, match="holds NaN"):
            split_rows(20, Holdout(0.2, order=missing), 0)
    with pytest.raises(PadlError, match="not by both"):
        split_rows(20, Holdout(0.2, order=np.arange(20), groups=np.arange(20)), 0)


# Sides that are given


def test_given_rows_are_where_they_are_said_to_be():
    given = np.repeat([TRAIN, HELD_OUT, TEST], [10, 6, 4])
    split = split_rows(20, Holdout(0.2, given=given), 0, np.zeros(20, int))
    np.testing.assert_array_equal(split.train, np.arange(10))
    np.testing.assert_array_equal(split.held_out, np.arange(10, 16))
    np.testing.assert_array_equal(split.test, np.arange(16, 20))


@pytest.mark.parametrize(("side", "holdout"), [(TEST, Holdout(0.2)), (HELD_OUT, Holdout(0.5, 0.2))])
def test_of_a_side_that_is_not_given_a_share_is_drawn(side, holdout):
    given = np.repeat([TRAIN, side], [50, 10])
    split = split_rows(60, holdout._replace(given=given), 0, np.arange(60) % 2)
    assert set(range(50, 60)) == set(split.test if side == TEST else split.held_out)
    assert len(split.held_out if side == TEST else split.test) == 10
    assert len(split.train) == 40


def test_given_test_rows_and_a_share_of_them_exclude_each_other():
    with pytest.raises(PadlError, match=r"test=0\.1 is a share, and which rows test is given"):
        split_rows(20, Holdout(0.2, 0.1, given=np.repeat([TRAIN, TEST], 10)), 0)


def test_a_group_that_given_sides_tear_apart_is_named():
    given, groups = np.repeat([TRAIN, TEST], 10), np.array(["a", "b", "c", "d"] * 5)
    with pytest.raises(PadlError, match=r"group 'a' is on several of the sides that are given \(4 such groups\)"):
        split_rows(20, Holdout(0.2, given=given, groups=groups), 0)
