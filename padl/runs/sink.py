"""Where metrics go: a sink takes rows as they come and is closed once with the summary. Sink, Sinks, Memory, BestSoFar.

The other sinks are a file each: jsonl.py, console.py, wandb.py, and status.py, which learns how far a run is.
"""

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from padl.errors import one_line
from padl.messages import warn as warn

if TYPE_CHECKING:  # with it comes JAX, which who reads a folder can do without
    from padl.types import Criterion

Row = Mapping[str, float]


class Sink(Protocol):
    """Takes the rows of a run."""

    def write(self, step: int, row: Row) -> None:
        """Called with the metrics of one step; steps never decrease."""
        ...

    def close(self, summary: Mapping[str, Any]) -> None:
        """Called once, when no row follows; the summary is that of summary.json."""
        ...


class Sinks:
    """Several sinks as one. The first is the truth and may fail; another that fails is dropped, with one warning."""

    def __init__(self, truth: Sink, *others: Sink):
        self.truth, self.others = truth, list(others)

    def write(self, step: int, row: Row) -> None:
        """Give a row to each."""
        self.truth.write(step, row)
        self._each(lambda sink: sink.write(step, row))

    def close(self, summary: Mapping[str, Any]) -> None:
        """Close each."""
        try:
            self.truth.close(summary)
        finally:
            self._each(lambda sink: sink.close(summary))

    def _each(self, call: Callable[[Sink], None]) -> None:
        for sink in list(self.others):
            try:
                call(sink)
            except Exception as error:
                self.others.remove(sink)
                warn(f"{type(sink).__name__} stopped ({one_line(error)}); the run goes on without it")


class Memory:
    """Keeps the rows, each with its step: the history of a run."""

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []

    def write(self, step: int, row: Row) -> None:
        """Keep a row."""
        self.rows.append({"step": step, **row})

    def close(self, summary: Mapping[str, Any]) -> None:
        """Do nothing: the rows stay."""


class BestSoFar:
    """Keeps the best finite value of one metric.

    Attributes:
        value: NaN until there is one.
    """

    def __init__(self, criterion: "Criterion"):
        self.criterion, self.value = criterion, math.nan

    def write(self, step: int, row: Row) -> None:
        """Keep the value of a row if it is better."""
        value = row.get(self.criterion.metric, math.nan)
        if math.isfinite(value):
            better = max if self.criterion.direction == "max" else min
            self.value = value if math.isnan(self.value) else better(self.value, value)

    def close(self, summary: Mapping[str, Any]) -> None:
        """Do nothing: the value stays."""
