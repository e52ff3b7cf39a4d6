"""When the state of a run is saved: after so many steps, after so much time, when a signal asks, and at the end.

Saver is between the loop, which hands snapshots out, and `runs/snapshots.py`, which writes them.
"""

import re
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any, NamedTuple

from padl.app.stopping import StopRequest
from padl.engine.loop import Control
from padl.runs.snapshots import SnapshotStore
from padl.types import PadlError, PyTree

UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
SPAN = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*")


class Interval(NamedTuple):
    """How often a state is saved: after so many steps, or after so many seconds; neither is None, or both are."""

    steps: int | None
    seconds: float | None


def interval(save_every: int | str | None) -> Interval:
    """Read run.save_every: a number of steps, a time as "10min", or None for never.

    Raises:
        PadlError: it is none of them.
    """
    if save_every is None:
        return Interval(None, None)
    text = str(save_every)
    if text.isdecimal() and int(text) > 0:
        return Interval(int(text), None)
    span = SPAN.fullmatch(text)
    if span is None or span[2] not in UNITS or float(span[1]) == 0:
        units = ", ".join(UNITS)
        raise PadlError(f"run.save_every={save_every} must be steps, as 1000, or a time, as 10min (units: {units})")
    return Interval(None, float(span[1]) * UNITS[span[2]])


class Saver:
    """Decides when the state of a run is saved, and gives it to its store.

    Args:
        store: None where nothing is kept. every: run.save_every. stop: looked at after each call.
    """

    def __init__(self, store: SnapshotStore | None, every: Interval, stop: StopRequest):
        self.store, self.every, self.stop = store, every, stop
        self.saved = monotonic()

    @property
    def steps(self) -> int | None:
        """What `save_every` of the loop is."""
        return self.every.steps if self.store else None

    def control(self) -> Control:
        """Say what is wanted after the call that runs; the loop asks."""
        if self.stop.signal is not None:
            return "stop"
        due = self.every.seconds is not None and monotonic() - self.saved >= self.every.seconds
        return "save" if due and self.store and not self.store.is_saving else "go on"

    def save(self, step: int, tree: PyTree, record: Callable[[], Mapping[str, Any]], before: Callable[[], Any]) -> None:
        """Begin to write a snapshot.

        Args:
            step, tree, before: as of `SnapshotStore.save`. record: makes what belongs to it beside its arrays.
        """
        if self.store:
            self.saved = monotonic()
            self.store.save(step, tree, record(), before)

    def close(self) -> None:
        """Wait until all is written."""
        if self.store:
            self.store.close()
