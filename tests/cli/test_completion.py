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
    ],
)
def test_completion_offers_names_and_keys(line, expected):
    assert expected in completed(line)


def test_every_command_is_completed_and_only_hydras_have_more():
    from padl.cli.main import COMMANDS

    assert completed("padl ") == list(COMMANDS)
    assert completed("padl rerun opt") == []
