"""Curves of several runs: what is drawn of few and of many, smoothing, and axes on which differences show."""

import numpy as np
import pytest

from padl.compare.run_curves import APART, Panel, RunCurve, draw_panels, lines_of, smoothed
from padl.compare.value_axis import is_share_near_one
from padl.runs.pictures import own_style

X = np.arange(5.0)


def curves(settings, seeds):
    return [RunCurve(f"{a}, seed {s}", str(a), X, X * (a + 1) + s / 10) for a in range(settings) for s in range(seeds)]


def test_few_curves_are_drawn_as_they_are_and_of_many_the_mean_over_seeds_with_its_range():
    few = lines_of(Panel("", "m", "max", curves(2, 3)))
    assert [line.name for line in few] == [f"{a}, seed {s}" for a in range(2) for s in range(3)]
    many = lines_of(Panel("", "m", "max", curves(3, 3)))
    assert [line.name for line in many] == [f"{a} (mean of 3 seeds)" for a in range(3)]
    np.testing.assert_allclose(many[1].y, 2 * X + 0.1)
    np.testing.assert_allclose(many[1].high - many[1].low, 0.2)


def test_seeds_that_measured_at_other_steps_are_averaged_where_all_did():
    shorter = RunCurve("0, seed 9", "0", X[:3], X[:3])
    (line, *_) = lines_of(Panel("", "m", "max", [*curves(3, 3), shorter]))
    assert line.x.tolist() == [0, 1, 2]


def test_the_legend_is_bounded_and_counts_the_others():
    with own_style():
        figure = draw_panels([Panel("", "m", "max", curves(30, 1))], "thirty", "step")
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert len(texts) == APART + 1
    assert texts[-1] == f"{30 - APART} others, which end less well"
    assert texts[0] == "29, seed 0"


def test_a_running_mean_begins_without_a_bias_and_passes_over_what_is_not_finite():
    np.testing.assert_allclose(smoothed(np.ones(4), 0.9), 1.0)
    np.testing.assert_array_equal(smoothed(X, 0.0), X)
    result = smoothed(np.array([1.0, np.nan, 1.0]), 0.5)
    assert np.isnan(result[1])
    assert result[2] == 1.0


@pytest.mark.parametrize(
    ("values", "direction", "expected"),
    [
        ([0.1, 0.98, 0.985], "max", True),
        ([0.9, 0.95, 0.98], "max", False),  # an even axis shows them
        ([0.1, 0.5, 0.6], "max", False),
        ([-1.0, 0.99], "max", False),  # r2 is no share
        ([0.1, 0.98, 0.985], "min", False),
        ([0.1, 1.0, 1.0], "max", False),  # nothing between
        ([0.1, 0.99, 1.0], "max", True),
    ],
)
def test_shares_near_one_are_spaced_by_what_they_lack(values, direction, expected):
    assert is_share_near_one(values, direction) is expected


def test_values_keep_their_order_on_the_axis_of_shares_and_one_is_on_it():
    with own_style():
        values = np.array([0.1, 0.9, 0.99, 1.0])
        figure = draw_panels([Panel("", "m", "max", [RunCurve("a", "a", values, values)])], "", "step")
        axes = figure.axes[0]
        at = axes.get_yaxis_transform().transform([(0, v) for v in values])[:, 1]
        box = axes.get_window_extent()
    assert np.all(np.diff(at) > 0)
    assert box.y0 <= at[0] < at[-1] <= box.y1
