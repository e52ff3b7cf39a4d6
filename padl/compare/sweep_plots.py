"""Plots of a sweep: the objective against each swept value, a map for each pair of numbers, the best curves."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, combinations
from pathlib import Path
from typing import Any

import numpy as np

from padl.compare.plot_style import COLOURS, MARKERS, figure_of, styles, tidy
from padl.compare.statistics import Direction, Row, Setting, best_of_each, category, log_spaced, numeric, rank

LOG_RANGE = 30  # positive values that span more than this get a logarithmic axis
NUMBERS, MAPS, PANELS, CELLS = 4, 3, 6, 40  # at most so many keys and pairs drawn, panels of a map, cells along an axis
CURVES, TOGETHER, MULTIPLES = 6, len(COLOURS), 12  # curves of one category, categories in one panel, panels of one each
LOST = "diverged for some seed"
CROSS = {"marker": "x", "color": "0.45", "ms": 6}
RING = {"marker": "o", "mfc": "none", "mec": COLOURS[1], "mew": 2, "ms": 11}
ROW = 0.035  # of the height of the axes: a row of crosses
Line = Sequence[tuple[float, Setting]]  # the settings at each value of a key


@dataclass(frozen=True)
class Sweep:
    """What the pictures are drawn from.

    Attributes:
        rows, swept, direction: as in `ranking.rank`. objective: its name, "eval/accuracy".
        histories: {member: (steps, values)} of the objective. title: of every picture.
    """

    rows: Sequence[Row]
    swept: Sequence[str]
    objective: str
    direction: Direction
    histories: Mapping[int, tuple[np.ndarray, np.ndarray]]
    title: str

    def ranked(self) -> list[Setting]:
        return rank(self.rows, self.swept, self.direction)

    @cached_property
    def objectives(self) -> dict[int, float]:
        """{member: objective} of those that have one: a diverged member is in its setting, but in no mean."""
        return {row["member"]: row["objective"] for row in self.rows if np.isfinite(row["objective"])}

    def seeds(self, setting: Setting) -> list[int]:
        """The members that a setting's mean is over."""
        return [member for member in setting.members if member in self.objectives]


def draw(sweep: Sweep, folder: Path) -> list[Path]:
    """Draw all that the sweep has something for, at most eight PNG files in `folder`."""
    ranked = sweep.ranked()
    numbers = numeric(ranked)[:NUMBERS]
    if not any(s.n for s in ranked):
        return []
    plots: dict[str, Callable[[], Any]] = {f"by_{key}": lambda key=key: _against(sweep, ranked, key) for key in numbers}
    if not numbers and len(ranked) > 1:
        plots["by_setting"] = lambda: _side_by_side(sweep, ranked)
    for a, b in list(combinations(numbers, 2))[:MAPS]:
        plots[f"map_{a}_{b}"] = lambda a=a, b=b: _map(sweep, ranked, a, b)
    plots["best_curves"] = lambda: _curves(sweep, ranked)
    files = []
    for name, plot in plots.items():
        figure = plot()
        if figure is not None:
            files.append(folder / f"{name.replace('/', '_')}.png")
            figure.savefig(files[-1])
    return files


def _is_log(values: Sequence[float], direction: Direction) -> bool:
    """Whether what is to be small spans so much that only its logarithm shows it; zeros lie at its lower end."""
    x = np.asarray([v for v in values if np.isfinite(v)])
    positive = x[x > 0]
    return direction == "min" and len(positive) > 1 and x.min() >= 0 and positive.max() > LOG_RANGE * positive.min()


def _tidy(axes: Any, values: Sequence[float], direction: Direction) -> None:
    """What all axes look like; a logarithmic objective where the values ask for it."""
    if _is_log(values, direction):
        axes.set_yscale("log")
    tidy(axes)


def _legend(figure: Any, panels: Sequence[Any]) -> None:
    """One for all panels, outside them: no dot can be taken for an entry. What diverged stands last."""
    entries = {
        label: handle for axes in panels for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    order = sorted(entries, key=lambda label: label == LOST)
    told = {"handles": [entries[label] for label in order], "labels": order, "frameon": False, "fontsize": 8}
    if len(panels) > 1 and order:
        figure.legend(loc="outside lower right", **told)
    elif order:
        figure.legend(loc="outside right upper", **told)


def _against(sweep: Sweep, ranked: Sequence[Setting], key: str) -> Any:
    """The objective against one number: for each of its values the best over the other numbers, mean over seeds.

    Many categories have a panel each, with the others in grey. Where no value comes twice, every dot is a trial.
    """
    numbers = numeric(ranked)
    groups = _groups(ranked)
    others = [_word(k) for k in numbers if k != key]
    trials = bool(others) and all(len({s.values[key] for s in own}) == len(own) for own in groups.values())
    lines = {name: _best_at(own, key) for name, own in groups.items()}
    draw_lines = _together if len(lines) <= TOGETHER else _apart
    figure, panels, rows = draw_lines(sweep, lines, "none" if trials else None)
    values = [sweep.objectives[m] for line in lines.values() for _, s in line if not s.diverged for m in sweep.seeds(s)]
    for axes in panels:
        _tidy(axes, values, sweep.direction)
        if log_spaced([s.values[key] for s in ranked]):
            axes.set_xscale("log")
        if len(panels) > 1:
            axes.minorticks_off()  # half of the time that many panels take
    if rows:
        _make_room(panels[0], rows, sweep.direction)
    note = f", {', '.join(others)} varies too" if trials else f", best over {', '.join(others)}" if others else ""
    words = f"{key}{note}", f"best {sweep.objective}, {_spread(ranked)}"
    if len(panels) == 1:
        panels[0].set(xlabel=words[0], ylabel=words[1])
    else:
        figure.supxlabel(words[0], fontsize=10)
        figure.supylabel(words[1], fontsize=10)
    _legend(figure, panels)
    return figure


def _groups(ranked: Sequence[Setting]) -> dict[str, list[Setting]]:
    """The settings of each category, both in the order of the ranking."""
    numbers = numeric(ranked)
    groups: dict[str, list[Setting]] = {}
    for setting in ranked:
        groups.setdefault(category(setting, numbers), []).append(setting)
    return groups


def _best_at(own: Sequence[Setting], key: str) -> list[tuple[float, Setting]]:
    """For each value of a key the best of ranked settings that have it."""
    best: dict[float, Setting] = {}
    for setting in own:
        best.setdefault(setting.values[key], setting)
    return sorted(best.items())


def _line(axes: Any, sweep: Sweep, line: Line, name: str, style: Any, row: int) -> bool:
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


def _together(sweep: Sweep, lines: Mapping[str, Line], ls: str | None) -> tuple[Any, list[Any], int]:
    """(figure, its one panel, rows of crosses): all categories, told apart by colour and marker."""
    figure, (axes,) = figure_of(sweep.title, 7.2, 4.2)
    rows = 0
    for name, style in styles(list(lines)).items():
        rows += _line(axes, sweep, lines[name], name, style | ({"ls": ls} if ls else {}), rows)
    return figure, [axes], rows


def _apart(sweep: Sweep, lines: Mapping[str, Line], ls: str | None) -> tuple[Any, list[Any], int]:
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


def _spread(ranked: Sequence[Setting]) -> str:
    counts = sorted({s.n for s in ranked if s.n and not s.diverged}) or [max((s.n for s in ranked), default=0)]
    n = f"{counts[0]} to {counts[-1]}" if len(counts) > 1 else str(counts[0])
    return f"mean ± se, {n} seeds" if counts[-1] > 1 else "one seed"


def _word(key: str) -> str:
    return key.rpartition(".")[2]


def _side_by_side(sweep: Sweep, ranked: Sequence[Setting]) -> Any:
    """Settings without any number: every seed a dot, the mean with its standard error beside them."""
    shown = [s for s in ranked if s.n][:30][::-1]
    figure, (axes,) = figure_of(sweep.title, 7.2, 1.6 + 0.3 * len(shown))
    for place, setting in enumerate(shown):
        values = [sweep.objectives[m] for m in sweep.seeds(setting)]
        axes.scatter(values, [place] * len(values), s=12, color=COLOURS[0], alpha=0.4, lw=0)
        error = 0.0 if np.isnan(setting.error) else setting.error
        axes.errorbar(setting.mean, place, xerr=error, fmt="D", color=COLOURS[1], capsize=3, ms=5)
    lost = [f"\n({s.diverged} of {s.diverged + s.n} diverged)" if s.diverged else "" for s in shown]
    names = [f"{category(s, ())}{note}" for s, note in zip(shown, lost, strict=True)]
    axes.set_yticks(range(len(shown)), names, fontsize=8)
    if _is_log([s.mean for s in shown], sweep.direction):
        axes.set_xscale("log")
    axes.set_xlabel(f"best {sweep.objective}, {_spread(ranked)}")
    axes.grid(alpha=0.3, axis="x")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _map(sweep: Sweep, ranked: Sequence[Setting], a: str, b: str) -> Any:
    """The objective over two numbers, the best over any others; a panel for each category, the best ones first."""
    groups = dict(list(_groups(ranked).items())[:PANELS])
    across = min(len(groups), 3)
    figure, panels = figure_of(sweep.title, 1.2 + 4.2 * across, 1.1 + 3.3 * -(-len(groups) // 3), len(groups))
    norm = _norm([s.mean for s in ranked if not s.diverged], sweep.direction)
    colours = "viridis" if sweep.direction == "max" else "viridis_r"  # bright is good
    mappable = None
    for axes, (name, own) in zip(panels, groups.items(), strict=True):
        best: dict[tuple[float, float], Setting] = {}
        for setting in own:
            best.setdefault((setting.values[a], setting.values[b]), setting)
        columns, rows = len({x for x, _ in best}), len({y for _, y in best})
        grid = max(columns, rows) <= CELLS and 2 * len(best) > columns * rows
        mappable = (_cells if grid else _points)(axes, best, norm, colours) or mappable
        axes.set(xlabel=a, ylabel=b)
        axes.set_title(name, fontsize=9)
    if mappable is None:
        return None
    others = [_word(key) for key in numeric(ranked) if key not in (a, b)]
    over = f", best over {', '.join(others)}" if others else ""
    figure.colorbar(mappable, ax=panels, label=f"best {sweep.objective}{over}", shrink=0.9)
    _map_legend(figure, any(s.diverged for s in ranked))
    return figure


def _map_legend(figure: Any, lost: bool) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], ls="none", label="best", **RING)]
    handles += [Line2D([], [], ls="none", label=LOST, **CROSS)] if lost else []
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False, fontsize=8)


def _norm(values: Sequence[float], direction: Direction) -> Any:
    from matplotlib.colors import LogNorm, Normalize

    if _is_log(values, direction):
        positive = [v for v in values if v > 0]
        return LogNorm(min(positive), max(positive), clip=True)
    return Normalize(min(values, default=0.0), max(values, default=1.0))


def _cells(axes: Any, best: Mapping[tuple[float, float], Setting], norm: Any, colours: str) -> Any:
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
        every = -(-len(values) // 8)
        ticks(range(0, len(values), every), [f"{v:.3g}" for v in values[::every]])
    axes.tick_params("x", rotation=45)
    return image if np.isfinite(table).any() else None


def _points(axes: Any, best: Mapping[tuple[float, float], Setting], norm: Any, colours: str) -> Any:
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


def _curves(sweep: Sweep, ranked: Sequence[Setting]) -> Any:
    """The course of the best settings: of each category, or of all where there is but one."""
    winners = list(best_of_each(ranked).values())
    if len(winners) < 2:
        winners = [s for s in ranked if s.n][:CURVES]
    shown = [s for s in winners if any(len(sweep.histories[m][0]) > 1 for m in sweep.seeds(s))][:MULTIPLES]
    if not shown:
        return None
    figure, (axes,) = figure_of(sweep.title, 7.2, 4.0 + 0.2 * len(shown))
    drawn: list[float] = []
    for setting, style in zip(shown, styles([_words(s) for s in shown]).values(), strict=True):
        steps, low, mean, high = _band([sweep.histories[m] for m in sweep.seeds(setting)])
        axes.plot(steps, mean, lw=1.6, label=_words(setting), ms=3.5, markevery=max(1, len(steps) // 10), **style)
        axes.fill_between(steps, low, high, color=style["color"], alpha=0.12, lw=0)
        drawn += list(mean)
    _tidy(axes, drawn, sweep.direction)
    axes.set_xlabel("step")
    axes.set_ylabel(f"{sweep.objective}, {'mean and range over seeds' if max(s.n for s in shown) > 1 else 'one seed'}")
    left = f" (the first {len(shown)} of {len(winners)})" if len(winners) > len(shown) else ""
    several = f"setting: best {sweep.objective}, mean ± standard error{left}"
    figure.legend(
        loc="outside lower left", frameon=False, fontsize=8, title=several, title_fontsize=8, alignment="left"
    )
    return figure


def _words(setting: Setting) -> str:
    """`adam, learning_rate 0.01: 0.953 ± 0.002 (n = 3, 1 diverged)`."""
    told = [v if isinstance(v, str) else f"{_word(k)} {v:.4g}" if isinstance(v, float) else f"{_word(k)} {v}"
            for k, v in setting.values.items()]  # fmt: skip
    error = f" ± {setting.error:.1g}" if setting.n > 1 else ""
    lost = f", {setting.diverged} diverged" if setting.diverged else ""
    return f"{', '.join(told) or 'all seeds'}: {setting.mean:.4g}{error} (n = {setting.n}{lost})"


def _band(courses: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, ...]:
    """(steps, least, mean, largest) over seeds, at the steps that all of them measured."""
    common = sorted(set.intersection(*(set(steps.tolist()) for steps, _ in courses)))
    table = np.array([[dict(zip(steps.tolist(), values, strict=True))[s] for s in common] for steps, values in courses])
    return np.array(common), table.min(0), table.mean(0), table.max(0)
