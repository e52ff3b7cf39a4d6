"""Lay out logarithmic axes of what goes to zero: lowest number, label, goal. sound, lowest, axis_label, goal_line."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from padl.compare.comparison import Comparison

LEAST = 1e-12  # of the first gap: what is smaller is drawn there
ABOVE = 4.0  # times the largest value of what does not diverge: the top of an axis
GOAL = {"color": "0.25", "ls": (0, (1, 1.6)), "lw": 1.4}
GAP = "height above the lowest point"


def sound(values: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Return the (S, T + 1) that stayed finite from every start; if there are none, only step 0 of each."""
    return [v for v in values.values() if np.isfinite(v[:, -1]).all()] or [v[:, :1] for v in values.values()]


def lowest(values: Iterable[np.ndarray], least: float) -> float:
    """Return the smallest number a logarithmic axis shows: the smallest positive value, but not below `least`."""
    positive = [float(v[v > 0].min()) for v in values if (v > 0).any()]
    return max(min(positive, default=1.0), least)


def axis_label(words: str, over: str, values: Iterable[np.ndarray], low: float) -> str:
    """Word the label of an axis: what it shows, over what, and where it draws what it cannot show."""
    clipped = any((v < low).any() for v in values)
    return "\n".join(filter(None, [words, over, f"(0, and less than {low:.1e}, is drawn there)" if clipped else ""]))


def goal_line(axes: Any, comparison: Comparison) -> None:
    """Draw a line at the goal, which a logarithmic axis is lengthened to show."""
    gap = comparison.goal - comparison.landscape.floor
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, gap / 2), max(high, gap * 2))
    axes.axhline(gap, **GOAL)
