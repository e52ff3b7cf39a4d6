"""A run that was stopped goes on to the bits of the run that never was, or says in one line why it cannot."""

import json
import shutil

import numpy as np
import pytest
from asked_to_stop import After

import padl
from padl.app import train
from padl.app.fingerprint import DifferentRun
from padl.app.resume import resume
from padl.app.saving import Interval, interval
from padl.app.stored_config import same_wandb_run
from padl.runs import manifest, run_folder, snapshots, status
from padl.types import PadlError

STEPS = 60
HARD = {  # whatever a run carries from step to step
    "task": "digits",
    "model": {"name": "mlp", "widths": [8], "norm": "batch", "dropout": 0.2},
    "optimizer": {"name": "adamw", "learning_rate": 0.01},
    "schedule": "warmup_cosine",
    "accumulate": 2,
    "ema": 0.9,
    "clip_norm": 1.0,
    "steps": STEPS,
    "steps_per_call": 10,
    "log_every": 7,
    "eval_every": 25,
    "devices": 1,
    "progress": "none",
    "wandb": {"mode": "disabled"},
}


def config(folder, **changes):
    run = {"dir": str(folder), "plot": False, **changes.pop("run", {})}
    return {**HARD, **changes, "run": run}


def run(folder, looks=10**9, **changes):
    return train.run(config(folder, **changes), ["padl", "train"], After(looks))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return run(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    return run(tmp_path_factory.mktemp("stopped"), looks=3)


@pytest.fixture
def copy(stopped, tmp_path):
    return shutil.copytree(stopped.folder, tmp_path / "run")


def files(folder):
    names = ("metrics.jsonl", "checkpoint/final.msgpack", "checkpoint/best.msgpack")
    return {name: (folder / name).read_bytes() for name in names}


def test_a_run_that_is_asked_to_stop_says_so_and_keeps_what_it_had(stopped):
    assert stopped.status == "interrupted"
    record = status.read(stopped.folder)
    assert (record.status, record.reason) == ("interrupted", "SIGTERM")
    assert 0 < record.step < STEPS
    assert snapshots.newest(stopped.folder / "snapshots").step == record.step
    assert padl.load(stopped.folder, "final").params.keys()
    assert not (stopped.folder / "curves.png").exists()


def test_it_goes_on_to_the_bits_of_the_run_that_never_stopped(whole, copy):
    result = resume(copy)
    assert files(copy) == files(whole.folder)
    assert result.summary["final"] == whole.summary["final"]
    assert result.summary["best"] == whole.summary["best"]
    assert status.read(copy).status == "finished"
    np.testing.assert_array_equal(result.history["train/loss"], whole.history["train/loss"])
    assert json.loads((copy / "resumes.jsonl").read_text())["after_step"] < STEPS


def test_what_was_written_after_the_snapshot_is_cut_off_and_comes_again(whole, copy):
    with (copy / "metrics.jsonl").open("a") as file:
        file.write('{"step": 55, "train/loss": 7.0}\n{"step": 5')
    resume(copy)
    assert files(copy) == files(whole.folder)


def test_it_can_be_stopped_at_every_call_and_comes_to_the_same_bits(whole, tmp_path):
    result = run(tmp_path, looks=2)  # one look before the folder is made, one before the second call
    for _ in range(STEPS):
        if result.status != "interrupted":
            break
        result = resume(result.folder, stop=After(1))
    assert result.status == "finished"
    assert files(result.folder) == files(whole.folder)


def test_a_damaged_newest_snapshot_leaves_the_one_before_and_says_so_loudly(whole, tmp_path, capsys):
    folder = run(tmp_path, looks=4, run={"save_every": 10}).folder
    newest = sorted((folder / "snapshots").iterdir())[-1]
    content = bytearray((newest / "arrays.msgpack").read_bytes())
    content[len(content) // 2] ^= 1
    (newest / "arrays.msgpack").write_bytes(content)
    resume(folder)
    assert "IS DAMAGED AND NOT USED" in capsys.readouterr().err
    assert files(folder) == files(whole.folder)


def test_without_a_whole_snapshot_it_is_refused_and_never_begins_anew(copy):
    shutil.rmtree(copy / "snapshots")
    before = (copy / "metrics.jsonl").read_bytes()
    with pytest.raises(PadlError, match=r"no whole snapshot .* padl rerun .* begins anew"):
        resume(copy)
    assert (copy / "metrics.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    "changes",
    [
        {"metrics": 3},
        {"metrics": {"bytes": "many", "sha256": ""}},
        {"window": []},
        {"window": {"step": 30, "open": {"loss": {"dtype": "object", "values": [[]]}}}},
        {"fingerprint": "that of another"},
        {"fingerprint": {"config": 1}},
        {"seconds": None},
        {"step": "30 steps"},
        {"form": 5},
        {"form": [["a", "b", "c"]]},
        {"form": []},
    ],
    ids=str,
)
def test_a_snapshot_that_a_stranger_made_is_refused_in_one_line(copy, changes):
    folder = snapshots.newest(copy / "snapshots").folder
    record = run_folder.read_json(folder / "record.json") | changes
    manifest.write(folder, {"record.json": json.dumps(record).encode()}, manifest.entries(folder))
    before = (copy / "metrics.jsonl").read_bytes()
    with pytest.raises(PadlError):
        resume(copy)
    assert (copy / "metrics.jsonl").read_bytes() == before


def test_a_run_goes_on_in_its_own_wb_run_but_never_online_by_itself(copy, capsys):
    stored = {"mode": "online", "project": "mine", "name": "me", "group": None, "tags": ["a"], "max_runs": 32}
    edited = run_folder.read_config(copy) | {"wandb": stored}
    (copy / "config.yaml").write_text(run_folder.to_yaml(edited))
    assert same_wandb_run(edited, copy, reported=True) == stored | {"mode": "offline"}
    assert "goes on offline: wandb.mode=online is yours to say" in capsys.readouterr().err
    assert same_wandb_run({"wandb": {"mode": "disabled"}}, copy, reported=True) == {"mode": "disabled"}
    assert resume(copy, {"wandb.mode": "disabled"}).config["wandb"]["project"] == "mine"


def test_without_its_env_json_nothing_is_cut(copy):
    (copy / "env.json").unlink()
    before = (copy / "metrics.jsonl").read_bytes()
    with pytest.raises(PadlError, match=r"env\.json"):
        resume(copy)
    assert (copy / "metrics.jsonl").read_bytes() == before


def test_rows_that_are_not_those_of_the_snapshot_are_refused(copy):
    content = (copy / "metrics.jsonl").read_text()
    (copy / "metrics.jsonl").write_text(content.replace("1", "2", 1))
    with pytest.raises(PadlError, match=r"metrics\.jsonl does not begin with the rows"):
        resume(copy)


def test_a_finished_run_is_extended_where_its_learning_rates_stay_what_they_were(tmp_path, whole, capsys):
    folder = run(tmp_path, schedule="constant", steps=30, eval_every=15, log_every=10).folder
    with pytest.raises(PadlError, match=r"is finished, after 30 steps: steps=N"):
        resume(folder)
    for steps in (20, 30):
        with pytest.raises(PadlError, match="30 are done already"):
            resume(folder, {"steps": steps})
    with pytest.raises(PadlError, match="steps=null extends nothing"):
        resume(folder, {"steps": None})
    resume(folder, {"steps": 50, "progress": "plain"})
    assert "steps: 30 -> 50" in capsys.readouterr().err
    direct = run(tmp_path / "direct", schedule="constant", steps=50, eval_every=15, log_every=10).folder
    assert run_folder.read_metrics(folder) == run_folder.read_metrics(direct)
    assert files(folder)["checkpoint/final.msgpack"] == files(direct)["checkpoint/final.msgpack"]
    assert run_folder.read_config(folder)["steps"] == 50
    with pytest.raises(PadlError, match="schedule=warmup_cosine spreads its learning rates over all steps"):
        resume(whole.folder, {"steps": 90})


def change_seed(folder, monkeypatch):
    text = (folder / "config.yaml").read_text()
    (folder / "config.yaml").write_text(text.replace("clip_norm: 1.0", "clip_norm: 2.0"))


def change_code(folder, monkeypatch):
    monkeypatch.setattr("padl.app.fingerprint._digest_of_padl", lambda: "other")


def change_version(folder, monkeypatch):
    monkeypatch.setattr("padl.app.fingerprint.metadata.version", lambda name: "9.9" if name == "jax" else "1")


def change_flag(folder, monkeypatch):
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "0")


@pytest.mark.parametrize(
    ("change", "group"),
    [(change_seed, "config"), (change_code, "code"), (change_version, "versions"), (change_flag, "flags")],
)
def test_what_its_numbers_depend_on_must_be_as_it_was_unless_it_is_allowed(copy, monkeypatch, change, group):
    change(copy, monkeypatch)
    with pytest.raises(DifferentRun, match=f"--allow {group} goes on all the same") as error:
        resume(copy)
    assert {difference.group for difference in error.value.differences} == {group}
    assert resume(copy, allow=[group]).status == "finished"


def test_an_allowance_that_nothing_needs_is_said(copy, capsys):
    assert resume(copy, allow=["code", "path", "schedule"]).status == "finished"
    err = capsys.readouterr().err
    assert [f"--allow {name} changed nothing" in err for name in ("code", "path", "schedule")] == [True] * 3


def test_other_data_are_refused(tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("a,b\n" + "".join(f"{i % 7},{i % 3}\n" for i in range(40)))
    task = {"name": "csv", "path": str(table), "target": "b"}
    folder = run(tmp_path / "runs", looks=2, task=task, batch_size=8).folder
    table.write_text("a,b\n" + "".join(f"{i % 5},{i % 3}\n" for i in range(40)))
    with pytest.raises(DifferentRun, match="it differs in data"):
        resume(folder)


@pytest.mark.parametrize(
    ("settings", "allow", "says"),
    [
        ({"optimizer.learning_rate": 1.0}, (), "resume cannot change 'optimizer.learning_rate'"),
        ({"stepz": 90}, (), "did you mean 'steps'"),
        ({}, ("version",), "no 'version' to allow; did you mean 'versions'"),
    ],
)
def test_words_that_it_does_not_take_are_refused(copy, settings, allow, says):
    with pytest.raises(PadlError, match=says):
        resume(copy, settings, allow=allow)


def test_a_run_that_another_process_writes_is_left_alone(copy):
    from padl.runs import lock

    content = run_folder.read_json(copy / "status.json")
    (copy / "status.json").write_text(json.dumps({**content, "status": "running"}))
    with lock.hold(copy), pytest.raises(PadlError, match="is running, as process"):
        resume(copy)
    assert status.read(copy)[:3] == ("interrupted", content["step"], "killed")  # nobody holds it any more


@pytest.mark.parametrize(
    ("text", "means"),
    [
        (1000, Interval(1000, None)),
        ("250", Interval(250, None)),
        ("10min", Interval(None, 600.0)),
        ("1.5 h", Interval(None, 5400.0)),
        ("30s", Interval(None, 30.0)),
        (None, Interval(None, None)),
    ],
)
def test_how_often_is_told_in_steps_or_in_time(text, means):
    assert interval(text) == means


@pytest.mark.parametrize("text", ["10 minutes", "0", "0s", "-5", "min", "", "1e3s", True])
def test_what_is_neither_is_refused(text):
    with pytest.raises(PadlError, match=r"run\.save_every="):
        interval(text)
