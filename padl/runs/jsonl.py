"""metrics.jsonl: one line of JSON for each row. Jsonl flushes each as it comes, BufferedJsonl many at a time.

Both know how much they have written and its digest, so that a run goes on behind the last row of its snapshot: what a
killed run wrote after that is cut off, and comes again. Written, cut.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from padl.errors import PadlError
from padl.runs.run_folder import strict
from padl.runs.sink import Row, warn
from padl.runs.writing import naming, write

NAME = "metrics.jsonl"


class Written(NamedTuple):
    """What was written of a file: how many bytes, and their SHA-256."""

    bytes: int
    sha256: str


def written(saved: Mapping[str, Any]) -> Written:
    """Return what JSON has of a Written; raises KeyError, TypeError or ValueError for anything else."""
    return Written(int(saved["bytes"]), str(saved["sha256"]))


NOTHING = Written(0, hashlib.sha256().hexdigest())


class _Counted:
    """Counts and digests what goes into metrics.jsonl, beginning with what is there."""

    def __init__(self, folder: Path):
        self.path = folder / NAME
        content = self.path.read_bytes() if self.path.is_file() else b""
        self.size, self.digest = len(content), hashlib.sha256(content)

    def encode(self, text: str) -> bytes:
        content = text.encode()
        self.size += len(content)
        self.digest.update(content)
        return content

    @property
    def written(self) -> Written:
        return Written(self.size, self.digest.hexdigest())


class Jsonl:
    """Writes each row as it comes.

    A line is complete or, where the machine stopped in its middle, lacks its newline; `read_metrics` knows.
    """

    def __init__(self, folder: Path):
        self.counted = _Counted(folder)
        self.path, self.folder = self.counted.path, _identity(folder)
        self.file = self.path.open("ab+")

    def write(self, step: int, row: Row) -> None:
        """Write a line and flush it; raises PadlError where the folder is there no more."""
        self._check_folder()
        with naming(self.path):
            self.file.write(self.counted.encode(line(step, row)))
            self.file.flush()

    def written(self) -> Written:
        """Return what the file holds."""
        return self.counted.written

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
        write(self.path, self.file.read(), durable=True)
        warn(f"{self.path} was removed while the run went on: it is written again")

    def _check_folder(self) -> None:
        """A folder of the same name may be another: W&B makes what it misses."""
        if _identity(self.path.parent) != self.folder:
            raise PadlError(f"{self.path.parent} is there no more: it was removed or renamed while the run went on")


def _identity(folder: Path) -> tuple[int, int] | None:
    """What a folder keeps where it is renamed; None where there is none."""
    try:
        status = folder.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


class BufferedJsonl:
    """Writes rows when it is told to: for the members of a sweep, too many to hold a file open for each."""

    def __init__(self, folder: Path):
        self.folder, self.counted = folder, _Counted(folder)
        self.waiting: list[tuple[int, Row]] = []

    def write(self, step: int, row: Row) -> None:
        """Keep a row for the next `flush`."""
        self.waiting.append((step, row))

    def flush(self) -> None:
        """Append what waits to the file."""
        if self.waiting:
            path = self.counted.path
            with naming(path), path.open("ab") as file:
                file.write(self.counted.encode("".join(line(step, row) for step, row in self.waiting)))
            self.waiting = []

    def written(self) -> Written:
        """Flush, and return what the file holds."""
        self.flush()
        return self.counted.written

    def close(self, summary: Mapping[str, Any]) -> None:
        """Flush for the last time."""
        self.flush()


def line(step: int, row: Row) -> str:
    """Return a row as a line of metrics.jsonl."""
    return json.dumps(strict({"step": step, **row}), allow_nan=False) + "\n"


def check_begins(folder: Path, written: Written) -> None:
    """Raise PadlError where metrics.jsonl does not begin with what was written of it."""
    path = folder / NAME
    content = path.read_bytes()[: written.bytes] if path.is_file() else b""
    if hashlib.sha256(content).hexdigest() != written.sha256:
        state = "does not begin with the rows that were written before the snapshot: it is damaged"
        raise PadlError(f"{path} {state if path.is_file() else 'is missing, and its snapshot has rows in it'}")


def cut(folder: Path, written: Written) -> None:
    """Cut metrics.jsonl off behind what `check_begins` found; nothing is written where there is no file."""
    if (folder / NAME).is_file():
        os.truncate(folder / NAME, written.bytes)


def sync(*folders: Path) -> None:
    """Wait until metrics.jsonl of these is on the disk, so that a snapshot never knows more rows than there are."""
    for file in (folder / NAME for folder in folders):
        if file.is_file():
            with file.open("rb") as handle:
                os.fsync(handle.fileno())
