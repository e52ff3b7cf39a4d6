"""What a run leaves: the folder and its files, W&B's own record of it, the picture, the trained model."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from wandb_records import records

import padl
from padl.runs import run_folder
from padl.runs.sink import Memory, Sinks
from padl.runs.windows import Windows
from padl.types import PadlError

TINY = {"task": "surface", "steps": 20, "log_every": 5}


def test_the_folder_holds_what_it_should(small_run):
    names = {path.name for path in small_run.folder.iterdir()}
    files = {"config.yaml", "title.json", "env.json", "metrics.jsonl", "summary.json", "status.json", "checkpoint"}
    files |= {"curves.png"}
    assert names - {".lock"} == files | {"manifest.json", "snapshots", "wandb"}


def test_the_metrics_are_the_history(small_run):
    rows = run_folder.read_metrics(small_run.folder)
    assert [row["step"] for row in rows] == [20, 30, 40, 60]
    assert rows[-1].keys() >= {"train/loss", "train/accuracy", "learning_rate", "eval/loss", "eval/accuracy"}
    np.testing.assert_array_equal([row.get("train/loss", np.nan) for row in rows], small_run.history["train/loss"])


def test_the_status_is_that_of_the_summary(small_run):
    status = run_folder.read_json(small_run.folder / "status.json")
    assert (status["status"], status["step"]) == ("finished", 60)
    assert run_folder.read_json(small_run.folder / "summary.json") == json.loads(json.dumps(small_run.summary))


def test_the_environment_says_what_is_needed_to_run_it_again(small_run):
    env = run_folder.read_json(small_run.folder / "env.json")
    assert env["versions"].keys() >= {"padl", "jax", "optax", "flax", "numpy"}
    assert env["device"]["platform"] == "cpu"
    assert env["padl"] is None or re.fullmatch(r"[0-9a-f]{40}", env["padl"]["commit"])


def test_the_recorded_configuration_gives_the_same_run_again(small_run):
    config = run_folder.read_config(small_run.folder)
    again = padl.train(**{**config, "run": {"dir": None}, "wandb": {"mode": "disabled"}, "progress": "none"})
    for name, column in small_run.history.items():
        np.testing.assert_array_equal(again.history[name], column)
    for name, p in small_run.params.items():
        np.testing.assert_array_equal(again.params[name], p)


def test_the_picture_can_be_seen(small_run):
    with Image.open(small_run.folder / "curves.png") as picture:
        assert picture.size[0] > 800
        assert len(picture.convert("RGB").getcolors(1 << 20) or []) > 20  # not a blank page


def test_wandbs_own_tool_reads_every_value_of_an_offline_run(small_run):
    found = records(small_run.folder / "wandb")
    run = next(r["run"] for r in found if r["type"] == "run")
    assert (run["run_group"], run["tags"]) == ("tests", ["small"])
    assert run["config"]["update"]["optimizer"]["learning_rate"] == 0.01
    items = [r["history"]["item"] for r in found if r["type"] == "history"]
    rows = run_folder.read_metrics(small_run.folder)
    logged = [{k: v for k, v in item.items() if not k.startswith("_")} for item in items]
    picture = {name: logged[-1].pop(name) for name in list(logged[-1]) if name.startswith("curves.")}
    assert logged == [{k: v for k, v in row.items() if k != "step"} for row in rows]
    assert (small_run.wandb_folder / "files" / picture["curves.path"]).is_file()
    assert [item["_step"] for item in items] == [row["step"] for row in rows]
    summary = {k: v for r in found if r["type"] == "summary" for k, v in r["summary"]["update"].items()}
    assert summary["best/accuracy"] == small_run.summary["best"]["accuracy"]


def test_a_trained_model_is_loaded_and_called_on_raw_inputs(small_run):
    task = padl.task("digits")
    held_out = task.split(0, {}).held_out
    for which, metric in (("best", "best"), ("final", "final")):
        model = padl.load(small_run.folder, which)
        guesses = np.asarray(model(task.rows["inputs"][held_out])).argmax(-1)
        accuracy = (guesses == task.rows["labels"][held_out]).mean()
        assert accuracy == pytest.approx(small_run.summary[metric]["accuracy"], abs=1e-6)


@pytest.mark.parametrize("which", ["best", "final"])
def test_an_evaluation_repeats_to_the_same_numbers(small_run, which):
    from padl.app.saved_runs import recorded

    assert padl.evaluate(small_run.folder, which) == recorded(small_run.folder, which)


def test_a_regression_predicts_in_the_targets_unit(tmp_path):
    options = {"optimizer": {"name": "adam", "learning_rate": 0.01}, "steps": 300, "devices": 1}
    model = {"name": "mlp", "widths": [16]}
    made = padl.train(task="permeability", model=model, run={"dir": str(tmp_path), "plot": False}, **options)
    rows = padl.task("permeability").rows
    error = np.asarray(padl.load(made.folder)(rows["inputs"])) - rows["targets"]
    assert np.sqrt((error**2).mean()) < 0.5  # decades, of data that spread over four


def test_a_model_is_loaded_without_its_data_and_evaluated_from_any_folder(tmp_path, monkeypatch):
    table = tmp_path / "table.csv"
    table.write_text("x,y\n" + "".join(f"{i},{2 * i + 0.5}\n" for i in range(40)))
    run = {"dir": "runs", "plot": False}
    made = padl.train(task={"name": "csv", "path": "table.csv"}, model="linear", steps=20, devices=1, run=run)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(PadlError, match="add --allow path"):
        padl.evaluate(made.folder)
    assert padl.evaluate(made.folder, allow="path")["rmse"] == made.summary["final"]["rmse"]
    table.write_text(table.read_text() + "99,1\n")
    with pytest.raises(PadlError, match="are not those that"):
        padl.evaluate(made.folder, allow="path")
    table.unlink()
    assert padl.load(made.folder)(np.array([[1.0], [2.0]])).shape == (2,)
    with pytest.raises(PadlError, match="No such file"):
        padl.evaluate(made.folder, allow="path")


def test_inputs_of_another_shape_are_refused(small_run):
    with pytest.raises(PadlError, match=r"this model takes \(n, 8, 8, 1\)"):
        padl.load(small_run.folder)(np.zeros((2, 64)))


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(PadlError, match="not the folder of a run"):
        padl.load(tmp_path)


@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_a_damaged_checkpoint_is_refused_and_the_file_named(tmp_path, small_run, damage):
    copy = shutil.copytree(small_run.folder, tmp_path / "copy")
    file = copy / "checkpoint" / "best.msgpack"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    {"flip": lambda: file.write_bytes(content), "cut": lambda: file.write_bytes(content[:-9]), "remove": file.unlink}[
        damage
    ]()
    with pytest.raises(PadlError, match=f"{file.name} is .*damaged"):
        padl.load(copy, "best")
    assert padl.load(copy, "final")


def test_runs_that_start_in_the_same_second_have_folders_of_their_own(tmp_path):
    made = []
    threads = [threading.Thread(target=lambda: made.append(run_folder.create(str(tmp_path), "x"))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 16


def test_a_run_from_python_writes_nothing_unless_asked(tmp_path):
    made = padl.train(**TINY)
    assert made.folder is None
    assert not list(tmp_path.iterdir())


def test_a_diverged_run_keeps_its_rows_and_says_so(tmp_path):
    made = padl.train(
        task="digits",
        optimizer={"name": "sgd", "learning_rate": 1e20},
        devices=1,
        log_every=1,
        run={"dir": str(tmp_path)},
    )
    status = run_folder.read_json(made.folder / "status.json")
    rows = run_folder.read_metrics(made.folder)
    assert made.status == status["status"] == "diverged"
    assert status["step"] == rows[-1]["step"] == len(rows)
    assert not np.isfinite(rows[-1]["train/loss"])
    assert np.isfinite(rows[0]["train/loss"])


def test_numbers_that_json_has_no_word_for_come_back(tmp_path):
    run_folder.write_json(tmp_path / "x.json", {"a": float("nan"), "b": [float("-inf")]})
    assert run_folder.read_json(tmp_path / "x.json") == {"a": "NaN", "b": ["-Infinity"]}


def test_a_line_that_a_crash_cut_off_is_passed_over(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "train/loss": 0.5}\n{"step": 2, "tr')
    assert run_folder.read_metrics(tmp_path) == [{"step": 1, "train/loss": 0.5}]


class Broken:
    def write(self, step, row):
        raise OSError("disk on fire")

    def close(self, summary): ...


def test_a_sink_that_fails_is_dropped_with_one_warning(capsys):
    memory = Memory()
    sinks = Sinks(memory, Broken())
    sinks.write(1, {"a": 1.0})
    sinks.write(2, {"a": 2.0})
    sinks.close({})
    assert len(memory.rows) == 2
    assert capsys.readouterr().err.count("disk on fire") == 1


def test_rows_are_means_over_windows_whatever_the_chunks():
    values = np.arange(1.0, 24.0)
    for cuts in ([23], [1] * 23, [5, 10, 8], [7, 7, 7, 2]):
        windows, out, at = Windows(5), [], 0
        for i, cut in enumerate(cuts):
            part = {"loss": values[at : at + cut], "learning_rate": values[at : at + cut]}
            at += cut
            out += list(windows.take(part, {}, last=i == len(cuts) - 1))
        assert [step for step, _ in out] == [5, 10, 15, 20, 23]
        assert [row["train/loss"] for _, row in out] == [3.0, 8.0, 13.0, 18.0, 22.0]
        assert [row["learning_rate"] for _, row in out] == [5.0, 10.0, 15.0, 20.0, 23.0]


@pytest.fixture
def command():
    """Starts `padl` beside the test: Ctrl-C stops it, even where the tests ignore it (`pytest &` in a script)."""
    with contextlib.ExitStack() as started:

        def start(*words, **env):
            ignored_or_not = signal.signal(signal.SIGINT, signal.default_int_handler)  # a child inherits "ignored" only
            try:
                process = subprocess.Popen(
                    [sys.executable, "-m", "padl", *words],
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    env={name: value for name, value in {**os.environ, **env}.items() if name != "WANDB_SERVICE"},
                )
            finally:
                signal.signal(signal.SIGINT, ignored_or_not)
            started.enter_context(process)
            started.callback(process.kill)  # it may train on where the test failed
            return process

        yield start


LONG = (
    "train",
    "task=surface",
    "steps=100000000",
    "eval_every=1000",
    "log_every=1000",
    "run.dir=runs",
    "progress=plain",
)


def wait_for_rows(folder: Path, process) -> Path:
    for _ in range(600):
        found = list(folder.glob("runs/*/metrics.jsonl"))
        if found and found[0].read_text().count("\n") > 3:
            return found[0].parent
        assert process.poll() is None, process.communicate()
        threading.Event().wait(0.1)
    raise AssertionError("no rows within a minute")


def test_ctrl_c_leaves_the_rows_and_the_status_interrupted(tmp_path, command):
    process = command(*LONG, "wandb.mode=disabled")
    folder = wait_for_rows(tmp_path, process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopping after this call, with the state saved" in err
    assert "Traceback" not in err
    assert run_folder.read_json(folder / "status.json")["status"] == "interrupted"
    assert len(run_folder.read_metrics(folder)) > 3
