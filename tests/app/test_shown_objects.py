"""What comes back from Python shows itself: in lines, as a data frame, and in the pictures that a folder has."""

import io
import sys
from dataclasses import replace

import matplotlib.image
import numpy as np
import pytest

import padl
from padl.app.readable_runs import model_card
from padl.readable import as_html
from padl.types import Metric, PadlError

QUIET = {"devices": 1, "wandb": {"mode": "disabled"}}


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """A sweep of six members, one setting of which diverges."""
    rates, small = [0.01, 0.1, 1e20], {"name": "mlp", "widths": [8]}
    folder = str(tmp_path_factory.mktemp("sweep"))
    return padl.sweep(
        model=small, optimizer="sgd", over={"learning_rate": rates, "seed": range(2)}, steps=40, run={"dir": folder},
        **QUIET,
    )  # fmt: skip


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compared")
    options = {"optimizers": ["gd", "adam"], "steps": 30, "learning_rates": 3, "animate": False}
    return padl.trajectories("beale", run={"dir": str(folder)}, **options), next(folder.iterdir())


def pixels(figure):
    """What a notebook is given to show: an image (height, width, 4)."""
    return matplotlib.image.imread(io.BytesIO(figure._repr_png_()))


def no_arrays(text):
    return "array" not in text and "[" not in text.replace("widths=[", "").replace("float64[", "")


def test_a_run_shows_what_it_came_to(small_run):
    text = repr(small_run)
    title = "digits mlp adam, learning_rate=0.01, widths=[16], steps=60, eval_every=30, seed 0"
    assert text.startswith(f"{title}: finished\n")
    best = small_run.summary["best"]
    assert f"best (step {best['step']})" in text
    assert f"{small_run.summary['final']['accuracy']:.4g}" in text
    assert str(small_run.folder)[:60] in text
    assert no_arrays(text)
    assert len(text) < 600


def test_a_run_that_diverged_shows_its_reason():
    text = repr(padl.train(task="surface", optimizer={"name": "gd", "learning_rate": 1e3}, steps=20, **QUIET))
    assert "diverged (loss " in text.splitlines()[0]


def test_a_sweep_shows_its_ranking_and_what_diverged(swept):
    lines = repr(swept).splitlines()
    assert lines[0] == "sweep: digits mlp sgd, widths=[8], steps=40, 6 runs, 2 seeds"
    assert "members    4 finished, 2 diverged" in repr(swept)
    header = next(i for i, line in enumerate(lines) if "± error" in line)
    ranked = [line.split() for line in lines[header + 1 : header + 4]]
    assert [float(row[0]) for row in ranked] == [s.values["optimizer.learning_rate"] for s in swept.ranked]
    assert ranked[-1][-1] == "2"
    assert no_arrays(repr(swept))


def test_a_trained_model_shows_how_to_call_it(small_run):
    text = repr(padl.load(small_run.folder))
    assert "inputs      (n, 8, 8, 1)" in text
    assert "widths=[16]" in text
    assert f"parameters  {small_run.summary['parameters']:,}" in text
    assert no_arrays(text)


def test_names_of_classes_are_text_in_html_whatever_they_hold():
    config = {"task": {"name": "csv"}, "model": {"name": "linear"}}
    page = as_html(model_card(config, {"kind": "classification", "names": ["<script>", "b"]}, {}, (4,)))
    assert "&lt;script&gt;, b" in page
    assert "<script>" not in page
    assert "(n, 4)" in page


def test_a_task_shows_its_columns_and_how_many_rows_are_held_out():
    text = repr(padl.task("digits"))
    assert text.startswith("task: classification, 1,797 rows\n")
    assert "held out  359 rows of seed 0" in text
    assert "inputs  (1797, 8, 8, 1)  uint8" in text
    assert "held out  400 rows" in repr(padl.task("permeability"))  # whose split needs a hyperparameter
    assert repr(padl.task("surface")) == "task: surface, no data\n  metrics  loss, distance"


def test_a_task_whose_split_fails_shows_that_and_raises_nothing():
    def split(seed, scalars):
        raise RuntimeError("no split")

    broken = replace(padl.task("permeability", rows=20), split=split, metrics=(Metric("<b>"),))
    assert "not known: RuntimeError: no split" in repr(broken)
    assert "&lt;b&gt;" in broken._repr_html_()


def test_a_graph_shows_its_first_nodes_and_their_scalars():
    text = repr(padl.backprop.formula("(x + y) * z", x=-2, y=5, z=-4))
    assert text.startswith("graph: 5 nodes, from 3 inputs to 1 result\n")
    assert text.splitlines()[-1].split() == ["4", "(x", "+", "y)", "*", "z", "mul", "of", "3", "and", "2",
                                             "float64[]", "-12", "1"]  # fmt: skip
    large = padl.backprop.trace(lambda x: sum((x**i).sum() for i in range(2, 12)), np.ones((3, 2), np.float32))
    assert len(repr(large).splitlines()) == 15
    assert f"… {len(large) - 12} more rows" in repr(large)


def test_a_comparison_shows_each_optimizer(compared):
    text = repr(compared[0])
    assert text.startswith("comparison: Beale\n")
    assert [line.split()[0] for line in text.splitlines() if line.startswith(("  gd", "  adam"))] == ["gd", "adam"]
    assert no_arrays(text)


def test_a_run_is_drawn_as_in_its_folder(small_run):
    np.testing.assert_array_equal(pixels(small_run.plot()), matplotlib.image.imread(small_run.folder / "curves.png"))


def test_a_sweep_is_drawn_as_in_its_folder(swept):
    names = sorted(file.stem for file in swept.folder.glob("*.png"))
    assert names == ["best_curves", "by_optimizer.learning_rate"]
    for name in names:
        np.testing.assert_array_equal(pixels(swept.plot(name)), matplotlib.image.imread(swept.folder / f"{name}.png"))
    np.testing.assert_array_equal(pixels(swept.plot()), pixels(swept.plot("by_optimizer.learning_rate")))


def test_a_comparison_is_drawn_as_in_its_folder(compared):
    comparison, folder = compared
    for name in ("paths", "progress", "rates"):
        np.testing.assert_array_equal(pixels(comparison.plot(name)), matplotlib.image.imread(folder / f"{name}.png"))


def test_a_picture_that_there_is_not_is_refused_with_those_there_are(swept, compared):
    with pytest.raises(PadlError, match="no picture 'best_curve'; did you mean 'best_curves'"):
        swept.plot("best_curve")
    with pytest.raises(PadlError, match=r"no picture 'by' \(there are: paths, progress, rates\)"):
        compared[0].plot("by")


def test_a_sweep_in_which_nothing_was_measured_says_that_there_is_nothing_to_draw(swept):
    lost = [{**row, "objective": float("nan")} for row in swept.rows]
    with pytest.raises(PadlError, match="nothing to draw"):
        replace(swept, rows=lost).plot()


def test_a_history_as_a_frame_has_its_columns(small_run):
    frame = small_run.to_frame()
    assert list(frame.columns) == list(small_run.history)
    for name, column in small_run.history.items():
        np.testing.assert_array_equal(frame[name], column)


def test_a_sweep_as_a_frame_has_a_row_for_each_member(swept):
    frame = swept.to_frame()
    assert frame.shape == (6, len(swept.rows[0]))
    assert list(frame["optimizer.learning_rate"]) == [0.01, 0.01, 0.1, 0.1, 1e20, 1e20]
    assert list(frame["status"][4:]) == ["diverged"] * 2
    assert frame.groupby("optimizer.learning_rate")["objective"].mean()[0.1] == pytest.approx(
        next(s.mean for s in swept.ranked if s.values["optimizer.learning_rate"] == 0.1)
    )


def test_without_pandas_a_line_says_what_to_install(small_run, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(PadlError, match=r"^to_frame\(\) needs pandas, .*: pip install -e '.*\[notebook\]'$"):
        small_run.to_frame()
