"""The commit that a run records is that of the folder where it was started, without a password."""

import subprocess

import pytest

from padl.runs import git

GIT = ("git", "-c", "user.name=a", "-c", "user.email=a@example.com")


def call(folder, *words):
    return subprocess.run([*GIT, "-C", folder, *words], check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path):
    call(tmp_path, "init", "-q")
    (tmp_path / "a.py").write_text("1")
    (tmp_path / "inner").mkdir()
    return tmp_path


def commit(folder):
    call(folder, "add", "a.py")
    call(folder, "commit", "-qm", "first")
    return call(folder, "rev-parse", "HEAD")


def test_outside_a_repository_and_before_a_commit_there_is_none(tmp_path, monkeypatch, repository):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git.of_folder(repository) is None
    assert git.of_folder(tmp_path.parent) is None


def test_the_commit_of_an_inner_folder_is_that_of_its_repository(repository):
    wanted = {"commit": commit(repository), "dirty": False, "remote": None}
    assert git.of_folder(repository / "inner") == wanted
    (repository / "runs").mkdir()
    (repository / "runs" / "config.yaml").write_text("")  # what nobody tracks is no change
    assert git.of_folder(repository) == wanted
    (repository / "a.py").write_text("2")
    assert git.of_folder(repository) == {**wanted, "dirty": True}


@pytest.mark.parametrize(
    ("remote", "kept"),
    [
        ("https://me:secret@example.com/a.git", "https://example.com/a.git"),
        ("https://token@example.com/a.git", "https://example.com/a.git"),
        ("https://me:se@cret@example.com/a.git", "https://example.com/a.git"),
        ("ssh://git@example.com/a.git", "ssh://example.com/a.git"),
        ("git@example.com:a/b.git", "git@example.com:a/b.git"),
        ("/srv/a.git", "/srv/a.git"),
    ],
)
def test_a_remote_is_kept_without_user_and_password(repository, remote, kept):
    commit(repository)
    call(repository, "remote", "add", "origin", remote)
    assert git.of_folder(repository)["remote"] == kept


def test_no_program_that_the_repository_names_is_started(repository):
    commit(repository)
    call(repository, "config", "core.fsmonitor", f"touch {repository / 'started'}; false")
    assert git.of_folder(repository)["dirty"] is False
    assert not (repository / "started").exists()
