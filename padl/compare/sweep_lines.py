"""Draw a sweep's objective against one number: a line for each category, or a panel. against, side_by_side."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

from padl.compare.plot_style import COLOURS, MARKERS, figure_of, styles
from padl.compare.statistics import Setting, by_category, category, last_word, log_spaced, numeric
from padl.compare.sweep_table import LOST, MULTIPLES, SweepTable, objective_axis, spread
from padl.compare.value_axis import is_log
from padl.types import Direction

TOGETHER = len(COLOURS)  # categories in one panel
MOST = 30  # settings side by side
ROW = 0.035  # of the height of the axes: a row of crosses
Line = Sequence[tuple[float, Setting]]  # the settings at each value of a key


def against(sweep: SweepTable, ranked: Sequence[Setting], key: str) -> Any:
    """Draw the objective against one number: for each of its values the best over the other numbers, mean over seeds.

    Many categories have a panel each, with the others in grey. Where no value comes twice, every dot is a trial.
    """
    numbers = numeric(ranked)
    groups = by_category(ranked)
    others = [last_word(k) for k in numbers if k != key]
    trials = bool(others) and all(len({s.values[key] for s in group}) == len(group) for group in groups.values())
    lines = {name: _best_at(settings, key) for name, settings in groups.items()}
    draw_lines = _together if len(lines) <= TOGETHER else _apart
    figure, panels, rows = draw_lines(sweep, lines, "none" if trials else None)
    values = [sweep.objectives[m] for line in lines.values() for _, s in line if not s.diverged for m in sweep.seeds(s)]
    for axes in panels:
        objective_axis(axes, values, sweep.direction)
        if log_spaced([s.values[key] for s in ranked]):
            axes.set_xscale("log")
        if len(panels) > 1:
            axes.minorticks_off()  # half of the time that many panels take
    if rows:
        _make_room(panels[0], rows, sweep.direction)
    note = f", {', '.join(others)} varies too" if trials else f", best over {', '.join(others)}" if others else ""
    words = f"{key}{note}", f"best {sweep.objective}, {spread(ranked)}"
    if len(panels) == 1:
        panels[0].set(xlabel=words[0], ylabel=words[1])
    else:
        figure.supxlabel(words[0], fontsize=10)
        figure.supylabel(words[1], fontsize=10)
    _legend(figure, panels)
    return figure


def _best_at(settings: Sequence[Setting], key: str) -> list[tuple[float, Setting]]:
    """For each value of a key the best of ranked settings that have it."""
    best: dict[float, Setting] = {}
    for setting in settings:
        best.setdefault(setting.values[key], setting)
    return sorted(best.items())


def _together(sweep: SweepTable, lines: Mapping[str, Line], ls: str | None) -> tuple[Any, list[Any], int]:
    """(figure, its one panel, rows of crosses): all categories, told apart by colour and marker."""
    figure, (axes,) = figure_of(sweep.title, 7.2, 4.2)
    rows = 0
    for name, style in styles(list(lines)).items():
        rows += _line(axes, sweep, lines[name], name, style | ({"ls": ls} if ls else {}), rows)
    return figure, [axes], rows


def _apart(sweep: SweepTable, lines: Mapping[str, Line], ls: str | None) -> tuple[Any, list[Any], int]:
    """(figure, its panels, rows of crosses): one panel for each of the best categories, the others in grey."""
    shown = list(lines)[:MULTIPLES]
    left = f", the best {len(shown)} of {len(lines)}" if len(lines) > len(shown) else ""
    height = 0.9 + 1.9 * -(-len(shown) // 4)
    figure, panels = figure_of(f"{sweep.title}{left}", 9.6, height, len(shown), 4, shared=True)
    style = {"color": COLOURS[0], "marker": MARKERS[0], "ls": ls or "-"}
    courses = [[*((x, s.mean) for x, s in lines[name] if not s.diverged), (np.nan, np.nan)] for name in shown]
    grey = list(zip(*chain(*courses), strict=True))  # one line with gaps
    rows = 0
    for axes, name in zip(panels, shown, strict=True):
        axes.plot(*grey, color="0.8", lw=0.8, **({"ls": "none", "marker": "."} if ls else {}))
        rows = max(rows, _line(axes, sweep, lines[name], "", style, 0))
        axes.set_title(name, fontsize=9)
    for axes in panels[-4:]:
        axes.tick_params(labelbottom=True)  # also above the places left empty in the last row
    return figure, panels, rows


def _line(axes: Any, sweep: SweepTable, line: Line, name: str, style: Any, row: int) -> bool:
    """Means with standard errors, seeds as dots; in a `row` at the bad end a cross for what diverged, if anything."""
    sound = [(x, s) for x, s in line if not s.diverged]
    seeds = [(x, sweep.objectives[m]) for x, s in sound for m in sweep.seeds(s)]
    axes.scatter(*zip(*seeds, strict=True) if seeds else ((), ()), s=6, color=style["color"], alpha=0.35, lw=0)
    errors = [0.0 if np.isnan(s.error) else s.error for _, s in sound]
    points = [x for x, _ in sound], [s.mean for _, s in sound]
    axes.errorbar(*points, errors, label=name or None, lw=1.4, ms=4.5, capsize=2, **style)
    lost = [x for x, s in line if s.diverged]
    cross = {"marker": "x", "ls": "none", "ms": 5, "transform": axes.get_xaxis_transform()}
    depth = ROW * (row + 0.6)
    axes.plot(lost, [depth if sweep.direction == "max" else 1 - depth] * len(lost), color=style["color"], **cross)
    if lost:
        axes.plot([], [], color="0.3", marker="x", ls="none", ms=5, label=LOST)
    return bool(lost)


def _make_room(axes: Any, rows: int, direction: Direction) -> None:
    """Lengthen the objective's axis at its bad end, so that no line runs through the rows of crosses."""
    scale = axes.yaxis.get_transform()
    low, high = scale.transform(np.array(axes.get_ylim()))
    more = (high - low) * ROW * rows / (1 - ROW * rows)
    ends = (low - more, high) if direction == "max" else (low, high + more)
    axes.set_ylim(scale.inverted().transform(np.array(ends)))


def _legend(figure: Any, panels: Sequence[Any]) -> None:
    """One for all panels, outside them: no dot can be taken for an entry. What diverged stands last."""
    entries = {
        label: handle for axes in panels for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    order = sorted(entries, key=lambda label: label == LOST)
    place = "outside lower right" if len(panels) > 1 else "outside right upper"
    if order:
        handles = [entries[label] for label in order]
        figure.legend(handles=handles, labels=order, loc=place, frameon=False, fontsize=8)


def side_by_side(sweep: SweepTable, ranked: Sequence[Setting]) -> Any:
    """Draw settings without any number: every seed a dot, the mean with its standard error over them."""
    shown = [s for s in ranked if s.n][:MOST][::-1]
    figure, (axes,) = figure_of(sweep.title, 7.2, 1.6 + 0.3 * len(shown))
    for place, setting in enumerate(shown):
        values = [sweep.objectives[m] for m in sweep.seeds(setting)]
        axes.scatter(values, [place] * len(values), s=12, color=COLOURS[0], alpha=0.4, lw=0)
        error = 0.0 if np.isnan(setting.error) else setting.error
        axes.errorbar(setting.mean, place, xerr=error, fmt="D", color=COLOURS[1], capsize=3, ms=5)
    lost = [f"\n({s.diverged} of {s.diverged + s.n} diverged)" if s.diverged else "" for s in shown]
    names = [f"{category(s, ())}{note}" for s, note in zip(shown, lost, strict=True)]
    axes.set_yticks(range(len(shown)), names, fontsize=8)
    if is_log([s.mean for s in shown], sweep.direction):
        axes.set_xscale("log")
    axes.set_xlabel(f"best {sweep.objective}, {spread(ranked)}")
    axes.grid(alpha=0.3, axis="x")
    axes.spines[["top", "right"]].set_visible(False)
    return figure
