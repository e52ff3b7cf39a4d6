"""The README is true: its commands run, its Python runs, its tables name what is there."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from asked_to_stop import After
from markdown_blocks import ROOT, blocks, dead_links, run_python

import padl
from padl.app import names, train
from padl.cli.main import main
from padl.types import KINDS

README = (ROOT / "README.md").read_text(encoding="utf-8")
FAST = ("wandb.mode=disabled", "progress=none", "devices=1", "run.save=false", "run.plot=false")


def commands() -> list[str]:
    """Every line of the README's shell blocks, and what stands behind an &&, without its comment."""
    lines = [line.partition(" #")[0].strip() for text in blocks("README.md", "bash") for line in text.splitlines()]
    return [part.strip() for line in lines for part in line.split("&&") if part.strip()]


@pytest.fixture
def folders(tmp_path):
    """A run and a sweep that were stopped, under the names that the README has for them: {name: folder}, made once."""
    quiet = {"wandb": {"mode": "disabled"}, "progress": "none", "run": {"dir": str(tmp_path / "runs"), "plot": False}}
    config = {"task": "digits", "optimizer": "adam", "model": "mlp", "steps": 150, "devices": 1, **quiet}

    def run():
        return train.run(config, ["padl", "train"], After(3)).folder

    def sweep():
        words = ["-m", "seed=0,1", "steps=150", "devices=1", "progress=none", "wandb.mode=disabled", "run.plot=false"]
        assert main(["train", *words, f"run.dir={tmp_path / 'runs'}"]) == 0
        return next(iter((tmp_path / "runs").glob("*sweep*")))

    def table():
        rows = [f"{i % 7},{'ab'[i % 2]}" for i in range(40)]
        Path("new.csv").write_text("\n".join(["x,kind", *rows]))
        task = {"name": "csv", "path": "new.csv"}
        return train.run({**config, "task": task, "steps": 20}, ["padl", "train"]).folder

    return {
        "runs/20260131-120000-digits-adam-3f2a1c": run,
        "runs/20260131-120000-csv-adam-9c41d2": table,
        "runs/20260131-120000-sweep-digits-a41b07": sweep,
    }


@pytest.mark.parametrize("command", [c for c in commands() if "runs/2026" in c])
def test_a_command_of_the_readme_that_names_a_folder_runs(padl_command, folders, command):
    (name,) = [name for name in folders if name in command]
    _, *words = shlex.split(command.replace(name, str(folders[name]())))
    code, out, _ = padl_command(*words, *(["wandb.mode=disabled"] if words[0] == "train" else []))
    assert code == 0
    assert out


@pytest.mark.parametrize("command", [c for c in commands() if c.startswith("padl") and "runs/2026" not in c])
def test_a_command_of_the_readme_runs(padl_command, command):
    _, *words = shlex.split(command)
    if words[0] == "train" and "--cfg" not in words:
        words += FAST
    if words[0] == "compare":
        words += ["steps=40", "learning_rates=3", "animate=false"]
    if "-m" in words:
        words += ["steps=20"]
    elif words[0] == "train" and not any(word.startswith(("steps=", "epochs=", "experiment=")) for word in words):
        words += ["steps=200"]
    if "+sweep=lecture_optimizers" in words:
        words += ["optimizer=gd,adam"]  # each of the others is a program to compile
    code, out, err = padl_command(*words)
    assert (code, err) == (0, "")
    assert out


def test_the_readme_has_no_command_that_no_test_knows():
    known = ("padl ", "pip install -c constraints.txt -e", "pytest")
    assert not [c for c in commands() if not c.startswith(known)]


def test_the_ci_runs_the_readmes_test_command():
    (install,) = [c for c in commands() if c.startswith("pip") and "test" in c]
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert f"{install} && pytest" in script


def test_the_readmes_python_runs(capsys):
    run_python("README.md", {"steps=500": "steps=50", "steps=100": "steps=20"})
    out = capsys.readouterr().out
    assert "accuracy" in out
    assert "optimizer.learning_rate" in out


def test_the_readmes_commands_for_own_data_run(padl_command, tmp_path):
    (tmp_path / "table.csv").write_text("size,price\n" + "".join(f"{i},{2.5 * i}\n" for i in range(30)))
    (tmp_path / "arrays").mkdir()
    np.save(tmp_path / "arrays" / "inputs.npy", np.random.default_rng(0).standard_normal((30, 4)))
    np.save(tmp_path / "arrays" / "targets.npy", np.arange(30) % 3)
    lines = re.findall(r"`(padl train task=(?:csv|array_files).*?)`", README)
    assert len(lines) == 2
    for line in lines:
        code, _, err = padl_command(*shlex.split(line)[1:], "steps=5", *FAST)
        assert (code, err) == (0, "")


@pytest.mark.parametrize("kind", KINDS)
def test_the_table_names_everything_there_is(kind):
    (row,) = re.findall(rf"^\| {kind} \| (.*) \|$", README, re.MULTILINE)
    listed = set(re.findall(r"[a-z_0-9]+", " ".join(re.findall(r"`(.*?)`", row))))
    own = {n for n in padl.names(kind) if names.of(kind).get(n).origin == "padl"}
    assert listed == own


def test_every_file_that_the_readme_links_is_there():
    assert not dead_links("README.md")
