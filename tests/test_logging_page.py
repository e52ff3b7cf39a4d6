"""docs/logging.md is true: its commands and its Python run, and `wandb agent` can run docs/wandb_sweep.yaml."""

import os
import shlex
import subprocess
import sys

import pytest
import yaml
from markdown_blocks import ROOT, commands, python, run_python, text_of
from wandb_records import exit_code, logged, of_type

from padl.app.settings import WandbSettings
from padl.runs.sinks import BUILT_IN

PAGE = "docs/logging.md"
TEXT = text_of(PAGE)
SWEEP = ROOT / "docs" / "wandb_sweep.yaml"


@pytest.mark.parametrize("command", commands(PAGE))
def test_a_command_of_the_page_runs(padl_command, tmp_path, command):
    if "tensorboard" in command:
        pytest.importorskip("tensorboardX")
    _, *words = shlex.split(command)
    code, out, err = padl_command(*words, "steps=4", "progress=none", "devices=1", "run.plot=false")
    assert (code, err) == (0, "")
    (line,) = [line for line in out.splitlines() if "wandb sync " in line]
    there = line[line.index("wandb sync") :].replace("wandb sync", "ls -d")  # as a shell reads it
    found = subprocess.run(there, shell=True, check=True, capture_output=True, text=True, cwd=tmp_path).stdout.split()
    assert len(found) == len(list(tmp_path.rglob("offline-run-*")))


def test_the_pages_python_runs(capsys):
    variables = run_python(python(PAGE).replace("steps=100", "steps=4"), PAGE)
    assert "offline-run-" in capsys.readouterr().out
    sink = variables["Printed"](type("About", (), {"title": "a run"}))
    sink.write(1, {"eval/loss": 0.5})
    sink.close({"status": "finished"})
    assert capsys.readouterr().out == "a run 1 0.5\na run finished\n"


def test_the_page_names_every_key_and_every_sink():
    assert [key for key in WandbSettings.__dataclass_fields__ if f"`wandb.{key}`" not in TEXT] == []
    assert [name for name in BUILT_IN if f"- `{name}`" not in TEXT] == []


def test_wandbs_agent_runs_the_sweep_of_the_page(tmp_path):
    """As `wandb agent` does it, but that no server chose the values, and WANDB_MODE keeps the run here."""
    from wandb.sdk.launch.sweeps import utils

    sweep = yaml.safe_load(SWEEP.read_text(encoding="utf-8"))
    chosen = {"optimizer": "nadam", "optimizer.learning_rate": 3.1e-05, "model.widths": [64], "steps": 20}
    assert chosen.keys() == sweep["parameters"].keys()
    parameters = tmp_path / "wandb" / "sweep-s1" / "config-r1.yaml"
    parameters.parent.mkdir(parents=True)
    parameters.write_text(yaml.safe_dump({"wandb_version": 1, **{k: {"value": v} for k, v in chosen.items()}}))
    arguments = utils.create_sweep_command_args({"args": {key: {"value": value} for key, value in chosen.items()}})
    arguments["program"] = [sweep["program"]]
    command = []
    for word in utils.create_sweep_command(sweep["command"]):
        command += arguments[word[2:-1]] if word.startswith("${") else [word]
    assert command[:4] == ["padl", "train", "wandb.mode=online", "optimizer=nadam"]
    env = os.environ | {
        "WANDB_MODE": "offline", "WANDB_RUN_ID": "r1", "WANDB_SWEEP_ID": "s1", "WANDB_PROJECT": "padl",
        "PYTHONPATH": str(ROOT),
        "WANDB_SWEEP_PARAM_PATH": str(parameters.relative_to(tmp_path)),
    }  # fmt: skip
    words = [sys.executable, "-m", *command, "devices=1", "run.plot=false"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, env=env, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (run,) = of_type(tmp_path / "runs", "run")
    assert (run["run_id"], run["sweep_id"]) == ("r1", "s1")
    config = run["config"]["update"]
    assert {key: config[key] for key in chosen} == chosen
    assert (config["optimizer.name"], config["optimizer.b1"], config["task.name"]) == ("nadam", 0.9, "digits")
    assert sweep["metric"]["name"] in logged(tmp_path / "runs")
    assert exit_code(tmp_path / "runs") == 0
