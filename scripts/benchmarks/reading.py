"""Time the reading of a table.

table    200,000 rows, 31 columns, to a task         : NumPy's own reader, which takes numbers alone
"""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from harness import Result, Timing, benchmark, weigh

import padl

ROWS, COLUMNS = 200_000, 31


def timed(call: Callable[[], Any]) -> Timing:
    def seconds() -> float:
        start = perf_counter()
        call()
        return perf_counter() - start

    return seconds


@benchmark("table", each=1.0)
def table(rounds: int) -> Iterator[Result]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "table.csv")
        numbers = np.random.default_rng(0).standard_normal((ROWS, COLUMNS))
        names = ",".join(f"column_{i}" for i in range(COLUMNS))
        np.savetxt(file, numbers, "%.6f", ",", header=names, comments="")
        ours = timed(lambda: padl.task("csv", path=str(file)))
        theirs = timed(lambda: np.loadtxt(file, delimiter=",", skiprows=1))
        note = f"{file.stat().st_size / 1e6:.0f} MB, to the inputs of a task, all of it checked"
        yield weigh("", "np.loadtxt", ours, theirs, rounds, note)
