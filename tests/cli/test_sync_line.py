"""The line that uploads W&B runs works where it is pasted, whatever the folders are called."""

import subprocess
from pathlib import Path

import pytest

from padl.cli.sync_line import sync_line


def make(*names):
    folders = [Path(name).absolute() for name in names]
    for folder in folders:
        folder.mkdir(parents=True)
    return folders


def read_by_a_shell(line):
    """The folders that the line names, as absolute paths."""
    words = line.replace("wandb sync", "printf '%s\\n'", 1)
    said = subprocess.run(words, shell=True, check=True, capture_output=True, text=True).stdout
    return sorted(Path(word).absolute() for word in said.splitlines())


@pytest.mark.parametrize("place", ["runs", "my runs", "it's $HOME", "größe"])
def test_a_run_is_named_from_the_current_folder(place):
    folders = make(f"{place}/r/wandb/offline-run-20260101_000000-abc")
    line = sync_line(folders)
    assert str(Path.cwd()) not in line
    assert read_by_a_shell(line) == folders


def test_a_run_elsewhere_is_named_whole(tmp_path, monkeypatch):
    folders = make("r/wandb/offline-run-20260101_000000-abc")
    make("here")
    monkeypatch.chdir("here")
    assert read_by_a_shell(sync_line(folders)) == folders


def test_a_run_that_went_on_is_named_with_all_its_parts_and_no_others():
    parts = make(*(f"r/wandb/offline-run-20260101_00000{i}-a-b" for i in range(2)))
    make("r/wandb/offline-run-20260101_000003-b")
    assert read_by_a_shell(sync_line([parts[1]])) == parts


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("place", ["s", "a sweep's"])
def test_a_sweep_is_named_by_patterns(place, own):
    members = make(*(f"{place}/000{i}-seed={i}/wandb/offline-run-20260101_00000{i}-x{i}" for i in range(20)))
    sweeps = make(f"{place}/wandb/offline-run-20260101_000000-s") if own else []
    line = sync_line([*sweeps, *members], Path(place).absolute())
    assert len(line) < 100
    assert read_by_a_shell(line) == sorted([*members, *sweeps])


def test_runs_that_are_not_in_their_sweep_are_named_one_by_one():
    folders = make(*(f"elsewhere/wandb/offline-run-20260101_00000{i}-x{i}" for i in range(2)))
    make("s", "elsewhere/wandb/offline-run-20260101_000005-other")
    assert read_by_a_shell(sync_line(folders, Path("s").absolute())) == folders


def test_without_offline_runs_there_is_no_line():
    assert sync_line([], Path("s")) == ""
