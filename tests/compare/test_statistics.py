"""Statistics of a sweep, by hand and by their properties."""

import math

import numpy as np
import pytest
from scipy import stats

from padl.compare import statistics

SWEPT = ["optimizer", "rate", "seed"]


def row(optimizer, rate, seed, value, member=0):
    return {"member": member, "optimizer": optimizer, "rate": rate, "seed": seed, "objective": value}


ROWS = [
    row("adam", 0.1, 0, 0.9), row("adam", 0.1, 1, 0.8), row("adam", 0.1, 2, 0.7),
    row("sgd", 0.1, 0, 0.95), row("sgd", 0.1, 1, math.nan), row("sgd", 0.1, 2, 0.97),
    row("sgd", 0.3, 0, math.nan), row("sgd", 0.3, 1, math.nan), row("sgd", 0.3, 2, math.nan),
    row("adam", 0.3, 0, 0.5), row("adam", 0.3, 1, 0.5), row("adam", 0.3, 2, 0.5),
]  # fmt: skip


def test_mean_and_standard_error_are_over_the_seeds():
    best = statistics.rank(ROWS, SWEPT, "max")[0]
    assert best.values == {"optimizer": "adam", "rate": 0.1}
    assert best.mean == pytest.approx(0.8)
    assert best.error == pytest.approx(0.1 / math.sqrt(3))  # deviations -0.1, 0, 0.1
    assert (best.n, best.diverged) == (3, 0)


def test_a_setting_that_diverged_for_a_seed_comes_after_all_that_did_not():
    order = [(s.values["optimizer"], s.values["rate"]) for s in statistics.rank(ROWS, SWEPT, "max")]
    assert order == [("adam", 0.1), ("adam", 0.3), ("sgd", 0.1), ("sgd", 0.3)]
    assert statistics.rank(ROWS, SWEPT, "min")[0].values == {"optimizer": "adam", "rate": 0.3}


def test_the_order_of_the_rows_does_not_matter():
    shuffled = [ROWS[i] for i in np.random.default_rng(0).permutation(len(ROWS))]
    one, two = (statistics.rank(rows, SWEPT, "max") for rows in (ROWS, shuffled))
    assert [s.values for s in one] == [s.values for s in two]
    assert [s.mean for s in one[:3]] == pytest.approx([s.mean for s in two[:3]])


def test_a_single_seed_has_no_standard_error():
    (only,) = statistics.rank([row("adam", 0.1, 0, 0.9)], SWEPT, "max")
    assert only.n == 1
    assert math.isnan(only.error)


def grid(values, best, optimizer="adam"):
    return [row(optimizer, v, 0, 1.0 if v == best else 0.5 - 0.01 * i) for i, v in enumerate(values)]


@pytest.mark.parametrize(("best", "end"), [(0.001, "smallest"), (0.1, "largest"), (0.01, None)])
def test_a_best_value_at_the_edge_of_its_range_is_warned_of(best, end):
    lines = statistics.edges(statistics.rank(grid([0.001, 0.01, 0.1], best), SWEPT, "max"))
    assert lines == ([f"adam: the best rate, {best:g}, is the {end} tried: widen its range"] if end else [])


def test_every_category_is_judged_by_its_own_range():
    rows = grid([0.1, 0.2, 0.3], 0.2, "adam") + grid([0.3, 0.4, 0.5], 0.3, "sgd")
    lines = statistics.edges(statistics.rank(rows, SWEPT, "max"))
    assert lines == ["sgd: the best rate, 0.3, is the smallest tried: widen its range"]


def test_two_values_are_no_range_and_a_searched_range_has_its_own_ends():
    assert not statistics.edges(statistics.rank(grid([0.1, 0.2], 0.1), SWEPT, "max"))
    drawn = [1.05e-4, 3e-4, 1e-3, 1e-2]
    ranked = statistics.rank(grid(drawn, 1.05e-4), SWEPT, "max")
    assert statistics.edges(ranked, {"rate": (1e-4, 1.0)})
    assert not statistics.edges(ranked, {"rate": (1e-6, 1.0)})


@pytest.mark.parametrize(
    ("values", "log"),
    [
        ((1e-4, 1e-3, 1e-2), True),
        ((1e-4, 3e-4, 1e-3), True),
        ((0.1, 0.2, 0.3), False),
        ((0, 0.1, 1), False),
        ((1, 20), True),
    ],
)
def test_values_that_are_even_in_their_logarithm_are_log_spaced(values, log):
    assert statistics.log_spaced(values) is log


def test_half_of_the_members_reach_the_target():
    values = np.random.default_rng(1).normal(size=21)
    goal = statistics.target([{"objective": v} for v in [*values, math.nan]])
    assert goal == np.median(values)
    assert (values >= goal).mean() == pytest.approx(11 / 21)
    assert statistics.target([{"objective": math.nan}]) is None


def test_steps_to_a_target_is_the_first_step_that_reaches_it():
    steps, values = np.array([10, 20, 30, 40]), np.array([0.1, 0.6, 0.4, 0.9])
    assert statistics.steps_to(steps, values, 0.5, "max") == 20
    assert statistics.steps_to(steps, values, 0.1, "min") == 10
    assert statistics.steps_to(steps, values, 0.95, "max") is None


def test_the_standard_error_is_scipys():
    values = np.random.default_rng(2).normal(size=7)
    (only,) = statistics.rank([row("adam", 0.1, i, v) for i, v in enumerate(values)], SWEPT, "max")
    assert only.error == pytest.approx(stats.sem(values))


@pytest.mark.parametrize("ties", [(0.001, 0.01), (0.001, 0.01, 0.1), (0.01, 0.1)])
def test_a_best_value_that_ties_with_one_within_the_range_is_no_edge(ties):
    rows = [row("adam", rate, 0, 1.0 if rate in ties else 0.5) for rate in (0.001, 0.01, 0.1)]
    assert statistics.edges(statistics.rank(rows, SWEPT, "max")) == []


@pytest.mark.parametrize(
    ("values", "name"),
    [({"optimizer": "adam", "optimizer.nesterov": True}, "adam nesterov=True"), ({"model.decay": None}, "decay=None")],
)
def test_a_category_says_what_a_switch_switches(values, name):
    assert statistics.category(statistics.Setting(values, 0.0, 0.0, 1, 0, (0,)), ()) == name


def test_settings_that_seeds_do_not_tell_apart_from_the_best_are_counted():
    near = [row("adam", 0.1, seed, value) for seed, value in enumerate((0.90, 0.80, 0.85))]
    same = [row("sgd", 0.1, seed, value) for seed, value in enumerate((0.84, 0.88, 0.80))]
    far = [row("sgd", 0.3, seed, value) for seed, value in enumerate((0.40, 0.42, 0.41))]
    (line,) = statistics.not_told_apart(statistics.rank([*near, *same, *far], SWEPT, "max"))
    assert line.startswith("the best and 1 other of 3 settings are within one standard error of each other")
    assert not statistics.not_told_apart(statistics.rank([*near, *far], SWEPT, "max"))


def test_equal_settings_without_any_spread_and_single_seeds_are_not_called_chance():
    exact = [row(name, 0.1, seed, 0.5) for name in ("adam", "sgd") for seed in range(3)]
    assert not statistics.not_told_apart(statistics.rank(exact, SWEPT, "max"))
    single = [row(name, 0.1, 0, 0.5) for name in ("adam", "sgd")]
    assert not statistics.not_told_apart(statistics.rank(single, SWEPT, "max"))


def test_numbers_close_together_in_a_wide_range_are_not_at_its_end():
    values = [0.0103, 0.0053, 0.0055, 0.0377]  # the best first; all lie in a small part of a linear axis
    settings = [statistics.Setting({"rate": rate}, 0.9 - i / 10, math.nan, 1, 0, [i]) for i, rate in enumerate(values)]
    assert statistics.edges(settings, {"rate": (1e-5, 1.0)}) == []
