"""docs/stopping.md and docs/debugging.md are true: their commands run, their Python runs, and prints what it says."""

import shlex

import pytest
from markdown_blocks import commands, python, run_python

import padl

PAGES = ("docs/stopping.md", "docs/debugging.md")
FOLDER = "runs/20260131-120000-digits-adam-3f2a1c"
FAST = ("wandb.mode=disabled", "progress=none", "devices=1", "run.plot=false", "model.widths=[16]")


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("command", [command for page in PAGES for command in commands(page) if FOLDER not in command])
def test_a_command_runs(padl_command, command):
    _, *words = shlex.split(command)
    given = [word.partition("=")[0] for word in words]
    words += [word for word in FAST if word.partition("=")[0] not in given]
    words += ["steps=200"] if "steps" not in given and not any("debug" in word for word in words) else []
    if "debug=nan" in words:
        words += ["schedule=constant"]
    code, out, err = padl_command(*words)
    assert code == (3 if "debug=nan" in words else 0), err
    assert out


@pytest.mark.parametrize("command", [command for command in commands(PAGES[0]) if FOLDER in command])
def test_a_stopped_run_goes_on(padl_command, command, tmp_path):
    model = {"name": "mlp", "widths": [4]}
    rule = {"steps": 200, "eval_every": 5, "stop": {"patience": 3}}
    stopped = padl.train(model=model, run={"dir": str(tmp_path), "plot": False}, wandb={"mode": "disabled"}, **rule)
    assert stopped.summary["reason"]
    _, *words = shlex.split(command.replace(FOLDER, str(stopped.folder)))
    code, out, err = padl_command(*words, "progress=none")
    assert code == 0, err
    assert str(stopped.folder) in "".join(out.split("\n"))


def test_the_python_of_the_page_on_stopping_runs():
    shorter = "steps=100, eval_every=5, devices=1, model={'name': 'mlp', 'widths': [4]}"
    page = run_python(python(PAGES[0]).replace("steps=1000, eval_every=20", shorter), PAGES[0])
    assert page["result"].status == "finished"
    assert len(page["found"].rows) == 4


def test_the_python_of_the_page_on_debugging_runs(capsys):
    run_python(python(PAGES[1]).replace("padl.train(", "padl.train(devices=1, "), PAGES[1])
    assert capsys.readouterr().out.startswith("learnt: the loss of 32 rows went from ")
