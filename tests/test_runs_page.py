"""docs/runs.md is true: its commands run, and its Python."""

import glob
import shlex

import pytest
from markdown_blocks import commands, python, run_python

import padl

PAGE = "docs/runs.md"
RECORDED = "runs/20260131-120000-digits-adam-3f2a1c"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    run = {"dir": str(tmp_path_factory.mktemp("page") / "runs"), "plot": False}
    quick = {"steps": 20, "steps_per_call": 10, "devices": 1, "run": run, "wandb": {"mode": "disabled"}}
    padl.train(**quick)
    padl.train(loss="hinge", **{**quick, "run": {**run, "name": "hinge"}})
    return padl.train(**{**quick, "run": {**run, "name": "baseline"}}).folder


@pytest.mark.parametrize("command", commands(PAGE))
def test_a_command_of_the_page_runs(padl_command, monkeypatch, recorded, command):
    monkeypatch.chdir(recorded.parents[1])
    program, *words = shlex.split(command.replace(RECORDED, f"runs/{recorded.name}"))
    assert program == "padl"
    words = [found for word in words for found in sorted(glob.glob(word)) or [word]]  # as a shell does
    if words[0] in ("train", "rerun"):
        words += [
            "wandb.mode=disabled",
            "progress=none",
            "run.plot=false",
            "devices=1",
            f"run.dir={recorded.parent / 'x'}",
        ]
        words = [word.replace("steps=200", "steps=20") for word in words]
    code, out, err = padl_command(*words)
    assert code == 0, err
    assert out


def test_the_python_of_the_page_runs():
    page = run_python(python(PAGE).replace("steps=100,", "steps=10, devices=1,"), PAGE)
    assert len(page["names"]) == 2
