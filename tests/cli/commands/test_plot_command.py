"""`padl plot` and `padl.plot`: curves of runs together, told apart by what differs between them."""

import shutil

import pytest
from PIL import Image

import padl
from padl.app.run_labels import labels_of

QUICK = {"wandb": {"mode": "disabled"}, "steps_per_call": 5, "devices": 1, "steps": 10, "eval_every": 5, "log_every": 5}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two runs of a surface, one of a table of numbers, and a sweep of two seeds."""
    run = {"dir": str(tmp_path_factory.mktemp("made")), "plot": False, "save": False}
    for rate in (0.001, 0.002):
        padl.train("surface", optimizer={"name": "sgd", "learning_rate": rate}, run=run, **QUICK)
    padl.train("permeability", model={"name": "mlp", "widths": [4]}, run=run, **QUICK)
    padl.sweep("surface", over={"seed": [0, 1]}, run=run, **QUICK)
    return run["dir"]


@pytest.fixture
def folder(made, tmp_path):
    return shutil.copytree(made, tmp_path / "runs")


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()] if figure.legends else []


def panels(figure):
    return [(axes.get_title(), axes.get_ylabel()) for axes in figure.axes if axes.get_visible()]


def test_the_legend_says_what_differs_and_no_more(folder):
    figure = padl.plot(*sorted(folder.glob("*surface-sgd*")))
    assert sorted(legend(figure)) == ["learning_rate 0.001", "learning_rate 0.002"]
    assert panels(figure) == [("", "eval/loss")]
    assert figure.get_suptitle() == "surface sgd, 2 runs"


def test_a_sweep_is_its_members_and_runs_of_other_tasks_have_panels_of_their_own(folder):
    (sweep,) = folder.glob("*sweep*")
    assert legend(padl.plot(sweep)) == ["seed 0", "seed 1"]
    figure = padl.plot(folder, metric="eval/loss")
    assert sorted(panels(figure)) == [("permeability, mse", "eval/loss"), ("surface", "eval/loss")]


def test_the_only_run_of_a_task_has_the_name_of_the_task_in_the_legend(folder):
    (alone,) = folder.glob("*permeability*")
    assert "permeability" in legend(padl.plot(alone, *folder.glob("*surface-sgd*")))


def test_no_line_of_a_legend_is_empty(folder):
    assert "" not in legend(padl.plot(folder, metric="eval/loss"))


def test_keys_that_an_earlier_padl_did_not_know_and_other_sinks_do_not_differ():
    now = {"task": {"name": "digits", "test": 0.0}, "seed": 0, "stop": {"min_change": 0.0}, "sinks": ["csv"]}
    labels = labels_of([now, {"task": {"name": "digits"}, "seed": 1, "sinks": []}], ["a", "b"])
    assert [label for label, _ in labels] == ["seed 0", "seed 1"]


def test_results_are_drawn_as_their_folders_are():
    optimizers = [{"name": "sgd", "learning_rate": rate} for rate in (0.001, 0.002)]
    records = [padl.train("surface", optimizer=optimizer, **QUICK) for optimizer in optimizers]
    figure = padl.plot(*records, metric=["eval/loss", "eval/distance"])
    assert sorted(legend(figure)) == ["learning_rate 0.001", "learning_rate 0.002"]
    (curve, _) = figure.axes[0].get_lines()
    assert curve.get_ydata().tolist() == records[0].history["eval/loss"].tolist()


def test_the_same_run_twice_is_told_apart_by_the_names_of_folders(folder):
    (run, _) = sorted(folder.glob("*surface-sgd*"))
    again = shutil.copytree(run, folder / "again")
    assert sorted(legend(padl.plot(run, again))) == sorted([run.name, "again"])


def test_passes_and_seconds_stand_below_where_they_are_known(folder, padl_command):
    (table,) = folder.glob("*permeability*")
    assert padl_command("plot", str(table), "--x", "epoch", "--smooth", "0.5", "--log")[0] == 0
    assert padl_command("plot", str(table), "--x", "wall", "--out", "wall.svg")[:2] == (0, "wall.svg\n")
    with Image.open("plot.png") as picture:
        assert picture.size[0] > 600
    (surface, _) = sorted(folder.glob("*surface-sgd*"))
    code, _, err = padl_command("plot", str(surface), "--x", "epoch")
    assert (code, "has no training rows, and so no epochs: give --x step" in err) == (2, True)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "padl plot takes the folders of runs"),
        (["nowhere"], "nowhere is no folder of a run: it is not there"),
        (["runs", "--metric", "eval/los"], "no run here has the metric 'eval/los'; did you mean 'eval/loss'?"),
        (["runs", "--x", "day"], "x='day' is none of step, epoch, wall"),
        (["runs", "--smooth", "1"], "smooth=1.0 must be from 0 to below 1"),
        (["runs", "--smooth", "much"], "--smooth much is no number"),
        (["runs", "--out", "x.bmp"], "--out x.bmp: the file must end in .png"),
        (["runs", "--out", "gone/x.png"], "there is no folder gone"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(padl_command, tmp_path, words, message):
    code, out, err = padl_command("plot", *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err
    assert not list(tmp_path.glob("*.png"))
