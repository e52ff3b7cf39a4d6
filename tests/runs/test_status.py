"""status.json: one piece of code writes it, for a run and for the many members of a sweep."""

from contextlib import ExitStack

import pytest

from padl.runs.run_folder import read_json, write_json
from padl.runs.status import interrupt_all, read, recording
from padl.types import PadlError


def content(folder):
    told = read_json(folder / "status.json")
    return told["status"], told["step"], told["reason"]


def test_a_run_is_running_and_then_finished(tmp_path):
    with recording(tmp_path) as status:
        assert content(tmp_path) == ("running", 0, "")
        status.write(7, {})
        assert content(tmp_path) == ("running", 0, "")  # it is written now and then, not at every row
    assert content(tmp_path) == ("finished", 7, "")
    assert read_json(tmp_path / "status.json").keys() == {
        "status", "step", "reason", "time", "pid", "host", "started",
    }  # fmt: skip


def stopped(folder, error, tell):
    """Let a run tell its status something and then raise."""
    with recording(folder) as status:
        tell(status)
        raise error


def test_a_run_that_said_how_it_ended_keeps_that(tmp_path):
    with pytest.raises(RuntimeError):
        stopped(tmp_path, RuntimeError(), lambda status: status.end("diverged", 3, "loss inf at step 3"))
    assert content(tmp_path) == ("diverged", 3, "loss inf at step 3")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (KeyboardInterrupt(), ("interrupted", 5, "KeyboardInterrupt: ")),
        (ValueError("bad\nlong"), ("failed", 5, "ValueError: bad")),
        (PadlError("steps=0 is too few"), ("failed", 5, "steps=0 is too few")),
    ],
)
def test_what_stops_a_run_is_its_status(tmp_path, error, expected):
    with pytest.raises(type(error)):
        stopped(tmp_path, error, lambda status: status.write(5, {}))
    assert content(tmp_path) == expected


def test_many_runs_that_are_stopped_together_each_say_so_but_those_that_have_ended(tmp_path):
    folders = [tmp_path / str(i) for i in range(3)]
    running, statuses = ExitStack(), []
    for folder in folders:
        folder.mkdir()
        statuses.append(running.enter_context(recording(folder, durable=False)))
    statuses[1].end("finished", 20)
    statuses[2].write(4, {})
    error = KeyboardInterrupt()
    assert not running.__exit__(type(error), error, None)  # it is not swallowed
    assert [content(folder)[:2] for folder in folders] == [("interrupted", 0), ("finished", 20), ("interrupted", 4)]


def test_without_a_folder_nothing_is_written_and_the_status_is_known(tmp_path):
    with recording(None) as status:
        assert status.status == "running"
    assert status.status == "finished"
    assert not list(tmp_path.iterdir())


def test_a_run_whose_process_number_is_another_processs_now_was_killed(tmp_path):
    folder = tmp_path / "runs" / "a"  # pytest has a .lock of its own above
    folder.mkdir(parents=True)
    with recording(folder):
        told = read_json(folder / "status.json")
        assert read(folder).status == "running"
        write_json(folder / "status.json", {**told, "started": told["started"] - 1000})
        assert (read(folder).status, read(folder).reason) == ("interrupted", "killed")
        write_json(folder / "status.json", {**told, "started": 0, "host": "elsewhere"})
        assert read(folder).status == "running"  # nobody can look there


def test_a_process_that_ends_at_once_writes_of_all_its_runs_that_they_were_interrupted(tmp_path):
    folders = [tmp_path / name for name in "abc"]
    for folder in folders:
        folder.mkdir()
    with recording(folders[0]):
        pass
    with recording(folders[1]) as first, recording(folders[2]) as second:
        second.end("diverged", 3, "loss nan")
        first.write(7, {})
        interrupt_all("SIGINT")
        told = [content(folder) for folder in folders]
    assert told == [("finished", 0, ""), ("interrupted", 7, "SIGINT"), ("diverged", 3, "loss nan")]


@pytest.mark.parametrize(
    "change", [{"status": "finishes"}, {"step": "7"}, {"step": 7.0}, {"pid": None}, {"status": []}]
)
def test_a_status_that_is_none_is_refused(tmp_path, change):
    with recording(tmp_path):
        pass
    write_json(tmp_path / "status.json", read_json(tmp_path / "status.json") | change)
    with pytest.raises(PadlError, match=r"status\.json is damaged: it is no status of a run"):
        read(tmp_path)
