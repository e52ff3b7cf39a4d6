"""Completion in the shell: commands by their table, names and keys by Hydra."""

import os
import subprocess
import sys

import pytest


def completed(line: str) -> list[str]:
    env = {**os.environ, "COMP_LINE": line, "COMP_POINT": str(len(line)), "_HYDRA_OLD_COMP": "1"}
    script = "from padl.cli.main import main; main(['-sc', 'query=bash'])"
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("padl train optimizer=ad", "optimizer=adam"),
        ("padl tr", "train"),
        ("padl compare surf", "surface="),
        ("padl show rms", "rmsprop"),
    ],
)
def test_completion_offers_names_and_keys(line, expected):
    assert expected in completed(line)


def test_every_command_is_completed_and_only_hydras_have_more():
    from padl.cli.main import COMMANDS

    assert completed("padl ") == list(COMMANDS)
    assert completed("padl rerun opt") == []


@pytest.mark.parametrize("command", ["resume", "rerun", "evaluate", "predict", "export"])
def test_folders_of_runs_are_completed(command, tmp_path):
    for name, file in (("a-run", "config.yaml"), ("b-sweep", "sweep.json")):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / file).touch()
    assert completed(f"padl {command} ") == ["runs/a-run", "runs/b-sweep"]
    assert completed(f"padl {command} ru") == ["runs/"]
    assert completed(f"padl {command} runs/b") == ["runs/b-sweep"]
