"""Plots of a sweep: the objective against each swept value, a map for each pair of numbers, the best curves."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from padl.compare.ranking import Direction, Row, Setting, best_of_each, category, log_spaced, numeric, rank

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")  # Okabe & Ito 2008
MARKERS = "osD^vP*Xh<>"
LOG_RANGE = 30  # positive values that span more than this get a logarithmic axis
MAPS, PANELS, CELLS, CURVES = 3, 6, 40, 6  # at most so many maps, panels in one, cells along an axis, curves


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


def draw(sweep: Sweep, folder: Path) -> list[Path]:
    """Draw all that the sweep has something for, as PNG files in `folder`."""
    ranked = sweep.ranked()
    numbers = numeric(ranked)
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


def _figure(title: str, width: float, height: float, columns: int = 1) -> tuple[Any, list[Any]]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", dpi=120)
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=10)
    rows = -(-columns // 3)
    axes = figure.subplots(rows, -(-columns // rows), squeeze=False).ravel()
    for spare in axes[columns:]:
        spare.set_visible(False)
    return figure, list(axes[:columns])


def _is_log(values: Sequence[float], direction: Direction) -> bool:
    """Whether what is to be small spans so much that only its logarithm shows it; zeros lie at its lower end."""
    x = np.asarray([v for v in values if np.isfinite(v)])
    positive = x[x > 0]
    return direction == "min" and len(positive) > 1 and x.min() >= 0 and positive.max() > LOG_RANGE * positive.min()


def _tidy(axes: Any, values: Sequence[float], direction: Direction) -> None:
    """What all axes look like; a logarithmic objective where the values ask for it."""
    if _is_log(values, direction):
        axes.set_yscale("log")
        _plain(axes.yaxis)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def _plain(axis: Any) -> None:
    """Label decades as 0.001: as mathematics they take long to set."""
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter("")


def _styles(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """A colour and a marker for each; the marker still tells where colours come again."""
    looks = [(COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)], i // len(COLOURS)) for i in range(len(names))]
    return {
        n: {"color": c, "marker": m, "ls": "--" if again else "-"}
        for n, (c, m, again) in zip(names, looks, strict=True)
    }


def _legend(figure: Any, axes: Any) -> None:
    """Beside the axes where it is long, else inside them; what diverged stands last."""
    handles, labels = axes.get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda i: labels[i].startswith("diverged"))
    told = {
        "handles": [handles[i] for i in order],
        "labels": [labels[i] for i in order],
        "frameon": False,
        "fontsize": 8,
    }
    if len(labels) > 4:
        figure.legend(loc="outside right upper", **told)
    elif labels:
        axes.legend(**told)


def _against(sweep: Sweep, ranked: Sequence[Setting], key: str) -> Any:
    """The objective against one number: for each of its values the best over the other numbers, mean over seeds."""
    numbers = numeric(ranked)
    figure, (axes,) = _figure(sweep.title, 7.2, 4.2)
    by_member = {row["member"]: row["objective"] for row in sweep.rows}
    names = list(dict.fromkeys(category(s, numbers) for s in ranked))
    drawn: list[float] = []
    lost: list[tuple[float, dict[str, Any]]] = []
    for name, style in _styles(names).items():
        own = [s for s in ranked if category(s, numbers) == name]
        best: dict[float, Setting] = {}
        for setting in own:  # the best first
            best.setdefault(setting.values[key], setting)
        line = [(x, s) for x, s in sorted(best.items()) if s.n and not s.diverged]
        lost += [(x, style) for x, s in best.items() if s.diverged]
        seeds = [(x, by_member[m]) for x, s in line for m in s.members]
        axes.scatter(*zip(*seeds, strict=True) if seeds else ((), ()), s=6, color=style["color"], alpha=0.35, lw=0)
        errors = [0.0 if np.isnan(s.error) else s.error for _, s in line]
        points = [x for x, _ in line], [s.mean for _, s in line]
        axes.errorbar(*points, yerr=errors, label=name or None, lw=1.4, ms=4.5, capsize=2, **style)
        drawn += [y for _, y in seeds]
    if log_spaced([s.values[key] for s in ranked]):
        axes.set_xscale("log")
        _plain(axes.xaxis)
    _tidy(axes, drawn, sweep.direction)
    place = 0.0 if sweep.direction == "max" else 1.0
    for i, (x, style) in enumerate(lost):
        end = {"transform": axes.get_xaxis_transform(), "clip_on": False, "ms": 6, "ls": "none"}
        label = "diverged for some seed" if i + 1 == len(lost) else None
        axes.plot(x, place, marker="x", color=style["color"], label=label, **end)
    others = [k for k in numbers if k != key]
    over = f", best over {', '.join(_word(k) for k in others)}" if others else ""
    axes.set_xlabel(f"{key}{over}")
    axes.set_ylabel(f"best {sweep.objective}, {_spread(ranked)}")
    _legend(figure, axes)
    return figure


def _spread(ranked: Sequence[Setting]) -> str:
    n = max((s.n for s in ranked), default=0)
    return f"mean ± se, {n} seeds" if n > 1 else "one seed"


def _word(key: str) -> str:
    return key.rpartition(".")[2]


def _side_by_side(sweep: Sweep, ranked: Sequence[Setting]) -> Any:
    """Settings without any number: every seed a dot, the mean with its standard error beside them."""
    shown = [s for s in ranked if s.n][:30]
    figure, (axes,) = _figure(sweep.title, 7.2, 1.6 + 0.3 * len(shown))
    by_member = {row["member"]: row["objective"] for row in sweep.rows}
    for place, setting in enumerate(reversed(shown)):
        axes.scatter(
            [by_member[m] for m in setting.members],
            [place] * len(setting.members),
            s=12,
            color=COLOURS[0],
            alpha=0.4,
            lw=0,
        )
        error = 0.0 if np.isnan(setting.error) else setting.error
        axes.errorbar(setting.mean, place, xerr=error, fmt="D", color=COLOURS[1], capsize=3, ms=5)
    axes.set_yticks(range(len(shown)), [category(s, ()) for s in reversed(shown)])
    axes.set_xlabel(f"best {sweep.objective}, {_spread(ranked)}")
    axes.grid(alpha=0.3, axis="x")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _map(sweep: Sweep, ranked: Sequence[Setting], a: str, b: str) -> Any:
    """The objective over two numbers, the best over any others; a panel for each category, the best ones first."""
    numbers = numeric(ranked)
    names = list(dict.fromkeys(category(s, numbers) for s in ranked))[:PANELS]
    figure, panels = _figure(sweep.title, 1.2 + 4.2 * min(len(names), 3), 0.9 + 3.3 * -(-len(names) // 3), len(names))
    means = [s.mean for s in ranked if s.n and not s.diverged]
    norm = _norm(means, sweep.direction)
    mappable = None
    for axes, name in zip(panels, names, strict=True):
        best: dict[tuple[float, float], Setting] = {}
        for setting in (s for s in ranked if category(s, numbers) == name):
            best.setdefault((setting.values[a], setting.values[b]), setting)
        grid = (
            len({x for x, _ in best}) <= CELLS
            and len({y for _, y in best}) <= CELLS
            and len(best) > 2 * len({x for x, _ in best})
        )
        mappable = (_cells if grid else _points)(axes, best, norm) or mappable
        axes.set(xlabel=a, ylabel=b, title=name)
        axes.title.set_size(9)
    if mappable is None:
        return None
    figure.colorbar(mappable, ax=panels, label=f"best {sweep.objective}", shrink=0.9)
    return figure


def _norm(values: Sequence[float], direction: Direction) -> Any:
    from matplotlib.colors import LogNorm, Normalize

    if _is_log(values, direction):
        positive = [v for v in values if v > 0]
        return LogNorm(min(positive), max(positive), clip=True)
    return Normalize(min(values, default=0.0), max(values, default=1.0))


def _cells(axes: Any, best: Mapping[tuple[float, float], Setting], norm: Any) -> Any:
    """A cell for each pair of values; a cross where a member diverged, a ring around the best."""
    columns, rows = sorted({x for x, _ in best}), sorted({y for _, y in best})
    table = np.full((len(rows), len(columns)), np.nan)
    for (x, y), setting in best.items():
        if setting.n and not setting.diverged:
            table[rows.index(y), columns.index(x)] = setting.mean
    lost = [(columns.index(x), rows.index(y)) for x, y in best if np.isnan(table[rows.index(y), columns.index(x)])]
    if lost:
        axes.plot(*zip(*lost, strict=True), "x", color="0.6", ms=4)
    image = axes.imshow(table, origin="lower", aspect="auto", cmap="viridis", norm=norm)
    (x, y), _ = next(iter(best.items()))
    axes.plot(columns.index(x), rows.index(y), "o", mfc="none", mec="#D55E00", mew=2, ms=11)
    for ticks, values in ((axes.set_xticks, columns), (axes.set_yticks, rows)):
        every = -(-len(values) // 8)
        ticks(range(0, len(values), every), [f"{v:.3g}" for v in values[::every]])
    axes.tick_params("x", rotation=45)
    return image if np.isfinite(table).any() else None


def _points(axes: Any, best: Mapping[tuple[float, float], Setting], norm: Any) -> Any:
    """A dot for each pair of values that a search drew."""
    sound = {at: s for at, s in best.items() if s.n and not s.diverged}
    lost = [at for at in best if at not in sound]
    if lost:
        axes.scatter(*zip(*lost, strict=True), marker="x", color="0.6", s=18)
    if not sound:
        return None
    points = axes.scatter(
        *zip(*sound, strict=True), c=[s.mean for s in sound.values()], cmap="viridis", norm=norm, s=28
    )
    axes.plot(*next(iter(sound)), "o", mfc="none", mec="#D55E00", mew=2, ms=11)
    for column, scale in ((0, axes.set_xscale), (1, axes.set_yscale)):
        if log_spaced([at[column] for at in best]):
            scale("log")
    axes.grid(alpha=0.3)
    return points


def _curves(sweep: Sweep, ranked: Sequence[Setting]) -> Any:
    """The course of the best settings: of each category, or of all where there is but one."""
    winners = best_of_each(ranked)
    if len(winners) < 2:
        winners = {_words(s): s for s in [s for s in ranked if s.n][:CURVES]}
    if not any(len(sweep.histories[m][0]) > 1 for s in winners.values() for m in s.members):
        return None
    figure, (axes,) = _figure(sweep.title, 8.6, 4.2)
    shown = dict(list(winners.items())[: len(MARKERS)])
    drawn: list[float] = []
    for (name, setting), style in zip(shown.items(), _styles(list(shown)).values(), strict=True):
        steps, low, mean, high = _band([sweep.histories[m] for m in setting.members])
        numbers = ", ".join(f"{_word(k)} {setting.values[k]:.4g}" for k in numeric(ranked))
        label = f"{name} ({numbers})" if name and numbers and name != _words(setting) else name or "all"
        axes.plot(steps, mean, lw=1.6, label=label, ms=3.5, markevery=max(1, len(steps) // 10), **style)
        axes.fill_between(steps, low, high, color=style["color"], alpha=0.12, lw=0)
        drawn += list(mean)
    _tidy(axes, drawn, sweep.direction)
    axes.set_xlabel("step")
    axes.set_ylabel(f"{sweep.objective}, {'mean and range over seeds' if max(s.n for s in ranked) > 1 else 'one seed'}")
    figure.legend(loc="outside right upper", frameon=False, fontsize=8)
    return figure


def _words(setting: Setting) -> str:
    return ", ".join(
        f"{_word(k)} {v:.4g}" if isinstance(v, float) else f"{_word(k)} {v}" for k, v in setting.values.items()
    )


def _band(courses: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, ...]:
    """(steps, least, mean, largest) over seeds, at the steps that all of them measured."""
    common = sorted(set.intersection(*(set(steps.tolist()) for steps, _ in courses)))
    table = np.array([[dict(zip(steps.tolist(), values, strict=True))[s] for s in common] for steps, values in courses])
    return np.array(common), table.min(0), table.mean(0), table.max(0)
