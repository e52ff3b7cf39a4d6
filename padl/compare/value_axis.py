"""Scale an axis of values so that differences show: by logarithms, or by the distance from 1. scale_values, is_log."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from padl.runs.curves import LOG_RANGE

NEAR_ONE = 0.9  # a share that comes this far is read by what it lacks
TICKS = (0.0, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999, 0.9995, 0.9999, 1.0)
MARGIN = 0.04  # of the axis, at each end


def is_log(values: Sequence[float], direction: str) -> bool:
    """Tell whether what is to be small spans so much that only its logarithm shows it; zeros lie at its lower end."""
    x = np.asarray([v for v in values if np.isfinite(v)])
    positive = x[x > 0]
    return direction == "min" and len(positive) > 1 and x.min() >= 0 and positive.max() > LOG_RANGE * positive.min()


def is_share_near_one(values: Sequence[float], direction: str) -> bool:
    """Tell whether what is to be large is a share, some near 1 and some far, as the accuracies of a sweep: on an even
    axis the good ones are one line at its top."""
    x = np.asarray([v for v in values if np.isfinite(v)])
    if direction != "max" or len(x) < 2 or x.min() < 0 or x.max() > 1 or x.max() < NEAR_ONE:
        return False
    return bool(1 - x.min() > LOG_RANGE * max(1 - x.max(), _smallest_lack(x)))


def _smallest_lack(x: np.ndarray) -> float:
    lacks = 1 - x[x < 1]
    return float(lacks.min()) if len(lacks) else 1.0


def scale_values(axes: Any, values: Sequence[float], direction: str, log: bool = False) -> None:
    """Choose the scale of the y axis by what is drawn on it; `log` asks for logarithms."""
    if log or is_log(values, direction):
        axes.set_yscale("log")
    elif is_share_near_one(values, direction):
        _by_what_is_lacking(axes, np.asarray([v for v in values if np.isfinite(v)]))


def _by_what_is_lacking(axes: Any, x: np.ndarray) -> None:
    """Space values evenly in the logarithm of 1 - value."""
    eps = _smallest_lack(x) / 2
    forward = lambda y: -np.log10(np.maximum(1 + eps - np.asarray(y, float), eps / 10))  # noqa: E731
    inverse = lambda z: 1 + eps - 10.0 ** -np.asarray(z, float)  # noqa: E731
    axes.set_yscale("function", functions=(forward, inverse))
    low, high = float(forward(x.min())), float(forward(x.max()))
    room = MARGIN * (high - low)
    bottom, top = float(inverse(low - room)), float(inverse(high + room))
    ticks = [tick for tick in TICKS if bottom <= tick <= top]
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_ylim(bottom, top)
