"""Where metrics go: a sink takes rows as they come and is closed once with the summary."""

import sys
from collections.abc import Mapping
from typing import Any, Protocol

from padl.types import one_line

Row = Mapping[str, float]


class Sink(Protocol):
    def write(self, step: int, row: Row) -> None:
        """The metrics of one step. Steps never decrease."""
        ...

    def close(self, summary: Mapping[str, Any]) -> None:
        """No row follows. The summary is that of summary.json."""
        ...


class Sinks:
    """Several sinks as one. The first is the truth and may fail; another that fails is dropped, with one warning."""

    def __init__(self, truth: Sink, *others: Sink):
        self.truth, self.others = truth, list(others)

    def write(self, step: int, row: Row) -> None:
        self.truth.write(step, row)
        self._each(lambda sink: sink.write(step, row))

    def close(self, summary: Mapping[str, Any]) -> None:
        try:
            self.truth.close(summary)
        finally:
            self._each(lambda sink: sink.close(summary))

    def _each(self, call: Any) -> None:
        for sink in list(self.others):
            try:
                call(sink)
            except Exception as error:
                self.others.remove(sink)
                warn(f"{type(sink).__name__} stopped ({one_line(error)}); the run goes on without it")


class Memory:
    """Keeps the rows: the history of a run from Python."""

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []

    def write(self, step: int, row: Row) -> None:
        self.rows.append({"step": step, **row})

    def close(self, summary: Mapping[str, Any]) -> None:
        pass


def warn(message: str) -> None:
    print(f"padl: {message}", file=sys.stderr, flush=True)
