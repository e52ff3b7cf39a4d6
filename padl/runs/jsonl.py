"""metrics.jsonl: one line of JSON for each row, flushed as it is written."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from padl.runs.run_folder import strict
from padl.runs.sink import Row


class Jsonl:
    """A line is whole or, where the machine stopped in its middle, lacks its newline; `read_metrics` knows."""

    def __init__(self, folder: Path):
        self.file = (folder / "metrics.jsonl").open("a", encoding="utf-8")

    def write(self, step: int, row: Row) -> None:
        self.file.write(line({"step": step, **row}))
        self.file.flush()

    def close(self, summary: Mapping[str, Any]) -> None:
        self.file.close()


def append(folder: Path, rows: Iterable[Row]) -> None:
    """Write these rows, each with its step: for the members of a sweep, too many to hold a file open for each."""
    with (folder / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write("".join(line(row) for row in rows))


def line(row: Row) -> str:
    return json.dumps(strict(row), allow_nan=False) + "\n"
