"""Completion in the shell: commands by their table, names and keys by Hydra."""

import os
import subprocess
import sys

import pytest

SCRIPT = "from padl.cli.main import main; main(['-sc', 'query=bash'])"


def asked(line: str) -> dict[str, str]:
    """The variables by which bash asks for what may follow a line."""
    return {"COMP_LINE": line, "COMP_POINT": str(len(line)), "_HYDRA_OLD_COMP": "1"}


@pytest.fixture
def completed(padl_command, monkeypatch):
    """Return a function: what completes a line."""

    def words(line: str) -> list[str]:
        for name, value in asked(line).items():
            monkeypatch.setenv(name, value)
        code, out, err = padl_command("-sc", "query=bash")
        assert (code, err) == (0, "")
        return out.split()

    return words


def test_a_shell_is_answered_by_a_process_of_its_own():
    env = {**os.environ, **asked("padl train optimizer=ad")}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=env, capture_output=True, text=True, check=True)
    assert "optimizer=adam" in done.stdout.split()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("padl train optimizer=nad", "optimizer=nadam"),
        ("padl tr", "train"),
        ("padl compare surf", "surface="),
        ("padl show rms", "rmsprop"),
        ("padl new opt", "optimizer"),
        ("padl new ", "package"),
    ],
)
def test_completion_offers_names_and_keys(completed, line, expected):
    assert expected in completed(line)


def test_every_command_is_completed_and_only_hydras_have_more(completed):
    from padl.cli.main import COMMANDS

    assert completed("padl ") == list(COMMANDS)
    assert completed("padl rerun opt") == []
    assert completed("padl new optimizer ") == []


@pytest.mark.parametrize("command", ["resume", "rerun", "evaluate", "predict", "export"])
def test_folders_of_runs_are_completed(completed, command, tmp_path):
    for name, file in (("a-run", "config.yaml"), ("b-sweep", "sweep.json")):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / file).touch()
    assert completed(f"padl {command} ") == ["runs/a-run", "runs/b-sweep"]
    assert completed(f"padl {command} ru") == ["runs/"]
    assert completed(f"padl {command} runs/b") == ["runs/b-sweep"]
