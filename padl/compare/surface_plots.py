"""Pictures of a comparison: its paths on the ground, its progress by step, and what each learning rate led to. draw."""

from collections.abc import Iterable, Mapping
from pathlib import Path as File
from typing import Any

import numpy as np

from padl.compare.comparison import Comparison
from padl.compare.plot_style import (
    CROSS,
    OUTSIDE,
    blank,
    figure_of,
    inside,
    legend,
    lost,
    named,
    stage,
    styles,
    tidy,
    title,
    tracks,
)
from padl.compare.tuning import choose

LEAST = 1e-12  # of the first gap: what is smaller is drawn there
NEAREST = 1e-7  # of the first distance: a gap is about its square, and a float32 has 7 digits
ABOVE = 4.0  # times the largest value of what does not diverge: the top of an axis
EARLY = 0.5  # of the descent in the first tenth of the steps: then the steps are seen on a logarithmic axis
EDGED = {"mec": "white", "mew": 0.8, "ms": 9, "ls": "none"}
GOAL = {"color": "0.25", "ls": (0, (1, 1.6)), "lw": 1.4}
SHOWN = {"color": "0.5", "ls": "--", "lw": 1.0}
WIDTHS = 2.6, 1.3  # of the first path and the last: where paths are the same, all are seen
THICK = {"lw": 5, "alpha": 0.6, "solid_capstyle": "round"}
GAP = "height above the lowest point"


def draw(comparison: Comparison, folder: File) -> list[File]:
    """Write paths.png, progress.png and, where any optimizer has more than one learning rate, rates.png."""
    pictures = {"paths": paths, "progress": progress}
    if any(path.rates is not None and len(path.rates) > 1 for path in comparison.paths.values()):
        pictures["rates"] = rates
    files = [folder / f"{name}.png" for name in pictures]
    for file, picture in zip(files, pictures.values(), strict=True):
        picture(comparison).savefig(file)
    return files


def paths(comparison: Comparison) -> Any:
    """The figure of where each optimizer went: the first start in full, the others thin."""
    figure, axes = stage(comparison)
    alone = len(comparison.landscape.start) == 1
    dotted = {"ls": "-", "ms": 3.2, "mew": 0} if alone else {"marker": ""}
    widths = [0.6] * len(axes) if alone else np.linspace(*WIDTHS, len(axes))
    for width, (label, look) in zip(widths, styles(list(axes)).items(), strict=True):
        for start, track in reversed(list(enumerate(tracks(comparison, label)))):
            strength = {"lw": 0.6, "alpha": 0.45} if start else {"lw": width, "alpha": 0.9}
            axes[label].plot(*track.T, zorder=2 if start else 3, **look | strength | dotted)
            _end(axes[label], track, look, 4.0 if start else 8.5)
    return figure


def _end(axes: Any, track: np.ndarray, look: dict[str, Any], size: float) -> None:
    """The optimizer's marker where it ended; where it left the picture for good, hollow, or a cross if it diverged."""
    seen = np.flatnonzero(inside(axes, track))
    if not len(seen):
        return
    if seen[-1] == len(track) - 1:
        axes.plot(*track[-1], zorder=6, **look | EDGED | {"ms": size})
        return
    low, high = np.array([axes.get_xlim(), axes.get_ylim()]).T
    at = leaves(track[seen[-1]], track[seen[-1] + 1], low, high)
    ended = np.isfinite(track[-1]).all()
    sign = look | OUTSIDE | {"mec": look["color"]} if ended else CROSS | {"color": look["color"]}
    axes.plot(*at, zorder=6, clip_on=False, **sign | {"ms": size if ended else 1.2 * size})


def leaves(last: np.ndarray, outside: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Where the line between two points (D,) crosses the border of the box from `low` to `high`.

    That is the last one inside itself where the next point is NaN.
    """
    way = outside.astype(float) - last
    if not np.isfinite(way).all():
        return last
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.where(way == 0, np.inf, (np.where(way > 0, high, low) - last) / way)
    return last + shares.min() * way


def progress(comparison: Comparison) -> Any:
    """The figure of the gap and of the distance by step, and of the gap by rows of data where paths differ in them."""
    shown = {k: (path, comparison.chosen[k].rate) for k, path in comparison.paths.items()}
    gaps = {k: path.losses[rate] - comparison.landscape.floor for k, (path, rate) in shown.items()}
    distances = {k: path.distances[rate] for k, (path, rate) in shown.items()}
    works = {k: path.work for k, (path, _) in shown.items()}
    steps, unequal = dict.fromkeys(works, 1), len(set(works.values())) > 1
    figure, panels = figure_of(title(comparison), 13.2 if unequal else 9.6, 4.3 + 0.1 * len(works), 2 + unequal)
    early = _early(gaps)
    _courses(panels[0], gaps, GAP, LEAST, steps, early)
    _courses(panels[1], distances, "distance to the nearest lowest point", NEAREST, steps, early)
    if unequal:
        _courses(panels[2], gaps, GAP, LEAST, works, True)
        panels[2].set_xlabel("rows of data looked at")
    for axes in (panels[0], *panels[2:]):
        _goal(axes, comparison)
    gone = any(lost(path, comparison.chosen[k]) for k, path in comparison.paths.items())
    crosses = {"diverged": CROSS | {"color": "0.3"}} if gone else {}
    legend(figure, comparison, named(comparison) | {"goal": GOAL} | crosses)
    return figure


def _goal(axes: Any, comparison: Comparison) -> None:
    """A line at the goal, which a logarithmic axis is lengthened to show."""
    gap = comparison.goal - comparison.landscape.floor
    low, high = axes.get_ylim()
    axes.set_ylim(min(low, gap / 2), max(high, gap * 2))
    axes.axhline(gap, **GOAL)


def _early(gaps: Mapping[str, np.ndarray]) -> bool:
    """Whether most of the descent, in decades, falls into the first tenth of the steps, in the middle of the paths."""
    shares = []
    for gap in sound(gaps):
        course = np.log10(np.maximum(gap.mean(0), max(LEAST * gap[:, 0].mean(), np.finfo(float).tiny)))
        whole = course[0] - course.min()
        shares.append((course[0] - course[: 1 + len(course) // 10].min()) / whole if whole > 0 else 0.0)
    return bool(shares) and float(np.median(shares)) > EARLY


def sound(values: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """Those (S, T + 1) that did not diverge from any start; without any, the first step of all."""
    return [v for v in values.values() if np.isfinite(v[:, -1]).all()] or [v[:, :1] for v in values.values()]


def lowest(values: Iterable[np.ndarray], least: float) -> float:
    """The smallest number a logarithmic axis shows: the smallest positive one there is, but not below `least`."""
    positive = [float(v[v > 0].min()) for v in values if (v > 0).any()]
    return max(min(positive, default=1.0), least)


def _told(words: str, over: str, values: Iterable[np.ndarray], low: float) -> str:
    """The label of an axis: what it shows, over what, and where it draws what it cannot show."""
    clipped = any((v < low).any() for v in values)
    return "\n".join(filter(None, [words, over, f"(0, and less than {low:.1e}, is drawn there)" if clipped else ""]))


def _courses(
    axes: Any, values: Mapping[str, np.ndarray], words: str, relative: float, works: Mapping[str, int], early: bool
) -> None:
    """A line for each optimizer, the mean over starts, with a band from the least to the largest of them.

    Args:
        values: (S, T + 1), NaN from the step on at which it diverged; a line that does leaves the axes at the top.
        words: what they are. relative: to the first value, the least that is shown.
        works: how far a step goes across. early: whether the first steps are to be seen, on a logarithmic axis.
    """
    first, means = next(iter(values.values()))[:, 0], [v.mean(0) for v in sound(values)]
    low = lowest(means, relative * float(first.mean()))
    top = max(ABOVE * max(float(v.max()) for v in sound(values)), 10 * low)
    for i, (label, look) in enumerate(styles(list(values)).items()):
        course, mean = (np.clip(v, low, 100 * top) for v in (values[label], values[label].mean(0)))
        x = np.arange(len(mean)) * works[label]
        axes.plot(x, mean, lw=1.5, ms=5, mew=0, markevery=_some(len(mean), i, early), label=label, zorder=3, **look)
        if len(course) > 1:
            band = {"color": look["color"], "alpha": min(0.12, 0.5 / len(values)), "lw": 0}
            axes.fill_between(x, course.min(0), course.max(0), **band)
        below = np.flatnonzero(mean < top)
        if np.isnan(mean[-1]) and len(below):
            axes.plot(x[below[-1]], mean[below[-1]], zorder=5, **CROSS | {"color": look["color"]})
    over = "mean over starts, range as a band" if len(first) > 1 else ""
    axes.set(yscale="log", ylim=(low / 2, top), xlabel="step")
    axes.set_ylabel(_told(words, over, means, low), fontsize=9)
    if early:
        axes.set_xscale("symlog", linthresh=min(works.values()))  # step 0 has a place on it
    axes.set_xlim(left=0)
    tidy(axes)


def _some(points: int, order: int, early: bool) -> list[int]:
    """The indices that have a marker: evenly apart on the axis, and others for each line."""
    share = (np.arange(8) + (order % 6) / 6) / 8
    return np.unique((points**share if early else share * points).astype(int)).tolist()


def rates(comparison: Comparison) -> Any:
    """The figure of the final gap by learning rate; above it a row for each: its good range, what diverged."""
    n, floor = len(comparison.paths), comparison.landscape.floor
    figure = blank(title(comparison), 7.4, 5.0 + 0.3 * n)
    rows, axes = figure.subplots(2, 1, sharex=True, height_ratios=(0.3 + 0.24 * n, 3.6))
    ends = {k: path.losses[..., -1] - floor for k, path in comparison.paths.items()}
    first = next(iter(comparison.paths.values())).losses[0, :, 0] - floor
    means = [end.mean(1) for end in ends.values()]  # NaN where any start diverged
    low = lowest([*means, first], LEAST * float(first.mean()))
    top = max(ABOVE * float(first.mean()), 10 * low)
    for place, (label, look) in enumerate(styles(list(ends)).items()):
        path = comparison.paths[label]
        final = np.clip(means[place], low, 100 * top)
        best = _best(comparison, label, final)
        _row(rows, place, path.rates, comparison.chosen[label].good, final, best, look)
        _curve(axes, path.rates, final, best, look)
    rows.set_yticks(range(n), [label if len(label) < 27 else f"{label[:25]}…" for label in ends], fontsize=8)
    rows.set_ylim(n - 0.4, -0.6)
    axes.set(xscale="log", yscale="log", ylim=(low / 2, top), xlabel="learning rate")
    over = "at the last step, mean over starts" if len(first) > 1 else "at the last step"
    axes.set_ylabel(_told(GAP, over, means, low), fontsize=9)
    _goal(axes, comparison)
    for panel in (rows, axes):
        tidy(panel)
    legend(figure, comparison, named(comparison) | {"goal": GOAL} | _signs(comparison, rows, axes))
    return figure


def _signs(comparison: Comparison, rows: Any, axes: Any) -> dict[str, dict[str, Any]]:
    """{entry: look} of what stands in the rows; a shared learning rate is drawn where there is one."""
    signs: dict[str, dict[str, Any]] = {
        "best of those tried": EDGED | {"marker": "o", "color": "0.5", "mec": "black"},
        "good: reaches the goal from every start": {"color": "0.5", **THICK},
    }
    if any(not np.isfinite(path.losses[..., -1]).all() for path in comparison.paths.values()):
        signs["diverged from some start"] = CROSS | {"color": "0.3", "ms": 6}
    if comparison.mode == "fixed":
        shown = {p.rates[comparison.chosen[k].rate] for k, p in comparison.paths.items() if p.rates is not None}
        for rate in shown:
            rows.axvline(rate, **SHOWN)
            axes.axvline(rate, **SHOWN)
        signs["learning rate of the other pictures"] = SHOWN
    return signs


def _best(comparison: Comparison, label: str, final: np.ndarray) -> int | None:
    """The index of the optimizer's own best rate; None where it diverged even there."""
    best = choose(comparison.paths[label], comparison.landscape.floor, comparison.goal).rate
    return best if np.isfinite(final[best]) else None


def _row(
    axes: Any,
    place: int,
    rates: np.ndarray | None,
    good: tuple[float, float] | None,
    final: np.ndarray,
    best: int | None,
    look: dict[str, Any],
) -> None:
    """All rates tried as a thin line, the good ones as a thick one, the best marked, crosses where it diverged."""
    if rates is None:
        axes.text(0.01, place, "has no learning rate", transform=axes.get_yaxis_transform(), fontsize=8, va="center")
        return
    axes.plot(rates[[0, -1]], [place] * 2, color="0.8", lw=1, zorder=1)
    gone = rates[np.isnan(final)]
    axes.plot(gone, [place] * len(gone), **CROSS | {"color": look["color"], "ms": 5, "mew": 1.4})
    if good is not None:
        axes.plot(good, [place] * 2, color=look["color"], **THICK)
    if best is not None:
        axes.plot(rates[best], place, zorder=4, **look | EDGED | {"mec": "black"})


def _curve(axes: Any, rates: np.ndarray | None, final: np.ndarray, best: int | None, look: dict[str, Any]) -> None:
    """The gap at each rate, the best marked; level where there is none."""
    if rates is None:
        axes.axhline(final[0], color=look["color"], ls=look["ls"], lw=1.5)
        return
    axes.plot(rates, final, lw=1.5, **look | {"ms": 3.5})
    if best is not None:
        axes.plot(rates[best], final[best], zorder=4, **look | EDGED | {"mec": "black"})
