"""docs/data.md is true: its table is read by its commands, which print what it says they print."""

import re
import shlex
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[1] / "docs" / "data.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w*)\n(.*?)```", PAGE, re.DOTALL)
(TABLE,) = [text for kind, text in BLOCKS if kind == "csv"]
(PRINTED,) = [text for kind, text in BLOCKS if not kind]
(CODE,) = [text for kind, text in BLOCKS if kind == "python"]
COMMANDS = [line.partition(" #")[0].strip() for kind, text in BLOCKS if kind == "bash" for line in text.splitlines()]
FAST = ("steps=5", "wandb.mode=disabled", "progress=plain", "devices=1", "run.plot=false")


@pytest.fixture(autouse=True)
def houses(tmp_path, monkeypatch):
    (tmp_path / "houses.csv").write_text(TABLE, encoding="utf-8")
    (tmp_path / "later.csv").write_text(TABLE.replace("Lima", "Bonn"), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(padl_command, command):
    """What a command prints, and which lines it says beside it."""
    _, *words = shlex.split(command)
    code, out, err = padl_command(*words, *(FAST if words[0] == "train" else ()))
    assert code == 0
    return out, err.replace("padl: ", "")


@pytest.mark.parametrize("command", COMMANDS[1:])
def test_a_command_of_the_page_runs(padl_command, command):
    assert run(padl_command, command)[0]


def test_the_page_says_what_its_first_command_prints_and_its_python_predicts_a_later_one(padl_command, houses, capsys):
    assert run(padl_command, COMMANDS[0])[1].startswith(PRINTED)
    (folder,) = (houses / "runs").glob("*-csv-*")
    exec(compile(CODE, "data.md", "exec"), {"folder": folder})
    out = capsys.readouterr().out
    assert "{'rmse': " in out
    assert "column 'city' has 'Bonn', and no training row has: all zeros (4 rows)" in out
