"""A full disk, or a folder that is gone, costs one true line: no half-written file stays, and the status is written."""

import errno
import resource
import signal

import pytest

import padl
from padl.runs import run_folder, writing
from padl.runs.jsonl import Jsonl
from padl.types import PadlError


@pytest.fixture
def largest_file():
    """Limits the size of a file that this process writes, as a quota does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    signal.signal(signal.SIGXFSZ, ignored)


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_there_is_no_room_for_leaves_nothing_and_is_named(tmp_path, largest_file, durable):
    largest_file(1000)
    with pytest.raises(OSError, match=r"summary\.json") as raised:
        run_folder.write_bytes(tmp_path / "summary.json", b"x" * 2000, durable)
    assert raised.value.errno == errno.EFBIG
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_that_is_there_keeps_its_room(tmp_path, monkeypatch, durable):
    file = tmp_path / "status.json"
    file.write_text("what it was before, and longer")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(writing, "_write_beside", full)
    run_folder.write_bytes(file, b"failed", durable)
    assert file.read_bytes() == b"failed"


def test_a_folder_that_is_gone_is_named_in_one_line(tmp_path):
    with pytest.raises(PadlError, match=r"gone is there no more, so status\.json cannot be written"):
        run_folder.write_json(tmp_path / "gone" / "status.json", {})


def test_rows_that_were_removed_are_written_again(tmp_path, capsys):
    rows = Jsonl(tmp_path)
    rows.write(1, {"loss": 1.0})
    (tmp_path / "metrics.jsonl").unlink()
    rows.write(2, {"loss": 0.5})
    rows.close({})
    assert run_folder.read_metrics(tmp_path) == [{"step": 1, "loss": 1.0}, {"step": 2, "loss": 0.5}]
    assert "metrics.jsonl was removed while the run went on: it is written again" in capsys.readouterr().err


@pytest.mark.parametrize("made_again", [True, False])
def test_a_folder_that_is_renamed_in_mid_run_ends_it(tmp_path, made_again):
    folder = tmp_path / "run"
    folder.mkdir()
    rows = Jsonl(folder)
    folder.rename(tmp_path / "other")
    if made_again:
        folder.mkdir()
    for call in (lambda: rows.write(1, {"loss": 1.0}), lambda: rows.close({})):
        with pytest.raises(PadlError, match="run is there no more: it was removed or renamed"):
            call()


def test_a_run_on_a_full_disk_says_failed(tmp_path, largest_file):
    options = {"task": "surface", "log_every": 1, "devices": 1, "run": {"dir": str(tmp_path), "plot": False}}
    padl.train(steps=300, **{**options, "run": {"dir": None}})  # compiled before the limit: JAX's cache knows none
    largest_file(8000)
    with pytest.raises(OSError, match=r"metrics\.jsonl"):
        padl.train(steps=300, wandb={"mode": "disabled"}, **options)
    (folder,) = tmp_path.iterdir()
    assert run_folder.read_json(folder / "status.json")["status"] == "failed"
    assert not list(folder.rglob("*.part"))
