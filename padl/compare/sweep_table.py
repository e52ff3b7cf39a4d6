"""Hold what the pictures of a sweep are drawn from, and what they share. SweepTable, objective_axis, spread."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from padl.compare.plot_style import tidy
from padl.compare.statistics import Row, Setting, rank
from padl.compare.value_axis import scale_values
from padl.types import Direction

LOST = "diverged for some seed"
MULTIPLES = 12  # panels of one category each, and curves in one panel


@dataclass(frozen=True)
class SweepTable:
    """A sweep as its pictures need it.

    Attributes:
        rows, swept, direction: as in `statistics.rank`.
        objective: the metric that settings are judged by, "eval/accuracy".
        histories: {member: (steps, values)} of the objective.
        title: of every picture.
    """

    rows: Sequence[Row]
    swept: Sequence[str]
    objective: str
    direction: Direction
    histories: Mapping[int, tuple[np.ndarray, np.ndarray]]
    title: str

    def ranked(self) -> list[Setting]:
        """Rank the settings, the best first."""
        return rank(self.rows, self.swept, self.direction)

    @cached_property
    def objectives(self) -> dict[int, float]:
        """Return {member: objective} of those that have one: a diverged member is in its setting, but in no mean."""
        return {row["member"]: row["objective"] for row in self.rows if np.isfinite(row["objective"])}

    def seeds(self, setting: Setting) -> list[int]:
        """Return the members that a setting's mean is over."""
        return [member for member in setting.members if member in self.objectives]


def objective_axis(axes: Any, values: Sequence[float], direction: Direction) -> None:
    """Style axes whose y is the objective, scaled so that differences show."""
    scale_values(axes, values, direction)
    tidy(axes)


def spread(ranked: Sequence[Setting]) -> str:
    """Word what a mean is over: `mean ± se, 3 to 5 seeds`."""
    counts = sorted({s.n for s in ranked if s.n and not s.diverged}) or [max((s.n for s in ranked), default=0)]
    n = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else str(counts[0])
    return f"mean ± se, {n} seeds" if counts[-1] > 1 else "one seed"
