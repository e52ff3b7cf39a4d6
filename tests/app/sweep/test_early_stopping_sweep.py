"""Members of a sweep end early as the same runs do alone, in whatever way they share a program."""

import contextlib
import csv
import json

import numpy as np
import pytest
from asked_to_stop import After, go_on_until_done

import padl
from padl.app import train
from padl.app.stopping import Stopped
from padl.app.sweep import results
from padl.app.sweep.members import Requested
from padl.app.sweep.run import Sweep
from padl.runs import run_folder, status

BASE = {
    "task": {"name": "digits", "test": 0.1},
    "model": {"name": "mlp", "widths": [4], "dropout": 0.2},
    "steps": 60,
    "steps_per_call": 5,
    "log_every": 7,
    "eval_every": 10,
    "progress": "none",
    "devices": 1,
    "wandb": {"mode": "disabled"},
}
STILL, DIVERGES = 1e-30, 1e38  # learning rates: one that moves nothing
SETTINGS = [(STILL, 2), (0.01, None), (STILL, 1), (DIVERGES, 2), (STILL, 4)]  # and patience
ENDS = [30, 60, 20, 2, 50]
LAYOUTS = {"vmap in threes": {"chunk": 3, "strategy": "vmap"}, "map": {"strategy": "map"}, "alone": {"exact": True}}


def config(rate, patience, **changes):
    optimizer, stop = {"name": "adam", "learning_rate": rate}, {"patience": patience}
    return {**BASE, "optimizer": optimizer, "stop": stop, **changes}


def launch(folder, looks=10**9, settings=SETTINGS, **sweep):
    base = {"run": {"dir": str(folder), "plot": False, "save_every": 10}, "sweep": sweep}
    requests = [
        Requested([f"rate={rate}"], {"rate": rate, "stop.patience": patience}, config(rate, patience, **base))
        for rate, patience in settings
    ]
    made = Sweep([], stop=After(looks), report=results.write_tables)
    with contextlib.suppress(Stopped):
        made.launch(requests)
    results.finish(made)
    return made


def files(folder):
    names = ("metrics.jsonl", "checkpoint/final.msgpack", "checkpoint/best.msgpack", "summary.json")
    found = {f"{member.name[:4]}/{name}": member / name for member in folder.glob("0*") for name in names}
    return {name: _content(file) for name, file in found.items() if file.is_file()}


def _content(file):
    if file.suffix != ".json":
        return file.read_bytes()
    return {key: value for key, value in json.loads(file.read_text()).items() if "second" not in key}


@pytest.fixture(scope="module", params=LAYOUTS.values(), ids=LAYOUTS)
def layout(request):
    return request.param


@pytest.fixture(scope="module")
def swept(layout, tmp_path_factory):
    return launch(tmp_path_factory.mktemp("swept"), **layout)


@pytest.fixture(scope="module")
def alone():
    return [train.run(config(*each, run={"dir": None}), []) for each in SETTINGS]


def test_each_member_ends_at_the_step_of_the_same_run_alone_and_for_the_same_reason(swept, alone):
    assert [member.summary["steps"] for member in swept.members] == ENDS
    for member, single in zip(swept.members, alone, strict=True):
        assert (member.status, member.summary["reason"]) == (single.status, single.summary["reason"])
        assert member.summary["best"].get("step") == single.summary["best"].get("step")
        assert [row["step"] for row in member.rows] == list(single.history["step"])


def test_it_comes_to_the_parameters_metrics_and_test_metrics_of_the_run_alone(layout, swept, alone):
    same = np.testing.assert_array_equal
    if "exact" not in layout:
        same = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5)  # noqa: E731 - sums in another order
    for member, single in zip(swept.members, alone, strict=True):
        if single.status == "diverged":
            continue
        for which, params in (("final", single.params), ("best", single.best_params)):
            saved = padl.load(member.folder, which).params
            for name, array in params.items():
                same(saved[name], array)
        for part in ("final", "best", "final_train"):
            same(*([each.summary[part][name] for name in single.summary[part]] for each in (member, single)))
        for part in ("final", "best"):
            names = single.summary["test"][part]
            same(*([each.summary["test"][part][name] for name in names] for each in (member, single)))


def test_folders_and_tables_say_it(swept):
    record = status.read(swept.members[0].folder)
    reason = "stopped at step 30: no better eval/accuracy in 2 evaluations"
    assert (record.status, record.step, record.reason) == ("finished", 30, reason)
    assert run_folder.read_json(swept.members[0].folder / "summary.json")["reason"] == reason
    rows = list(csv.DictReader((swept.records.folder / "results.csv").read_text().splitlines()))
    assert [row["reason"] for row in rows] == [member.summary["reason"] for member in swept.members]
    assert [row["step"] for row in rows] == [str(step) for step in ENDS]
    assert rows[0]["objective"] == str(swept.members[0].summary["best"]["accuracy"])


def test_a_sweep_stopped_anywhere_ends_each_member_where_the_one_that_never_was_does(layout, swept, tmp_path):
    folder = launch(tmp_path, looks=3, **layout).records.folder
    go_on_until_done(folder, looks=3)
    assert files(folder) == files(swept.records.folder)
    assert not (folder / "snapshots").exists()


def test_a_round_whose_members_have_all_stopped_makes_way_for_the_next(tmp_path):
    calls = After(10**9)
    sweep = Sweep([], stop=calls)
    settings = [config(STILL, 1, seed=seed, run={"dir": None}, sweep={"chunk": 2}) for seed in range(4)]
    sweep.launch([Requested([f"seed={i}"], {"seed": i}, each) for i, each in enumerate(settings)])
    assert [member.summary["steps"] for member in sweep.members] == [20] * 4


def test_from_python_the_reason_is_a_column(tmp_path):
    settings = {**BASE, "optimizer": {"name": "adam", "learning_rate": STILL}}
    found = padl.sweep(over={"stop.patience": [1, 2], "seed": [0]}, **settings)
    assert list(found.column("step")) == [20, 30]
    assert found.rows[0]["reason"] == "stopped at step 20: no better eval/accuracy in 1 evaluation"


def test_a_search_judges_a_member_that_stopped_by_its_best(padl_command, tmp_path):
    pytest.importorskip("optuna")
    search = ["hydra/sweeper=padl_optuna", "optimizer.learning_rate=interval(1e-3,1e-2)", "hydra.sweeper.trials=2"]
    quiet = ["wandb.mode=disabled", "progress=none", "devices=1", "run.plot=false", "model.widths=[4]"]
    stops = ["steps=60", "eval_every=5", "stop.target=0.15", f"run.dir={tmp_path}"]
    code, out, _ = padl_command("train", "-m", *search, "hydra.sweeper.batch=2", *quiet, *stops)
    assert code == 0
    assert "2 runs stopped early: the column reason of results.csv says why" in out
    (folder,) = tmp_path.iterdir()
    for row in csv.DictReader((folder / "results.csv").read_text().splitlines()):
        assert (row["status"], row["objective"]) == ("finished", row["best/accuracy"])
        assert row["best/step"] == row["step"]
