"""metrics.csv: the rows of metrics.jsonl as a table, each on the disk as it comes. MetricsCsv.

A column that a row brings anew is put into its place, and the file is written again: the order is that of the sides and
names, so that runs of a task have the same columns.
"""

import csv
from collections.abc import Mapping
from typing import Any

from padl.runs.csv_table import blank_for_none, csv_text
from padl.runs.sink import Row
from padl.runs.sinks import About
from padl.runs.writing import naming, write

NAME = "metrics.csv"
SIDES = ("step", "train", "", "eval")  # "" of what is of no side, as learning_rate


class MetricsCsv:
    """Writes metrics.csv. Of a run that goes on it has the rows so far, which no column tells apart."""

    def __init__(self, about: About):
        self.path = about.folder / NAME
        self.columns = sorted({"step"}.union(*about.rows), key=_place)
        self._write([[row.get(name) for name in self.columns] for row in about.rows])

    def write(self, step: int, row: Row) -> None:
        """Append a row."""
        new = [name for name in row if name not in self.columns]
        if new:
            self._widen(new)
        values = {"step": step, **row}
        with naming(self.path), self.path.open("a", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerow(blank_for_none(values.get(name)) for name in self.columns)

    def close(self, summary: Mapping[str, Any]) -> None:
        """Do nothing: every row is written."""

    def _widen(self, new: list[str]) -> None:
        """Write the file again, with more columns."""
        with self.path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        self.columns = sorted([*self.columns, *new], key=_place)
        self._write([[row.get(name) for name in self.columns] for row in rows])

    def _write(self, rows: list[list[Any]]) -> None:
        write(self.path, csv_text(self.columns, rows).encode(), durable=False)


def _place(column: str) -> tuple[int, str]:
    side = column if column == "step" else column.partition("/")[0] if "/" in column else ""
    return SIDES.index(side) if side in SIDES else len(SIDES), column
