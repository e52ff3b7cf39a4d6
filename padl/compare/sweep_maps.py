"""Draw a sweep's objective over two numbers: cells of a grid, or dots of a search. value_map."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from padl.compare.plot_style import COLOURS, figure_of
from padl.compare.statistics import Setting, by_category, last_word, log_spaced, numeric
from padl.compare.sweep_table import LOST, SweepTable
from padl.compare.value_axis import is_log
from padl.types import Direction

PANELS, CELLS = 6, 40  # at most so many panels of a map, and cells along an axis
CROSS = {"marker": "x", "color": "0.45", "ms": 6}
RING = {"marker": "o", "mfc": "none", "mec": COLOURS[1], "mew": 2, "ms": 11}
Best = Mapping[tuple[float, float], Setting]  # by the two numbers, the best over all others; the best of all first


def value_map(sweep: SweepTable, ranked: Sequence[Setting], a: str, b: str) -> Any:
    """Draw the objective over two numbers, the best over any others; a panel for each category, the best ones first."""
    groups = dict(list(by_category(ranked).items())[:PANELS])
    across = min(len(groups), 3)
    figure, panels = figure_of(sweep.title, 1.2 + 4.2 * across, 1.1 + 3.3 * -(-len(groups) // 3), len(groups))
    norm = _norm([s.mean for s in ranked if not s.diverged], sweep.direction)
    colours = "viridis" if sweep.direction == "max" else "viridis_r"  # bright is good
    mappable = None
    for axes, (name, settings) in zip(panels, groups.items(), strict=True):
        best: dict[tuple[float, float], Setting] = {}
        for setting in settings:
            best.setdefault((setting.values[a], setting.values[b]), setting)
        columns, rows = len({x for x, _ in best}), len({y for _, y in best})
        grid = max(columns, rows) <= CELLS and 2 * len(best) > columns * rows
        mappable = (_cells if grid else _points)(axes, best, norm, colours) or mappable
        axes.set(xlabel=a, ylabel=b)
        axes.set_title(name, fontsize=9)
    if mappable is None:
        return None
    others = [last_word(key) for key in numeric(ranked) if key not in (a, b)]
    over = f", best over {', '.join(others)}" if others else ""
    figure.colorbar(mappable, ax=panels, label=f"best {sweep.objective}{over}", shrink=0.9)
    _legend(figure, any(s.diverged for s in ranked))
    return figure


def _cells(axes: Any, best: Best, norm: Any, colours: str) -> Any:
    """A cell for each pair of values; a cross where a member diverged, a ring around the best."""
    columns, rows = sorted({x for x, _ in best}), sorted({y for _, y in best})
    table = np.full((len(rows), len(columns)), np.nan)
    lost = []
    for (x, y), setting in best.items():
        place = rows.index(y), columns.index(x)
        if setting.n and not setting.diverged:
            table[place] = setting.mean
        else:
            lost.append(place[::-1])
    if lost:
        axes.plot(*zip(*lost, strict=True), ls="none", **CROSS)
    image = axes.imshow(table, origin="lower", aspect="auto", cmap=colours, norm=norm)
    if np.isfinite(table).any():
        x, y = next(iter(best))
        axes.plot(columns.index(x), rows.index(y), **RING)
    for ticks, values in ((axes.set_xticks, columns), (axes.set_yticks, rows)):
        stride = -(-len(values) // 8)
        ticks(range(0, len(values), stride), [f"{v:.3g}" for v in values[::stride]])
    axes.tick_params("x", rotation=45)
    return image if np.isfinite(table).any() else None


def _points(axes: Any, best: Best, norm: Any, colours: str) -> Any:
    """A dot for each pair of values that a search drew."""
    sound = {at: s for at, s in best.items() if s.n and not s.diverged}
    lost = [at for at in best if at not in sound]
    if lost:
        axes.scatter(*zip(*lost, strict=True), marker="x", color=CROSS["color"], s=24)
    if not sound:
        return None
    means = [s.mean for s in sound.values()]
    points = axes.scatter(*zip(*sound, strict=True), c=means, cmap=colours, norm=norm, s=28, ec="0.5", lw=0.4)
    x, y = next(iter(sound))
    axes.plot(x, y, **RING)
    for column, scale in ((0, axes.set_xscale), (1, axes.set_yscale)):
        if log_spaced([at[column] for at in best]):
            scale("log")
    axes.grid(alpha=0.3)
    return points


def _norm(values: Sequence[float], direction: Direction) -> Any:
    from matplotlib.colors import LogNorm, Normalize

    if is_log(values, direction):
        positive = [v for v in values if v > 0]
        return LogNorm(min(positive), max(positive), clip=True)
    return Normalize(min(values, default=0.0), max(values, default=1.0))


def _legend(figure: Any, lost: bool) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], ls="none", label="best", **RING)]
    handles += [Line2D([], [], ls="none", label=LOST, **CROSS)] if lost else []
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False, fontsize=8)
