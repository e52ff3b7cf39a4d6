"""Test rows: apart from those that train and those that choose, evaluated on once, told wherever a run is told."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

import padl
from padl.app import notes, saved_runs
from padl.app.run_spec import check
from padl.engine import loop
from padl.registry import task as tasks
from padl.types import PadlError

HOLDING_OUT = [entry.name for entry in tasks if "held_out" in entry.hyperparameters]
MADE = [name for name in HOLDING_OUT if name not in ("csv", "image_folder", "array_files")]
DIGITS = {"name": "digits", "test": 0.1}
RUN = {"model": {"name": "mlp", "widths": [4]}, "steps": 30, "eval_every": 10, "devices": 1}


def test_there_are_tasks_that_hold_rows_out():
    assert len(HOLDING_OUT) >= 10


@pytest.mark.parametrize("name", HOLDING_OUT)
def test_every_task_that_holds_rows_out_can_have_test_rows(name):
    hyperparameter = tasks.get(name).hyperparameters["test"]
    assert hyperparameter.default == 0.0
    assert 0.0 in hyperparameter.domain
    assert 1.0 not in hyperparameter.domain


@pytest.mark.parametrize("name", MADE)
def test_test_rows_come_from_the_training_rows_alone(name):
    few = {"rows": 60} if "rows" in tasks.get(name).hyperparameters else {}
    scalars = {"noise": 0.05, "beta": 1.0}
    without, split = (padl.task(name, **few, test=share).split(1, scalars) for share in (0.0, 0.1))
    np.testing.assert_array_equal(split.held_out, without.held_out)
    np.testing.assert_array_equal(np.sort(np.concatenate([split.train, split.test])), without.train)
    assert without.test == ()


def test_metrics_of_all_rows_together_are_measured_on_the_test_rows():
    run = padl.train(task={"name": "digits_embedding", "test": 0.1}, **{**RUN, "steps": 2}, batch_size=8)
    assert set(run.summary["test"]["final"]) == set(run.summary["final"])
    assert run.summary["test"]["final"] != run.summary["final"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run with test rows, in a folder."""
    return padl.train(task=DIGITS, run={"dir": str(tmp_path_factory.mktemp("runs")), "plot": False}, **RUN)


def accuracy(run, params, rows):
    """The share of right classes, in NumPy."""
    task = padl.task(**DIGITS)
    split = task.split(0, {})
    inputs = (task.rows["inputs"][split._asdict()[rows]].astype("f4") - split.stats["mean"]) / split.stats["std"]
    hidden = inputs.reshape(len(inputs), -1)
    for layer in sorted({name.rpartition(".")[0] for name in params if not name.startswith("head")}):
        hidden = np.maximum(hidden @ params[f"{layer}.kernel"] + params[f"{layer}.bias"], 0)
    outputs = hidden @ params["head.kernel"] + params["head.bias"]
    return (outputs.argmax(1) == task.rows["labels"][split._asdict()[rows]]).mean()


def test_the_numbers_are_those_of_the_test_rows(run):
    for which, params in (("final", run.params), ("best", run.best_params)):
        assert run.summary["test"][which]["accuracy"] == pytest.approx(accuracy(run, params, "test"), abs=1e-6)
        assert run.summary[which]["accuracy"] == pytest.approx(accuracy(run, params, "held_out"), abs=1e-6)
    stored = json.loads((run.folder / "summary.json").read_text())
    assert stored["test"] == run.summary["test"]
    assert stored["rows"] == {"train": 1258, "held_out": 359, "test": 180}


def test_the_best_parameters_are_chosen_on_the_held_out_rows_alone(run):
    evaluated = run.history["eval/accuracy"]
    assert run.summary["best"]["accuracy"] == np.nanmax(evaluated)
    assert not [name for name in run.history if name.startswith("test")]


def test_evaluating_again_gives_the_bits_of_the_run(run):
    for which in ("final", "best"):
        assert saved_runs.evaluate(run.folder, which, rows="test") == run.summary["test"][which]
        assert saved_runs.recorded(run.folder, which, "test") == run.summary["test"][which]
    with pytest.raises(PadlError, match="rows='train' is none of held_out, test"):
        saved_runs.evaluate(run.folder, rows="train")  # pyright: ignore[reportArgumentType]


def test_a_run_without_test_rows_says_no_word_of_them(small_run, padl_command):
    assert "test" not in small_run.summary
    assert small_run.summary["rows"].keys() == {"train", "held_out"}
    assert "test" not in padl_command("evaluate", str(small_run.folder))[1]
    with pytest.raises(PadlError, match=r"has no test rows: train with task\.test=0\.1"):
        padl.evaluate(small_run.folder, rows="test")


def test_the_end_of_a_run_and_its_evaluation_show_the_test_rows(run, padl_command, tmp_path):
    words = ["task.test=0.1", "model.widths=[4]", "steps=20", "run.plot=false", "wandb.mode=disabled"]
    out = padl_command("train", *words, f"run.dir={tmp_path}")[1]
    (folder,) = tmp_path.iterdir()
    value = json.loads((folder / "summary.json").read_text())["test"]["final"]["accuracy"]
    (row,) = [line for line in out.splitlines() if "test/accuracy" in line]
    assert row.count(f"{value:.5g}") == 2  # final and best, which is the last of it
    out = padl_command("evaluate", str(run.folder), "--best")[1]
    assert "best parameters, held out" in out
    assert "best parameters, test rows" in out
    assert out.count(f"{run.summary['test']['best']['accuracy']:.9g}") == 2  # now, and in the run


def test_a_damaged_record_of_the_test_rows_is_named(run, monkeypatch):
    monkeypatch.setattr("padl.runs.run_files.verified_json", lambda file: {"test": [1]})
    with pytest.raises(PadlError, match=r"summary\.json is damaged: its test metrics are none"):
        saved_runs.recorded(run.folder, "best", "test")


def test_streamed_rows_have_test_rows_too(tmp_path):
    digits = padl.task("digits")
    np.save(tmp_path / "inputs.npy", digits.rows["inputs"])
    np.save(tmp_path / "targets.npy", digits.rows["labels"])
    streamed = padl.train(task={"name": "array_files", "path": str(tmp_path), "test": 0.1}, **RUN)
    resident = padl.train(task=DIGITS, **RUN)
    assert streamed.summary["test"] == resident.summary["test"]


def test_a_run_that_diverged_has_the_test_metrics_of_its_best_parameters_alone():
    run = padl.train(task=DIGITS, optimizer={"name": "sgd", "learning_rate": 1e30}, **RUN)
    assert run.status == "diverged"
    assert "test" not in run.summary  # nothing was evaluated before
    test = {"final": {"loss": np.nan}, "best": {"loss": 1.0}}
    assert loop.chosen(test, diverged=12, best_step=10) == {"best": {"loss": 1.0}}
    assert loop.chosen(test, diverged=None, best_step=0) == {"final": test["final"]}


# Sweeps


@pytest.mark.parametrize("strategy", ["vmap", "map", "alone"])
def test_members_of_a_sweep_have_the_test_metrics_of_the_runs_alone(strategy):
    how = {"exact": True} if strategy == "alone" else {"strategy": strategy}
    over = {"optimizer.learning_rate": [0.01, 0.1]}
    found = padl.sweep(over=over, task=DIGITS, sweep=how, **{key: RUN[key] for key in ("model", "steps", "eval_every")})
    for row in found.rows:
        optimizer = {"name": "adam", "learning_rate": row["optimizer.learning_rate"]}
        alone = padl.train(task=DIGITS, optimizer=optimizer, **RUN)
        for which, metrics in alone.summary["test"].items():
            for name, value in metrics.items():
                column = row[f"test/{which}/{name}"]
                assert column == value if strategy == "alone" else column == pytest.approx(value, rel=0.02, abs=0.02)


def test_a_sweep_is_still_one_program_and_tells_the_test_rows_of_its_best_setting(tmp_path, padl_command):
    words = ["task.test=0.1", "model.widths=[4]", "steps=20", "wandb.mode=disabled", "run.plot=false", "progress=none"]
    grid = ["optimizer.learning_rate=0.1,0.01", "seed=0,1,2"]
    out = padl_command("train", "-m", *words, *grid, f"run.dir={tmp_path}")[1]
    (folder,) = tmp_path.iterdir()
    told = json.loads((folder / "sweep.json").read_text())
    assert len(told["programs"]) == 1
    with (folder / "results.csv").open() as file:
        rows = list(csv.DictReader(file))
    members = told["ranking"][0]["members"]
    values = [float(rows[member]["test/best/accuracy"]) for member in members]
    mean, error = np.mean(values), np.std(values, ddof=1) / np.sqrt(3)
    assert told["test"]["accuracy"] == {"mean": pytest.approx(mean), "error": pytest.approx(error), "n": 3}
    assert f"test  accuracy {mean:.5g} ± {error:.2g}, loss " in out


def test_a_member_that_diverged_has_no_final_test_metrics():
    rates = {"optimizer.learning_rate": [0.01, 1e30]}
    found = padl.sweep(over=rates, optimizer="sgd", task=DIGITS, model=RUN["model"], steps=20)
    healthy, diverged = (row["test/final/accuracy"] for row in found.rows)
    assert healthy > 0
    assert diverged is None


# Lines on the data


def lines(labels, seeds=(0,)):
    """The lines of runs on rows of these labels."""
    specs = [check({"task": DIGITS, "seed": seed}) for seed in seeds]
    task = replace(specs[0].task, rows={"labels": labels})
    return notes.notes([replace(spec, task=task) for spec in specs])


def test_classes_that_a_side_lacks_are_named():
    split = padl.task(**DIGITS).split(0, {})
    labels = np.zeros(1797, np.int32)
    assert lines(labels) == []
    labels[split.train[:3]] = [1, 2, 3]
    assert lines(labels) == [
        "3 of 4 classes have no held-out row: 1, 2, 3",
        "3 of 4 classes have no test row: 1, 2, 3",
    ]
    labels[split.held_out[0]] = 9
    assert lines(labels)[0] == "1 of 5 classes has no training row: 9"
    labels[split.train[:40]] = np.arange(100, 140)
    assert lines(labels)[1].startswith("40 of 42 classes have no held-out row: 100, 101, ")
    assert lines(labels)[1].endswith(", 109 and 30 more")


def test_of_several_splits_the_classes_that_any_lacks_are_named_once():
    labels = np.zeros(1797, np.int32)
    labels[0] = 1
    (line, *_) = lines(labels, seeds=range(4))
    assert line.startswith("in some splits 1 of 2 classes has no ")


def test_lines_are_printed_before_a_run_and_once_in_a_sweep(padl_command, tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("x,y\n" + "".join(f"{i},{'rare' if i == 7 else 'common'}\n" for i in range(20)))
    words = ["task=csv", f"task.path={table}", "model=linear", "steps=2", "run.plot=false", "wandb.mode=disabled"]
    line = "padl: 1 of 2 classes has no held-out row: rare\n"
    for more in ([], ["-m", "seed=0,1", "optimizer.learning_rate=0.1,0.01"]):
        folder = tmp_path / f"runs{len(more)}"
        errors = padl_command("train", *more, *words, f"run.dir={folder}", "progress=plain")[2]
        assert errors.count("has no held-out row: rare") == 1
        assert (line in errors) or more
    assert "rare" not in padl_command("train", *words, f"run.dir={tmp_path / 'quiet'}", "progress=none")[2]
    (summary,) = (tmp_path / "quiet").glob("*/summary.json")
    assert json.loads(summary.read_text())["notes"][1:] == ["1 of 2 classes has no held-out row: rare"]
