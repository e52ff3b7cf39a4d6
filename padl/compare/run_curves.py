"""Draw the curves of several runs together: a panel for what can be compared, told apart by colour. draw_panels."""

import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from padl.compare.plot_style import COLOURS, blank, styles, tidy
from padl.compare.value_axis import scale_values

APART = len(COLOURS)  # curves of one panel that colours tell apart; more of them are means over seeds where they can be
SETTINGS = 12  # in the legend; of more the best few are told apart, and the others are grey
GREY = "0.75"


class RunCurve(NamedTuple):
    """What one run measured.

    Attributes:
        label: what tells it from the others. setting: the same without its seed.
        x, y: (points,).
    """

    label: str
    setting: str
    x: np.ndarray
    y: np.ndarray


class Panel(NamedTuple):
    """Curves that can be compared.

    Attributes:
        title: what they are of, where panels differ in that. metric: on the axis. direction: which way is better.
    """

    title: str
    metric: str
    direction: str
    curves: list[RunCurve]


class DrawnLine(NamedTuple):
    """What is drawn of a setting: a curve, or the mean over its seeds with their range.

    Attributes:
        name: in the legend. x, y: (points,). low, high: (points,), those of `y` for one run.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    low: np.ndarray
    high: np.ndarray


def draw_panels(panels: Sequence[Panel], title: str, x_label: str, smooth: float = 0.0, log: bool = False) -> Any:
    """Draw panels side by side, and one legend for all of them.

    Args:
        panels: one or more. smooth: weight of what was before in a running mean, in [0, 1); the curves as they are stay
            behind it, pale. log: whether all axes of values are logarithmic.
    """
    lines = [lines_of(panel) for panel in panels]
    names = list(dict.fromkeys(line.name for each in lines for line in each))
    shown = names if len(names) <= SETTINGS else _best_names(panels, lines)
    look = styles(shown)
    across = min(len(panels), 3)
    rows = -(-len(panels) // across)
    figure = blank(
        title, max(6.4, 1.0 + 4.4 * across), 0.8 + 3.4 * rows + 0.19 * (len(shown) + (len(names) > len(shown)))
    )
    axes = figure.subplots(rows, across, squeeze=False).ravel()
    for spare in axes[len(panels) :]:
        spare.set_visible(False)
    for place, panel, each in zip(axes, panels, lines, strict=False):
        for line in sorted(each, key=lambda line: line.name in look):
            _draw(place, line, look.get(line.name), smooth)
        scale_values(place, [y for line in each for y in (*line.low, *line.high)], panel.direction, log)
        tidy(place)
        place.set(xlabel=x_label, ylabel=panel.metric)
        place.set_title(panel.title, fontsize=9)
    _legend(figure, look, len(names) - len(shown), any("mean of" in name for name in names))
    return figure


def lines_of(panel: Panel) -> list[DrawnLine]:
    """Return the lines of a panel: each curve, or, of more than colours tell apart, the means over seeds."""
    settings: dict[str, list[RunCurve]] = {}
    for curve in panel.curves:
        settings.setdefault(curve.setting, []).append(curve)
    if len(panel.curves) <= APART or len(settings) == len(panel.curves):
        return [DrawnLine(c.label, c.x, c.y, c.y, c.y) for c in panel.curves]
    return [_mean(setting, curves) for setting, curves in settings.items()]


def _mean(setting: str, curves: Sequence[RunCurve]) -> DrawnLine:
    """The mean and the range over seeds, at the places that all of them measured."""
    if len(curves) == 1:
        return DrawnLine(setting, curves[0].x, curves[0].y, curves[0].y, curves[0].y)
    common = sorted(set.intersection(*(set(curve.x.tolist()) for curve in curves)))
    at = [dict(zip(curve.x.tolist(), curve.y.tolist(), strict=True)) for curve in curves]
    table = np.array([[values[x] for x in common] for values in at]).reshape(len(curves), len(common))
    name = f"{setting} (mean of {len(curves)} seeds)".strip()
    return DrawnLine(name, np.array(common), table.mean(0), table.min(0), table.max(0))


def _best_names(panels: Sequence[Panel], lines: Sequence[Sequence[DrawnLine]]) -> list[str]:
    """The settings that end best: the first of each panel, then the second of each, as many as colours tell apart."""
    ranked = [_by_end(panel.direction, each) for panel, each in zip(panels, lines, strict=True)]
    in_turn = [name for places in itertools.zip_longest(*ranked) for name in places if name is not None]
    return list(dict.fromkeys(in_turn))[:APART]


def _by_end(direction: str, lines: Sequence[DrawnLine]) -> list[str]:
    sign = -1.0 if direction == "max" else 1.0
    last = {line.name: sign * float(line.y[-1]) if len(line.y) else math.inf for line in lines}
    return sorted((name for name, value in last.items() if math.isfinite(value)), key=last.__getitem__)


def _draw(axes: Any, line: DrawnLine, style: dict[str, Any] | None, smooth: float) -> None:
    every = max(1, len(line.x) // 8)
    look = {"lw": 1.6, "ms": 4, "markevery": every, **style} if style else {"lw": 0.8, "color": GREY}
    if style and smooth:
        axes.plot(line.x, line.y, color=look["color"], lw=0.8, alpha=0.25)
    if style and not np.array_equal(line.low, line.high):
        axes.fill_between(line.x, line.low, line.high, color=look["color"], alpha=0.14, lw=0)
    axes.plot(line.x, smoothed(line.y, smooth), **look)


def smoothed(values: np.ndarray, weight: float) -> np.ndarray:
    """Return a running mean (points,) that gives what was before this weight, without a bias towards 0 at its start."""
    mean, total, result = 0.0, 0.0, []
    for value in values.tolist():
        if math.isfinite(value):
            mean, total = weight * mean + (1 - weight) * value, weight * total + (1 - weight)
        result.append(mean / total if math.isfinite(value) else value)
    return np.array(result, float)


def _legend(figure: Any, look: dict[str, dict[str, Any]], others: int, has_means: bool) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], lw=1.6, ms=4, label=name, **style) for name, style in look.items() if name]
    handles += [Line2D([], [], lw=0.8, color=GREY, label=f"{others} others, which end less well")] if others else []
    title = "mean and range over seeds" if has_means else None
    if len(handles) > 1 or has_means:
        sizes = {"fontsize": 8, "title_fontsize": 8}
        figure.legend(handles=handles, loc="outside lower left", title=title, frameon=False, alignment="left", **sizes)
