"""metrics.jsonl: one line of JSON for each row. Jsonl flushes each as it comes, BufferedJsonl many at a time."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from padl.runs.run_folder import strict
from padl.runs.sink import Row, warn
from padl.runs.writing import naming, write
from padl.types import PadlError


class Jsonl:
    """Writes each row as it comes.

    A line is complete or, where the machine stopped in its middle, lacks its newline; `read_metrics` knows.
    """

    def __init__(self, folder: Path):
        self.path = folder / "metrics.jsonl"
        self.folder = _identity(folder)
        self.file = self.path.open("a+", encoding="utf-8")

    def write(self, step: int, row: Row) -> None:
        """Write a line and flush it; raises PadlError where the folder is there no more."""
        self._check_folder()
        with naming(self.path):
            self.file.write(line(step, row))
            self.file.flush()

    def close(self, summary: Mapping[str, Any]) -> None:
        """Close the file; where it was removed meanwhile, write it again."""
        try:
            self._check_folder()
            if not self.path.exists():
                self._write_again()
        finally:
            with naming(self.path):
                self.file.close()

    def _write_again(self) -> None:
        self.file.seek(0)  # the open file is still there
        write(self.path, self.file.read().encode(), durable=True)
        warn(f"{self.path} was removed while the run went on: it is written again")

    def _check_folder(self) -> None:
        """A folder of the same name may be another: W&B makes what it misses."""
        if _identity(self.path.parent) != self.folder:
            raise PadlError(f"{self.path.parent} is there no more: it was removed or renamed while the run went on")


def _identity(folder: Path) -> tuple[int, int] | None:
    """What a folder keeps where it is renamed; None where there is none."""
    try:
        found = folder.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


class BufferedJsonl:
    """Writes rows when it is told to: for the members of a sweep, too many to hold a file open for each."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.waiting: list[tuple[int, Row]] = []

    def write(self, step: int, row: Row) -> None:
        """Keep a row for the next `flush`."""
        self.waiting.append((step, row))

    def flush(self) -> None:
        """Append what waits to the file."""
        if self.waiting:
            path = self.folder / "metrics.jsonl"
            with naming(path), path.open("a", encoding="utf-8") as file:
                file.write("".join(line(step, row) for step, row in self.waiting))
            self.waiting = []

    def close(self, summary: Mapping[str, Any]) -> None:
        """Flush for the last time."""
        self.flush()


def line(step: int, row: Row) -> str:
    """Return a row as a line of metrics.jsonl."""
    return json.dumps(strict({"step": step, **row}), allow_nan=False) + "\n"
