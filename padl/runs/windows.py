"""Measurements of single steps -> rows to log: training metrics averaged over a window, evaluations as they come."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from padl.runs.array_json import decode_all, encode_all
from padl.runs.sink import Row

AS_THEY_ARE = ("learning_rate",)  # of the window's last step, under their own name; the others become train/NAME


def checked_state(saved: Any) -> dict[str, Any]:
    """Return what `Windows.state` gave; raises KeyError, TypeError or ValueError for anything else."""
    decode_all(saved["open"])
    return {"step": int(saved["step"]), "open": dict(saved["open"])}


class Windows:
    """Cuts a run into windows of `log_every` steps; the last may be shorter.

    Args:
        state: go on with this window, which `state` gave; None begins at step 0.
    """

    def __init__(self, log_every: int, state: Mapping[str, Any] | None = None):
        self.log_every = log_every
        self.step = state["step"] if state else 0
        self.open: list[Mapping[str, np.ndarray]] = []
        if state and state["open"]:
            self.open = [decode_all(state["open"])]

    def state(self) -> dict[str, Any]:
        """Return the step and what the open window holds, for JSON; every number comes back as it was."""
        return {"step": self.step, "open": encode_all(self._joined() if self.open else {})}

    def take(
        self, train: Mapping[str, np.ndarray], evaluation: Mapping[str, float], last: bool
    ) -> Iterator[tuple[int, Row]]:
        """Yield the rows that these steps complete, each with its step.

        Args:
            train: metrics of consecutive steps, (steps,). evaluation: metrics after them, or {}.
            last: no step follows, so an unfinished window is a row too.
        """
        end = self.step + len(next(iter(train.values())))
        evaluated = {f"eval/{name}": value for name, value in evaluation.items()}
        while self.step < end:
            boundary = (self.step // self.log_every + 1) * self.log_every
            stop = min(boundary, end)
            width = stop - self.step
            self.open.append({name: values[:width] for name, values in train.items()})
            train = {name: values[width:] for name, values in train.items()}
            self.step = stop
            complete = stop == boundary or (last and stop == end)
            row = {**(self._close() if complete else {}), **(evaluated if stop == end else {})}
            if row:
                yield stop, row

    def _close(self) -> dict[str, float]:
        window = self._joined()
        self.open = []
        means = {f"train/{n}": float(v.mean(dtype=np.float64)) for n, v in window.items() if n not in AS_THEY_ARE}
        return {**means, **{name: shortest(window[name][-1]) for name in AS_THEY_ARE if name in window}}

    def _joined(self) -> dict[str, np.ndarray]:
        return {name: np.concatenate([part[name] for part in self.open]) for name in self.open[0]}


def shortest(number: np.floating) -> float:
    """Return the number with the fewest digits that is the same in its own type: 0.001, not 0.0010000000474974513."""
    return float(str(number))
