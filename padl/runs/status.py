"""status.json: a run is running, and in the end it finished, diverged, was interrupted or failed. recording."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from padl.runs.run_folder import write_json
from padl.runs.sink import Row
from padl.types import one_line

Status = Literal["running", "finished", "diverged", "interrupted", "failed"]


@contextmanager
def recording(folder: Path | None, durable: bool = True) -> Iterator["RunStatus"]:
    """Write status.json: that a run is running, and on exit what came of it.

    A block that ends has finished, unless it said by `RunStatus.end` that it diverged; one that raises was interrupted
    (KeyboardInterrupt) or failed. The status is written last: a folder that says "finished" is complete.

    Args:
        folder: of the run; None writes nothing, and the status is known all the same.
        durable: as in `run_folder.write_bytes`.
    """
    status = RunStatus(folder, durable)
    try:
        yield status
    except BaseException as error:
        if status.status == "running":
            status.end(stopped(error), status.step, one_line(error))
        raise
    if status.status == "running":
        status.end("finished", status.step)


class RunStatus:
    """The status of a run, in memory and in its folder. As a sink it learns how far the run has come.

    Attributes:
        status: "running" until the run ends.
        step: the last one that was written; of a run that ended, as it said.
    """

    def __init__(self, folder: Path | None, durable: bool):
        self.folder, self.durable = folder, durable
        self.status: Status = "running"
        self.step = 0
        self._write(reason="")

    def write(self, step: int, row: Row) -> None:
        """Called for every row: keep its step for the case that the run is stopped."""
        self.step = step

    def close(self, summary: Mapping[str, Any]) -> None:
        """Called when no row follows; the status is not written before everything else is."""

    def end(self, status: Status, step: int, reason: str = "") -> None:
        """Write what came of the run."""
        self.status, self.step = status, step
        self._write(reason)

    def _write(self, reason: str) -> None:
        if self.folder:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            content = {"status": self.status, "step": self.step, "reason": reason, "time": now, "pid": os.getpid()}
            write_json(self.folder / "status.json", content, self.durable)


def stopped(error: BaseException) -> Status:
    """Return the status of a run that an error ended."""
    return "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
