"""Weigh this checkout against another one, an older commit say: both run the same benchmarks in turns.

Each run is a process with that checkout's own scripts and its own padl. The value is a ratio against a peer outside
PADL already, measured in the same process; here the median of the new values is divided by that of the old ones.
"""

import os
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from processes import HERE, run_benchmarks
from rich.table import Table
from table import console_of, with_unit

SCRIPTS = ("scripts/benchmarks", "scripts/benchmark.py")  # where a checkout may have its benchmarks
Key = tuple[str, str]  # benchmark, case
Rows = Mapping[Key, list[dict]]  # a row for each turn


def alternate(other: Path, names: Sequence[str], turns: int, rounds: int) -> tuple[Rows, Rows]:
    """Run benchmarks in both checkouts in turns, and return the rows of the other one, and of this."""
    checkouts = other.resolve(), HERE.parents[1]
    rows: tuple[dict[Key, list[dict]], ...] = defaultdict(list), defaultdict(list)
    for _ in range(turns):
        for checkout, gathered in zip(checkouts, rows, strict=True):
            for row in run_benchmarks(_script(checkout), names, rounds, _environment(checkout)):
                gathered[row["benchmark"], row["case"]].append(row)
    old, new = rows
    return old, new


def _script(checkout: Path) -> Path:
    scripts = [checkout / script for script in SCRIPTS if (checkout / script).exists()]
    if not scripts:
        raise SystemExit(f"{checkout} has no benchmarks: there is neither {' nor '.join(SCRIPTS)}")
    return scripts[0]


def _environment(checkout: Path) -> dict[str, str]:
    """This checkout's padl is found before any that is installed, also in processes that start elsewhere."""
    return {"PYTHONPATH": os.pathsep.join(map(str, (checkout, checkout / "plugins" / "launcher")))}


def print_change(old: Rows, new: Rows) -> None:
    """Print a line for each case that both have: values against the peer, their change, and PADL's own seconds."""
    table = Table(header_style="bold")
    for column in ("benchmark", "n", "old", "min to max", "new", "min to max", "new / old", "old time", "new time"):
        table.add_column(column)
    for key in (key for key in new if key in old and new[key][0]["value"] is not None):
        before, after = ([row["value"] for row in rows[key]] for rows in (old, new))
        median = statistics.median(before)
        change = f"{statistics.median(after) / median:.3f}" if median else ""  # `compile` counts none
        times = (_time(rows[key]) for rows in (old, new))
        table.add_row(" ".join(key), str(len(after)), *_described(before), *_described(after), change, *times)
    console_of().print(table)


def _described(values: Sequence[float]) -> tuple[str, str]:
    return f"{statistics.median(values):.3g}", f"{min(values):.3g} to {max(values):.3g}"


def _time(rows: Sequence[dict]) -> str:
    seconds = [row["seconds"][0] for row in rows if row["seconds"]]
    return with_unit(statistics.median(seconds)) if seconds else ""
