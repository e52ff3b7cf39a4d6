"""What pictures share: colours, panels, and the ground that a comparison's paths are on. figure_of, styles, stage."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from textwrap import fill
from typing import Any, NamedTuple

import numpy as np

from padl.compare.comparison import Chosen, Comparison, Path
from padl.surfaces.landscape import Landscape, heights

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")  # Okabe & Ito 2008
MARKERS = "osD^vP*Xh<>"
DASHES = ("-", "--", "-.", ":")
STAR = {"marker": "*", "mfc": "#F0E442", "mec": "black", "mew": 0.8, "ms": 19, "ls": "none"}
START = {"marker": "o", "mfc": "white", "mec": "black", "mew": 1.6, "ms": 8, "ls": "none"}
OUTSIDE = {"mfc": "white", "mew": 1.6, "ls": "none"}
CROSS = {"marker": "x", "mew": 2.2, "ms": 8, "ls": "none"}
GREYS = ("#ffffff", "#87909a")  # low ground is bright: the colours of the paths keep their contrast everywhere
WIDEN, MARGIN = 0.25, 0.04  # of the view: at most so much on each side for the paths, and so much air around them
FINE, COARSE = 301, 61  # points along an axis: of a formula, and of a mean over rows of data
SPAN = 30  # heights of which some are so many times others are seen on a logarithmic scale only
DENSE = {3: 3, 6: 2}  # levels a decade, for up to so many decades; more have one
SIDE, STRETCHED = 4.7, 2.0  # inches of a map, at most; axes that differ more are not drawn at one scale
LETTER, LONGEST = 0.06, 80  # of the legend: a letter's inches, and letters in a line
View = tuple[tuple[float, float], ...]


class Stage(NamedTuple):
    """figure: without any path. axes: {label: where the optimizer is drawn}, the same for all or one each."""

    figure: Any
    axes: Mapping[str, Any]


def blank(title: str, width: float, height: float) -> Any:
    """A figure without panels. The size is in inches, of 120 dots."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", dpi=120)
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=10, wrap=True)
    return figure


def figure_of(
    title: str, width: float, height: float, panels: int = 1, across: int = 3, shared: bool = False
) -> tuple[Any, list[Any]]:
    """(figure, axes of its panels), at most `across` in a row."""
    figure = blank(title, width, height)
    rows = -(-panels // across)
    axes = figure.subplots(rows, -(-panels // rows), squeeze=False, sharex=shared, sharey=shared).ravel()
    for spare in axes[panels:]:
        spare.set_visible(False)
    return figure, list(axes[:panels])


def tidy(axes: Any) -> None:
    """What all axes look like."""
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def styles(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """A colour, a marker and a dash for each; the marker still tells where colours come again."""
    look = lambda i: (COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)], DASHES[i // len(COLOURS) % len(DASHES)])  # noqa: E731
    return {name: dict(zip(("color", "marker", "ls"), look(i), strict=True)) for i, name in enumerate(names)}


def title(comparison: Comparison) -> str:
    """Two lines: where and how fairly; for how long, from how many starts, with which noise and seed."""
    starts = "one start" if len(comparison.starts) == 1 else f"{len(comparison.starts)} starts"
    noise = [f"gradient noise σ = {comparison.noise:g}"] if comparison.noise else []
    rows, batch = comparison.landscape.rows, min(path.work for path in comparison.paths.values())
    batches = [f"batches of {batch} of {rows} rows"] if batch < rows else []
    about = [
        f"{comparison.steps} steps",
        starts,
        *(batches + noise or ["no gradient noise"]),
        f"seed {comparison.seed}",
    ]
    return f"{comparison.landscape.name}, {_fairness(comparison)}\n{', '.join(about)}"


def _fairness(comparison: Comparison) -> str:
    rates = {label: path.rates for label, path in comparison.paths.items() if path.rates is not None}
    if not rates:
        return "without learning rates"
    if comparison.mode == "tuned":
        return f"tuned: each at the best of {max(map(len, rates.values()))} learning rates"
    shown = sorted({float(own[comparison.chosen[label].rate]) for label, own in rates.items()})
    return f"fixed learning rate {' or '.join(f'{rate:.4g}' for rate in shown)} for all"


def lost(path: Path, chosen: Chosen) -> int:
    """From how many starts the optimizer diverged at the learning rate that is shown."""
    return int((~np.isfinite(path.losses[chosen.rate, :, -1])).sum())


def entry(label: str, path: Path, chosen: Chosen) -> str:
    """`adam (0.01): 123 steps`: what a legend says of an optimizer."""
    rate = "" if path.rates is None else f" ({path.rates[chosen.rate]:.3g})"
    starts, gone, there = len(chosen.reached), lost(path, chosen), np.isfinite(chosen.reached)
    if gone:
        outcome = "diverged" + (f" from {gone} of {starts} starts" if starts > gone else "")
    elif not there.any():
        outcome = "not reached"
    elif not there.all():
        outcome = f"reached from {there.sum()} of {starts} starts"
    else:
        steps = chosen.reached.mean()
        outcome = f"{steps:.0f} step" + ("s" if round(steps) != 1 else "")
    return f"{label}{rate}: {outcome}"


def named(comparison: Comparison) -> dict[str, dict[str, Any]]:
    """{entry in a legend: look} of each optimizer."""
    looks = styles(list(comparison.paths))
    return {entry(k, path, comparison.chosen[k]): looks[k] | {"lw": 1.8} for k, path in comparison.paths.items()}


def legend(figure: Any, comparison: Comparison, looks: Mapping[str, Mapping[str, Any]]) -> None:
    """Below all panels: the entries with their looks, and what the number of steps means."""
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], label=fill(words, LONGEST), **look) for words, look in looks.items()]
    columns = int(figure.get_figwidth() / (0.6 + LETTER * min(LONGEST, max(map(len, looks)))))
    mean = ", mean over starts" if len(comparison.starts) > 1 else ""
    words = f"optimizer (learning rate): steps to the goal{mean}; the goal is a height of {comparison.goal:.3g}"
    told = {"frameon": False, "fontsize": 8, "title": words, "title_fontsize": 8}
    figure.legend(handles=handles, loc="outside lower center", ncols=int(np.clip(columns, 1, 4)), **told)


def tracks(comparison: Comparison, label: str) -> np.ndarray:
    """(S, T + 1, 2): where the optimizer is drawn at each step; over one coordinate, at its height."""
    path, rate = comparison.paths[label], comparison.chosen[label].rate
    points = path.points[rate]
    return points if points.shape[-1] == 2 else np.concatenate([points, path.losses[rate][..., None]], -1)


def view(comparison: Comparison) -> View:
    """The landscape's, widened to hold the starts, and what lies within reach of the paths that do not diverge."""
    alive = [label for label, path in comparison.paths.items() if not lost(path, comparison.chosen[label])]
    return tuple(
        _widened(ends, comparison.starts[:, axis], [tracks(comparison, label)[..., axis] for label in alive])
        for axis, ends in enumerate(comparison.landscape.view)
    )


def _widened(ends: tuple[float, float], starts: np.ndarray, courses: Sequence[np.ndarray]) -> tuple[float, float]:
    low, high = ends
    more, air = WIDEN * (high - low), MARGIN * (high - low)
    along = np.concatenate([course.ravel() for course in courses] or [starts])
    held = np.concatenate([starts, along[(along >= low - more) & (along <= high + more)]])
    return float(min(low, held.min() - air)), float(max(high, held.max() + air))


@lru_cache(maxsize=2)
def ground(landscape: Landscape, view: View) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """(the points along each axis, the height above the floor at each of their pairs: y down, x across)."""
    along = tuple(np.linspace(low, high, COARSE if landscape.rows else FINE) for low, high in view)
    grid = np.stack(np.meshgrid(*along), -1)
    return along, heights(landscape, grid).astype(float) - landscape.floor


def levels(gap: np.ndarray) -> np.ndarray:
    """Rising heights above the floor to draw contours at, log-spaced where the gaps span so much; then all are > 0."""
    from matplotlib.ticker import MaxNLocator

    positive = gap[np.isfinite(gap) & (gap > 0)]
    low, typical, high = np.quantile(positive, (0.002, 0.02, 1)) if len(positive) else (0.1, 1.0, 1.0)
    if high < SPAN * typical:
        return np.asarray(MaxNLocator(9).tick_values(0, high))
    decades = np.log10(high / low)
    dense = next((n for most, n in DENSE.items() if decades <= most), 1)
    return 10 ** (np.arange(np.floor(dense * np.log10(low)), np.ceil(dense * np.log10(high)) + 1) / dense)


def stage(comparison: Comparison) -> Stage:
    """The ground with its starts and minima: contours over two coordinates; over one, the curve for each optimizer."""
    return (_map if len(comparison.landscape.start) == 2 else _curves)(comparison)


def _map(comparison: Comparison) -> Stage:
    (left, right), (low, high) = view(comparison)
    tall = (high - low) / (right - left)
    equal = 1 / STRETCHED < tall < STRETCHED  # the gradient is at right angles to the contours only on equal axes
    height = SIDE * min(1.0, tall) if equal else SIDE
    figure, (axes,) = figure_of(title(comparison), 7.4, height + 1.9 + 0.09 * len(comparison.paths))
    _contours(figure, axes, comparison)
    words = comparison.landscape.axes
    axes.set(xlim=(left, right), ylim=(low, high), xlabel=words[0], ylabel=words[1])
    axes.set_aspect("equal" if equal else "auto")
    _mark(axes, comparison.starts, np.array(comparison.landscape.minima))
    shared = dict.fromkeys(comparison.paths, axes)
    legend(figure, comparison, named(comparison) | _marks(comparison, shared))
    return Stage(figure, shared)


def _contours(figure: Any, axes: Any, comparison: Comparison) -> None:
    from matplotlib.colors import LinearSegmentedColormap, LogNorm, Normalize

    (x, y), gap = ground(comparison.landscape, view(comparison))
    at = levels(gap)
    norm = LogNorm(at[0], at[-1]) if at[0] > 0 else Normalize(at[0], at[-1])
    colours = LinearSegmentedColormap.from_list("ground", GREYS)
    seen = np.where(np.isfinite(gap), np.maximum(gap, at[0] / 2), at[-1])
    filled = axes.contourf(x, y, seen, at, cmap=colours, norm=norm, extend="both" if at[0] > 0 else "max")
    axes.contour(x, y, seen, at, colors="#5a6470", linewidths=0.5, alpha=0.6)
    bar = figure.colorbar(filled, ax=axes, shrink=0.85, aspect=30, label="height above the lowest point")
    if at[0] > 0:
        powers = np.log10(at)
        bar.set_ticks(at[np.isclose(powers, powers.round())])
        bar.minorticks_off()


def _curves(comparison: Comparison) -> Stage:
    """A panel for each optimizer: on one curve they would hide each other."""
    n = len(comparison.paths)
    across = min(n, 3)
    size = 1.2 + 2.9 * across, 1.6 + 2.3 * -(-n // across)
    figure, panels = figure_of(title(comparison), *size, n, across, shared=True)
    (low, high), = view(comparison)  # fmt: skip
    (x,), gap = ground(comparison.landscape, ((low, high),))
    (inner, outer), = comparison.landscape.view  # fmt: skip
    floor, minima = comparison.landscape.floor, np.array(comparison.landscape.minima)
    starts = np.stack([comparison.starts[:, 0], next(iter(comparison.paths.values())).losses[0, :, 0]], -1)
    top = max(gap[np.isfinite(gap) & (x >= inner) & (x <= outer)].max(), starts[:, 1].max() - floor)
    for axes, words in zip(panels, named(comparison), strict=True):
        axes.plot(x, gap + floor, color="0.6", lw=1.2, zorder=1)
        _mark(axes, starts, np.insert(minima, 1, floor, axis=1))
        axes.set(xlim=(low, high), ylim=(floor - 0.06 * top, floor + 1.06 * top))
        axes.set_title(fill(words, 40), fontsize=9)
        axes.tick_params(labelbottom=True)
        tidy(axes)
    for axes in panels[-across:]:
        axes.set_xlabel(comparison.landscape.axes[0])
    figure.supylabel("height", fontsize=10)
    each = dict(zip(comparison.paths, panels, strict=True))
    legend(figure, comparison, _marks(comparison, each))
    return Stage(figure, each)


def inside(axes: Any, track: np.ndarray) -> np.ndarray:
    """Which points of a track (..., 2) the axes show, (...); none that is NaN."""
    low, high = np.array([axes.get_xlim(), axes.get_ylim()]).T
    return ((low <= track) & (track <= high)).all(-1)


def _marks(comparison: Comparison, axes: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """{entry: look} of what stands on the ground besides the paths; the axes have their limits."""
    found = "lowest point" if comparison.landscape.exact else "lowest point found"
    marks: dict[str, dict[str, Any]] = {"start": START, found: STAR | {"ms": 11}}
    ends = {label: tracks(comparison, label)[:, -1] for label in axes}
    if any((np.isfinite(end).all(-1) & ~inside(axes[label], end)).any() for label, end in ends.items()):
        marks["hollow: ends outside the picture"] = OUTSIDE | {"marker": "s", "color": "0.3", "ms": 6}
    if any(lost(path, comparison.chosen[label]) for label, path in comparison.paths.items()):
        marks["diverged: leaves the picture"] = CROSS | {"color": "0.3"}
    return marks


def _mark(axes: Any, starts: np.ndarray, minima: np.ndarray) -> None:
    """Points (..., 2): the first start large, the others small, a star for each of the minima."""
    axes.plot(*minima.T, zorder=4, **STAR)
    axes.plot(*starts[1:].T, zorder=5, **START | {"ms": 4, "mew": 1})
    axes.plot(*starts[:1].T, zorder=5, **START)
