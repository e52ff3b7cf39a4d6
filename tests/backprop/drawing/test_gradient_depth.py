"""The picture of a model's gradients by depth: every layer has its place, and what no axis holds is marked."""

from math import inf, nan

import numpy as np

from padl.backprop.drawing.gradient_depth import draw, figure
from padl.backprop.per_layer import Layer

SOUND = Layer("", 3, (4, 8), 1.0, 0.0, nan, nan, 0, nan, nan, True)
LAYERS = [
    SOUND,
    SOUND._replace(name="first", gradient=0.0, silent=1.0, parameters=72, weights=2.0, learned=0.0),
    SOUND._replace(name="second", value=inf, gradient=nan, silent=0.0, parameters=72, learned=nan, finite=False),
    SOUND._replace(name="loss", gradient=1.0, silent=0.0),
]


def lines():
    """{label: (x, y)} of all that is drawn."""
    return {line.get_label(): line.get_data() for axes in figure(LAYERS, "a model").axes for line in axes.lines}


def test_each_layer_stands_where_it_is_evaluated():
    x, y = lines()["output"]
    assert (list(x), list(y)) == ([0, 1, 3], [1, 1, 1])
    assert [list(column) for column in lines()["gradient of the output"]] == [[3], [1]]


def test_what_is_zero_or_not_finite_is_marked_and_what_is_not_there_is_not():
    drawn = lines()
    marks = {label: list(x) for label, (x, _) in drawn.items() if ":" in label}
    assert marks == {
        "output: NaN or infinite": [2],
        "gradient of the output: NaN or infinite": [2],
        "gradient of the output: exactly 0": [1],
        "gradient of the weights: NaN or infinite": [2],
        "gradient of the weights: exactly 0": [1],
    }


def test_both_axes_are_logarithmic_and_no_word_leaves_the_picture(tmp_path):
    picture = figure(LAYERS, "a model")
    picture.canvas.draw()
    assert [axes.get_yscale() for axes in picture.axes] == ["log", "log"]
    (legend,) = picture.legends
    box = legend.get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= picture.bbox.x1
    assert not any(box.overlaps(axes.get_window_extent()) for axes in picture.axes)
    draw(LAYERS, "a model", tmp_path / "depth.png")
    assert (tmp_path / "depth.png").stat().st_size > 5_000


def test_a_model_of_one_layer_has_a_picture_too(tmp_path):
    draw(LAYERS[1:2], "one layer", tmp_path / "depth.svg")
    assert "<svg" in (tmp_path / "depth.svg").read_text(encoding="utf-8")
    assert np.isnan(LAYERS[0].gradient)
