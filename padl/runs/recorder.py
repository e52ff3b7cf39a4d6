"""One path for what a run measures: windows make rows of it, sinks take them. For a run and for a member of a sweep."""

from collections.abc import Mapping
from typing import Any, Protocol, Self

import numpy as np

from padl.errors import one_line
from padl.runs.sink import Sink, warn
from padl.runs.status import stopped
from padl.runs.windows import Windows


class Measurements(Protocol):
    """What some consecutive steps measured, as the engine's loop hands it out.

    Attributes:
        step: updates done at their end.
        train: metrics of each step, (steps,), the "loss" among them; {} of no steps.
        evaluation: metrics at their end, {} where none was due.
        diverged: the step that diverged, counted from 1; None where none did.
        overflowed: numbers of the parameters for which the optimizer's state is infinite.
    """

    step: int
    train: dict[str, np.ndarray]
    evaluation: dict[str, float]
    diverged: int | None
    overflowed: int


class Recorder:
    """Writes the rows of a run to a sink, which may be several as `Sinks`.

    As a context manager it closes the sink where its block raises, with what stopped the run as the summary.

    Args:
        log_every: steps that the training metrics of a row are averaged over.
        window: what is open of a run that goes on, as `Windows.state` gave it; None begins.
        name: of the run, where there are several.
    """

    def __init__(self, log_every: int, sink: Sink, window: Mapping[str, Any] | None = None, name: str = ""):
        self.windows, self.sink, self.name = Windows(log_every, window), sink, name
        self.step = self.windows.step
        self.is_open = True
        self.has_overflowed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        if error is not None:
            self.close({"status": stopped(error), "reason": one_line(error), "steps": self.step})

    def take(self, measured: Measurements, last: bool) -> None:
        """Write the rows that these steps complete.

        Args:
            measured: of steps that diverged the rows end with that step, and what was evaluated after it is left out.
            last: no step follows, so an unfinished window is a row too.
        """
        train, evaluation = measured.train, measured.evaluation
        if not train:  # a run that goes on where it had only to be closed
            return
        if measured.diverged is not None:
            length = len(train["loss"]) - (measured.step - measured.diverged)
            train, evaluation = {name: values[:length] for name, values in train.items()}, {}
        for step, row in self.windows.take(train, evaluation, last):
            self.step = step
            self.sink.write(step, row)
        if measured.overflowed and not self.has_overflowed:
            self.has_overflowed = True
            warn(f"{self.name and self.name + ', '}step {measured.step}: {overflow_line(measured.overflowed)}")

    def close(self, summary: Mapping[str, Any]) -> None:
        """Close the sink, the first time."""
        if self.is_open:
            self.is_open = False
            self.sink.close(summary)


def overflow_line(count: int) -> str:
    """Say what became of numbers whose squared gradients are infinite."""
    numbers = "1 number" if count == 1 else f"{count:,} numbers"
    return (
        f"the optimizer's state is infinite for {numbers} of the parameters, which an adaptive rule moves no more: "
        "float32 cannot hold the square of a gradient that large; clip_norm=1 bounds gradients"
    )
