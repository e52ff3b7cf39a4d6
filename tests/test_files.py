"""Only regular files are read, and none above a size: nothing blocks, and nothing is read without an end."""

import os

import pytest

from padl import files


def test_a_regular_file_is_read_whole(tmp_path):
    (tmp_path / "a").write_bytes(b"content")
    assert files.read(tmp_path / "a", 7) == b"content"


def test_a_file_above_the_limit_is_not_read(tmp_path):
    (tmp_path / "a").write_bytes(b"content")
    with pytest.raises(OSError, match="larger than 6 bytes"):
        files.read(tmp_path / "a", 6)


@pytest.mark.parametrize("name", ["pipe", "/dev/zero", "/dev/null", "link"])
def test_a_pipe_or_a_device_is_refused_at_once_also_behind_a_link(tmp_path, name):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/dev/zero")
    with pytest.raises(OSError, match="not a regular file"):
        files.read(tmp_path / name, 100)


@pytest.mark.parametrize(("name", "reason"), [(".", "Is a directory"), ("none", "No such"), ("a\0b", "not the name")])
def test_what_is_no_file_is_an_error_of_the_system(tmp_path, name, reason):
    with pytest.raises(OSError, match=reason):
        files.read(tmp_path / name, 100)
