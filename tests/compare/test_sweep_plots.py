"""The pictures of a sweep: which are drawn, and that what they show is there."""

import math

import numpy as np
import pytest

from padl.compare import sweep_curves, sweep_lines, sweep_maps, sweep_plots
from padl.compare.sweep_table import SweepTable
from padl.compare.value_axis import is_log

RNG = np.random.default_rng(0)
STEPS = np.arange(10, 110, 10)


def sweep(settings, seeds=3, direction="max"):
    keys = [*settings[0], "seed"]
    rows, histories = [], {}
    for setting in settings:
        for seed in range(seeds):
            curve = np.linspace(0.1, 0.9, len(STEPS)) + 0.02 * RNG.standard_normal(len(STEPS))
            number = len(rows)
            ill = setting.get("rate") == 1.0 and seed == 0
            value = math.nan if ill else float(curve.max())
            rows.append(
                {
                    "member": number,
                    "status": "diverged" if ill else "finished",
                    **setting,
                    "seed": seed,
                    "objective": value,
                }
            )
            histories[number] = STEPS, curve
    return SweepTable(rows, keys, "eval/accuracy", direction, histories, "digits mlp, 9 runs")


RATES = [{"optimizer": o, "rate": r} for o in ("adam", "sgd", "gd") for r in (0.01, 0.1, 1.0)]
SQUARE = [{"rate": r, "b1": b} for r in (0.01, 0.1, 1.0) for b in (0.0, 0.5, 0.9)]
NAMES = [{"optimizer": o, "nesterov": n} for o in ("adam", "sgd") for n in (True, False)]
SEARCH = [{"rate": float(10**x), "b1": float(y)} for x, y in RNG.uniform(-4, 0, (20, 2))]


@pytest.mark.parametrize(
    ("settings", "files"),
    [
        (RATES, {"by_rate.png", "best_curves.png"}),
        (SQUARE, {"by_rate.png", "by_b1.png", "map_rate_b1.png", "best_curves.png"}),
        (NAMES, {"by_setting.png", "best_curves.png"}),
        (SEARCH, {"by_rate.png", "by_b1.png", "map_rate_b1.png", "best_curves.png"}),
        ([{}], {"best_curves.png"}),
    ],
    ids=["rates", "square", "names", "search", "seeds"],
)
def test_a_picture_is_drawn_for_each_number_each_pair_and_the_best_curves(tmp_path, settings, files):
    drawn = sweep_plots.draw(sweep(settings), tmp_path)
    assert {file.name for file in drawn} == files == {file.name for file in tmp_path.iterdir()}
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in drawn)


def test_the_axis_is_logarithmic_where_the_values_are_and_divergence_is_marked():
    table = sweep(RATES)
    (axes,) = sweep_lines.against(table, table.ranked(), "rate").axes
    assert axes.get_xscale() == "log"
    assert axes.get_yscale() == "linear"  # an accuracy
    assert "diverged for some seed" in axes.get_legend_handles_labels()[1]
    assert "3 seeds" in axes.get_ylabel()


def test_a_loss_over_many_decades_is_drawn_by_its_logarithm():
    assert is_log([1e-6, 1e-3, 1.0, 0.0], "min")
    assert not is_log([1e-6, 1e-3, 1.0], "max")
    assert not is_log([-1.0, 1e-3, 1.0], "min")


def test_the_best_cell_of_a_map_is_ringed():
    table = sweep(SQUARE)
    figure = sweep_maps.value_map(table, table.ranked(), "rate", "b1")
    (axes, _) = figure.axes  # the map, and its scale
    best = table.ranked()[0].values
    ring = next(line for line in axes.lines if line.get_marker() == "o")
    assert ring.get_xydata().tolist() == [[(0.01, 0.1, 1.0).index(best["rate"]), (0.0, 0.5, 0.9).index(best["b1"])]]


def test_a_band_is_over_the_steps_that_all_seeds_measured():
    steps, low, mean, high = sweep_curves.band(
        [(np.array([1, 2, 3]), np.array([1.0, 2, 3])), (np.array([1, 3]), np.array([3.0, 5]))]
    )
    assert (steps.tolist(), low.tolist(), mean.tolist(), high.tolist()) == ([1, 3], [1, 3], [2, 4], [3, 5])


def test_a_band_is_not_cut_by_the_axis():
    table = sweep([{"optimizer": "adam"}])
    for member, last in enumerate((0.95, 0.97, 0.999)):  # near 1, where the axis ends just above what it is to hold
        table.histories[member] = STEPS, np.linspace(0.1, last, len(STEPS))
    (axes,) = sweep_curves.best_curves(table, table.ranked()).axes
    low, high = axes.get_ylim()
    for band in axes.collections:
        heights = band.get_paths()[0].vertices[:, 1]
        assert low <= heights.min()
        assert heights.max() <= high


def test_a_sweep_in_which_all_diverged_draws_what_it_can(tmp_path):
    table = sweep([{"rate": 1.0}, {"rate": 2.0}], seeds=1)
    for row in table.rows:
        row["objective"] = math.nan
    sweep_plots.draw(table, tmp_path)


def test_there_are_never_more_than_eight_pictures(tmp_path):
    trials = [{f"k{i}": float(x) for i, x in enumerate(xs)} for xs in RNG.uniform(size=(4, 7))]
    assert len(sweep_plots.draw(sweep(trials, seeds=1), tmp_path)) == 8


def test_a_seed_that_diverged_does_not_cut_the_curve_of_the_others():
    table = sweep([{"optimizer": "adam", "rate": 1.0}, {"optimizer": "sgd", "rate": 1.0}])
    for lost in (0, 3):
        table.histories[lost] = STEPS[:2], np.zeros(2)
    (axes,) = sweep_curves.best_curves(table, table.ranked()).axes
    for line in axes.lines:
        np.testing.assert_array_equal(line.get_xdata(), STEPS)
        assert line.get_label().endswith("(n = 2, 1 diverged)")


def test_each_category_that_diverged_has_a_cross_of_its_own():
    table = sweep(RATES)
    (axes,) = sweep_lines.against(table, table.ranked(), "rate").axes
    crosses = {tuple(place) for line in axes.lines if line.get_marker() == "x" for place in line.get_xydata().tolist()}
    assert len(crosses) == 3
    assert {x for x, _ in crosses} == {1.0}


def test_trials_of_a_search_are_not_joined_and_settings_of_a_grid_are():
    for settings, joined in ((SEARCH, False), (SQUARE, True)):
        table = sweep(settings)
        (axes,) = sweep_lines.against(table, table.ranked(), "b1").axes
        assert ("-" in {line.get_linestyle() for line in axes.lines}) is joined


def test_many_categories_have_a_panel_each():
    table = sweep([{"optimizer": f"rule {i}", "rate": r} for i in range(9) for r in (0.01, 0.1)], seeds=2)
    panels = [axes for axes in sweep_lines.against(table, table.ranked(), "rate").axes if axes.get_visible()]
    assert [axes.get_title() for axes in panels] == list(dict.fromkeys(s.values["optimizer"] for s in table.ranked()))


def test_what_stands_side_by_side_says_how_many_diverged():
    table = sweep([{"optimizer": "adam"}, {"optimizer": "sgd"}], seeds=2)
    table.rows[3] |= {"objective": math.nan, "status": "diverged"}
    (axes,) = sweep_lines.side_by_side(table, table.ranked()).axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["sgd\n(1 of 2 diverged)", "adam"]
