"""A run that is killed at a named point, as by SIGKILL, goes on to the bits of the run that never was."""

import os
import subprocess
import sys

import pytest

import padl
from padl.app.resume import resume
from padl.runs import snapshots, status

WORDS = [
    "model.widths=[4]",
    "model.dropout=0.2",
    "ema=0.9",
    "steps=40",
    "steps_per_call=5",
    "log_every=7",
    "eval_every=10",
]
QUIET = ["eval_every=10", "devices=1", "wandb.mode=disabled", "progress=none", "run.plot=false", "run.save_every=10"]


def killed(folder, point):
    """Run `padl train` until it is killed there, and return its folder."""
    process = subprocess.run(
        [sys.executable, "-m", "padl", "train", *WORDS, *QUIET, f"run.dir={folder}"],
        env={**os.environ, "PADL_KILL_AT": point},
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert process.returncode == -9, process.stderr
    (made,) = folder.iterdir()
    return made


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    model, run = (
        {"name": "mlp", "widths": [4], "dropout": 0.2},
        {"dir": str(tmp_path_factory.mktemp("w")), "plot": False},
    )
    about = {"steps": 40, "steps_per_call": 5, "log_every": 7, "eval_every": 10, "devices": 1}
    return padl.train(model=model, ema=0.9, **about, run=run, wandb={"mode": "disabled"}).folder


def files(folder):
    names = ("metrics.jsonl", "checkpoint/final.msgpack", "checkpoint/best.msgpack")
    return {name: (folder / name).read_bytes() for name in names}


@pytest.mark.parametrize(
    ("point", "step"),  # of the newest whole snapshot; the thread may still be writing the one after
    [
        ("after_evaluation:3", 10),
        ("before_save:2", 10),
        ("while_writing:2", 10),
        ("before_commit:3", 20),
        ("after_commit:3", 30),
        ("at_the_end", 40),
    ],
)
def test_a_run_that_is_killed_there_goes_on_to_the_same_bits(whole, tmp_path, point, step):
    folder = killed(tmp_path, point)
    assert status.read(folder)[0:3:2] == ("interrupted", "killed")
    assert snapshots.newest(folder / "snapshots").step in (step, step + 10)
    resume(folder)
    assert files(folder) == files(whole)
    assert status.read(folder).status == "finished"
    assert not list(folder.rglob("*.part"))


def test_one_that_is_killed_before_its_first_call_has_nothing_to_go_on_from(tmp_path):
    folder = killed(tmp_path, "before_the_first_call")
    with pytest.raises(padl.PadlError, match="no whole snapshot"):
        resume(folder)
