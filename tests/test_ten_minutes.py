"""plugins/README.md goes from nothing to a comparison: its commands, one behind the other, in one empty folder."""

import os
import shlex
import subprocess
import sys

import pytest
from markdown_blocks import ROOT, commands

import padl
from padl import plugins, registry
from padl.app import names
from padl.cli.main import main

SHORT = {
    "train": ["steps=2", "epochs=null", "wandb.mode=disabled", "progress=none", "devices=1", "run.plot=false"],
    "compare": ["steps=20", "learning_rates=2", "animate=false", "run.plot=false"],
}  # words that make a command short
LINES = commands("plugins/README.md")
CHECK = next(line for line in LINES if line.startswith("padl check"))
OF_THE_PACKAGE = LINES.index("padl new package sure_steps") + 1  # installed and run by tests of `padl new`


@pytest.fixture
def shell(tmp_path, monkeypatch):
    """Return a function that runs a line as a shell does, in one folder; each command of PADL finds plugins anew."""
    padl.names("optimizer")
    before = {kind: dict(r._entries) for kind, r in registry.REGISTRIES.items()}
    monkeypatch.setenv("PWD", str(tmp_path))

    def run(line: str) -> int:
        first, *words = shlex.split(os.path.expandvars(line))
        if first == "export":
            monkeypatch.setenv(*words[0].split("="))
            return 0
        if first == "pytest":
            env = {**os.environ, "PYTHONPATH": str(ROOT)}
            command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *words]
            return subprocess.run(command, env=env, cwd=tmp_path, capture_output=True).returncode
        names.load.cache_clear()
        plugins.load.cache_clear()
        return main([*words, *SHORT.get(words[0], [])])

    yield run
    for kind, entries in before.items():
        registry.REGISTRIES[kind]._entries = entries
    names.load.cache_clear()
    plugins.load.cache_clear()


def test_every_step_to_a_comparison_works(shell, capsys):
    for line in LINES[:OF_THE_PACKAGE]:
        if line == CHECK:
            continue
        assert shell(line) == 0, (line, capsys.readouterr().err)
        assert capsys.readouterr().err == "", line
    assert registry.optimizer.get("lookback").origin.endswith("/lookback.py")


def test_what_was_written_is_checked_beside_its_oracle(shell):
    assert shell(LINES[0]) == 0
    assert shell(CHECK) == 0


def test_only_the_installation_of_the_package_is_left_to_other_tests():
    assert [line.split()[0] for line in LINES[OF_THE_PACKAGE:]] == ["pip", "pytest"]
