"""status.json: a run is running, and in the end it finished, diverged, was interrupted or failed. recording,
interrupt_all, read.

A process that is killed cannot say so: who reads "running" looks whether that process still lives.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any, Literal, NamedTuple, get_args

from padl.errors import PadlError, one_line
from padl.runs import lock
from padl.runs.owner import is_dead, is_of_this_host, this_process
from padl.runs.run_folder import read_json, write_json
from padl.runs.sink import Row

Status = Literal["running", "finished", "diverged", "interrupted", "failed"]
SECONDS = 5.0  # between two writings of the step, so that a killed run's is known
KILLED = "killed"  # the reason of a run whose process is gone without a word
FILE = "status.json"
_recorded: list["RunStatus"] = []  # of this process


@contextmanager
def recording(folder: Path | None, durable: bool = True, step: int = 0) -> Iterator["RunStatus"]:
    """Write status.json: that a run is running, and on exit what came of it.

    A block that ends has finished, unless it said by `RunStatus.end` that it diverged; one that raises was interrupted
    (KeyboardInterrupt) or failed. The status is written last: a folder that says "finished" is complete.

    Args:
        folder: of the run; None writes nothing, and the status is known all the same.
        durable: as in `run_folder.write_bytes`. step: that the run begins after.
    """
    status = RunStatus(folder, durable, step)
    _recorded.append(status)
    try:
        yield status
    except BaseException as error:
        if status.status == "running":
            reason = str(error).partition("\n")[0] if isinstance(error, PadlError) else one_line(error)
            status.end(stopped(error), status.step, reason)
        raise
    finally:
        _recorded.remove(status)
    if status.status == "running":
        status.end("finished", status.step)


def interrupt_all(reason: str) -> None:
    """Write of the runs of this process which go on that they were interrupted: it is about to end. Any thread may."""
    for status in [status for status in _recorded if status.status == "running"]:
        with suppress(OSError, PadlError):
            status.end("interrupted", status.step, reason)


class RunStatus:
    """The status of a run, in memory and in its folder. As a sink it learns how far the run has come.

    Attributes:
        status: "running" until the run ends.
        step: the last one that was written; of a run that ended, as it said.
    """

    def __init__(self, folder: Path | None, durable: bool, step: int = 0):
        self.folder, self.durable = folder, durable
        self.status: Status = "running"
        self.step = step
        self._write(reason="")

    def write(self, step: int, row: Row) -> None:
        """Called for every row: keep its step, and write it now and then."""
        self.step = step
        if monotonic() - self._written > SECONDS:
            self._write(reason="")

    def close(self, summary: Mapping[str, Any]) -> None:
        """Called when no row follows; the status is not written before everything else is."""

    def end(self, status: Status, step: int, reason: str = "") -> None:
        """Write what came of the run."""
        self.status, self.step = status, step
        self._write(reason)

    def _write(self, reason: str) -> None:
        self._written = monotonic()
        if self.folder:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            content = {"status": self.status, "step": self.step, "reason": reason, "time": now, **this_process()}
            write_json(self.folder / FILE, content, self.durable)


def stopped(error: BaseException) -> Status:
    """Return the status of a run that an error ended."""
    return "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"


class StatusRecord(NamedTuple):
    """What status.json says of a run, and what is known beyond it.

    Attributes:
        status, step, reason: as written; of a run whose process is gone "interrupted" and "killed".
        host: where it ran. pid: its process there.
    """

    status: Status
    step: int
    reason: str
    host: str
    pid: int


def read(folder: Path) -> StatusRecord:
    """Read the status of a run, and look whether one that says "running" still does.

    A process on another host cannot be looked for: its run stays "running".

    Raises:
        PadlError: the file is missing or damaged.
    """
    content = read_json(folder / FILE)
    try:
        record = StatusRecord(**{name: content[name] for name in StatusRecord._fields})
        if record.status not in get_args(Status) or (type(record.step), type(record.pid)) != (int, int):
            raise ValueError("no status, step or pid")
        gone = record.status == "running" and _is_gone(folder, content)
    except (KeyError, TypeError, ValueError) as error:
        raise PadlError(f"{folder / FILE} is damaged: it is no status of a run") from error
    return record._replace(status="interrupted", reason=KILLED) if gone else record


def _is_gone(folder: Path, owner: Mapping[str, Any]) -> bool:
    """Whether no process of this machine writes a run any more, or the sweep that it is of."""
    held = [lock.is_held(place) for place in (folder, folder.absolute().parent)]
    if all(each is None for each in held):
        return is_dead(owner)  # a folder that never had a lock
    return is_of_this_host(owner) and not any(held)
