"""`padl runs`: which runs there are, what became of them, sorted and filtered; damaged folders are rows."""

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from time import perf_counter

import pytest

import padl

QUICK = {"wandb": {"mode": "disabled"}, "steps_per_call": 5, "devices": 1}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Three runs of a surface, and a sweep of two."""
    run = {"dir": str(tmp_path_factory.mktemp("made")), "plot": False}
    for rate in (0.001, 0.002):
        optimizer = {"name": "sgd", "learning_rate": rate}
        padl.train("surface", optimizer=optimizer, steps=5, run={**run, "name": f"rate {rate}"}, **QUICK)
    padl.train("surface", optimizer="adam", steps=5, run=run, **QUICK)
    padl.sweep("surface", over={"seed": [0, 1]}, steps=5, run=run, **QUICK)
    return run["dir"]


@pytest.fixture
def folder(made, tmp_path):
    return shutil.copytree(made, tmp_path / "runs")


def names(out):
    return [line.split()[0] for line in out.splitlines()[1:]]


def test_every_run_and_sweep_is_a_line_and_members_where_asked_for(folder, padl_command):
    code, out, err = padl_command("runs")
    assert (code, err) == (0, "")
    assert len(names(out)) == 4
    assert "rate_0.001" in out
    assert "2 runs, over seed" in out
    assert "learning_rate=0.002, steps=5, seed 0" in out
    assert len(names(padl_command("runs", "--members")[1])) == 6
    (sweep,) = folder.glob("*sweep*")
    assert sorted(names(padl_command("runs", str(sweep))[1])) == ["0000-seed=0", "0001-seed=1"]


@pytest.mark.usefixtures("folder")
def test_rows_are_sorted_by_columns_metrics_and_keys_and_what_has_no_value_is_last(padl_command):
    def order(*words):
        rows = json.loads(padl_command("runs", "--json", *words)[1])
        return [row["config"].get("optimizer", {}).get("learning_rate") for row in rows]

    singles = ("--filter", "kind=run")
    assert order("--sort", "learning_rate", *singles) == [0.001, 0.001, 0.002]
    assert order("--sort", "-learning_rate", *singles) == [0.002, 0.001, 0.001]
    assert order("--sort", "learning_rate", "--reverse", "--limit", "1", *singles) == [0.002]
    best = [row["best"] for row in json.loads(padl_command("runs", "--json", "--sort", "best/loss")[1])]
    assert best[:3] == sorted(best[:3])
    assert len(best) == 4


@pytest.mark.parametrize(
    ("words", "count"),
    [
        (["optimizer=sgd"], 2),
        (["optimizer!=sgd"], 2),
        (["optimizer=s*"], 2),
        (["learning_rate>0.001", "kind=run"], 1),
        (["learning_rate<=1e-3", "kind=run"], 2),
        (["optimizer.learning_rate=2e-3"], 1),
        (["task=digits"], 0),
        (["status=finished", "kind=sweep"], 1),
        (["schedule=constant"], 4),
        (["run.name=rate*"], 2),
        (["when>2026"], 4),
        (["best<nothing"], 0),
    ],
)
@pytest.mark.usefixtures("folder")
def test_filters_keep_what_they_say(padl_command, words, count):
    filters = [word for each in words for word in ("--filter", each)]
    assert len(json.loads(padl_command("runs", "--json", *filters)[1])) == count


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "nowhere is not there"),
        (["--sort", "bst"], "no run here has 'bst'; did you mean 'best'?"),
        (["--filter", "optimizer"], "'optimizer' filters nothing"),
        (["--filter", "learning_rat=1"], "did you mean 'optimizer.learning_rate'?"),
        (["--filter", "held=1"], "no run here has 'held'"),
        (["--limit", "0"], "--limit 0"),
        (["--sort"], "--sort takes one key"),
        (["a", "b"], "padl runs takes one folder"),
        (["--json", "--csv"], "give one of them"),
    ],
)
def test_a_mistake_is_one_line(padl_command, words, message):
    code, out, err = padl_command("runs", *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


def test_a_damaged_folder_is_a_row_and_the_others_stay(folder, padl_command):
    runs = sorted(folder.glob("*rate*"))
    (runs[0] / "summary.json").write_text("{")
    (runs[1] / "config.yaml").write_text("a: [")
    (folder / "empty").mkdir()
    (folder / "inner" / "half").mkdir(parents=True)
    (folder / "inner" / "half" / "status.json").write_text("[]")
    (folder / "compared").mkdir()
    (folder / "compared" / "config.yaml").write_text("surface: beale\n")
    code, out, err = padl_command("runs")
    assert (code, err) == (0, "")
    assert len(names(out)) == 5
    assert out.count("damaged\n") == 3
    assert "summary.json is damaged: it is not JSON" in out


def test_a_run_whose_process_is_gone_was_killed_and_shows_how_far_it_came(folder, padl_command):
    (run,) = folder.glob("*adam*")
    (run / "summary.json").unlink()
    status = json.loads((run / "status.json").read_text())
    (run / "status.json").write_text(json.dumps({**status, "status": "running", "reason": "", "step": 5}))
    (row,) = json.loads(padl_command("runs", "--json", "--filter", "status=killed")[1])
    assert row["steps"] == 5
    assert row["metric"] == "eval/loss"
    assert row["best"] <= row["final"]


@pytest.mark.usefixtures("folder")
def test_csv_has_a_column_for_every_key_and_python_gives_the_same_rows(padl_command):
    rows = list(csv.DictReader(io.StringIO(padl_command("runs", "--csv", "--sort", "name")[1])))
    found = padl.list_runs("runs", sort="name")
    assert [row["name"] for row in rows] == [row["name"] for row in found.rows]
    assert list(rows[0]) == list(found.rows[0])
    assert found.to_frame()["optimizer.learning_rate"].notna().all()
    assert repr(found).startswith("4 runs and sweeps in runs")


def test_nothing_of_jax_is_imported_and_three_hundred_folders_are_listed_at_once(folder):
    (run,) = folder.glob("*adam*")
    many = folder.parent / "many"
    many.mkdir()
    for number in range(300):
        (many / f"{number}").mkdir()
        for name in ("config.yaml", "status.json", "summary.json", "title.json"):
            os.link(run / name, many / f"{number}" / name)
    code = "import sys; from padl.cli.main import main; main(['runs', 'many']); assert 'jax' not in sys.modules"
    begun = perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder.parent, check=True)
    assert len(done.stdout.splitlines()) == 301
    assert perf_counter() - begun < 20  # 0.4 s of CPU; the machine may be busy


def test_a_sweep_has_the_names_of_all_its_members_from_its_start(tmp_path):
    run = {"dir": str(tmp_path), "plot": False}
    swept = padl.sweep("surface", over={"optimizer": ["sgd", "adam"]}, steps=5, run=run, **QUICK)
    (swept.folder / "sweep.json").unlink()  # which is written at its end
    (row,) = padl.list_runs(tmp_path).rows
    assert (row["optimizer"], row["task"], row["status"]) == ("sgd,adam", "surface", "interrupted")
