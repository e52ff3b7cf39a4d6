"""Print a list of runs: a table that fits the terminal, whole lines into a pipe, CSV or JSON."""

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from padl.app.run_list import RunList
from padl.errors import printable
from padl.runs.csv_table import csv_text
from padl.runs.overview import COLUMNS
from padl.runs.redaction import redact
from padl.runs.run_folder import strict

LEFT_OUT_FIRST = ("wall", "metric", "model", "when", "task", "optimizer", "final", "steps", "differs")
RIGHT = ("steps", "final", "best", "wall")  # numbers
GAP = 2


def print_runs(found: RunList) -> None:
    """Print a line for each: on a terminal the columns that fit, elsewhere all of them."""
    if not found.found:
        print(printable(f"no runs in {found.folder}"), flush=True)
        return
    cells = {name: [name, *(_cell(name, row.values, row.problem) for row in found.found)] for name in COLUMNS}
    shown = [name for name in COLUMNS if any(cells[name][1:])]
    left_out: list[str] = []
    if sys.stdout.isatty():
        left_out = _too_wide(cells, shown, shutil.get_terminal_size().columns)
    print("\n".join(_lines(cells, [name for name in shown if name not in left_out])))
    if left_out:
        print(f"left out, as the terminal is narrow: {', '.join(left_out)}")
    sys.stdout.flush()


def _too_wide(cells: Mapping[str, list[str]], shown: Sequence[str], width: int) -> list[str]:
    """The columns to leave out, the least telling first, until the others fit."""
    widths = {name: max(map(len, cells[name])) + GAP for name in shown}
    left_out: list[str] = []
    for name in (name for name in LEFT_OUT_FIRST if name in shown):
        if sum(widths[n] for n in shown if n not in left_out) - GAP <= width:
            break
        left_out.append(name)
    return left_out


def _lines(cells: Mapping[str, list[str]], shown: Sequence[str]) -> list[str]:
    columns = []
    for name in shown:
        width = max(map(len, cells[name]))
        columns.append([cell.rjust(width) if name in RIGHT else cell.ljust(width) for cell in cells[name]])
    return [(GAP * " ").join(row).rstrip() for row in zip(*columns, strict=True)]


def _cell(name: str, values: Mapping[str, Any], problem: str) -> str:
    value = problem if name == "differs" and problem else values.get(name)
    if name == "wall" and isinstance(value, (int, float)):
        return _duration(value)
    if name == "steps" and isinstance(value, int):
        return f"{value:,}"
    return printable("" if value is None else f"{value:.5g}" if isinstance(value, float) else str(redact(value)))


def _duration(seconds: float) -> str:
    """`42.1s`, `12m05s`, `3h40m`."""
    if seconds < 60:
        return f"{seconds:.1f}s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m{rest:02}s" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02}m"


def print_json(found: RunList) -> None:
    """Print a list of objects: the columns, the metrics, and the configuration as config.yaml has it."""
    rows = [
        {**row.values, "kind": row.kind, "problem": row.problem or None, "metrics": row.metrics, "config": row.config}
        for row in found.found
    ]
    print(json.dumps(redact(strict(rows)), indent=2, allow_nan=False), flush=True)


def print_csv(found: RunList) -> None:
    """Print a table with the columns, the metrics and every key of a configuration."""
    rows = found.rows
    columns = list(rows[0]) if rows else list(COLUMNS)
    text = csv_text(columns, ([row[name] for name in columns] for row in rows), cell=_csv_cell)
    print(text, end="", flush=True)


def _csv_cell(value: Any) -> Any:
    return "" if value is None else json.dumps(value) if isinstance(value, (list, dict)) else redact(value)
