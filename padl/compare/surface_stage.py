"""Draw the ground that a comparison's paths are on: contours or curves, starts, minima, a legend. stage, inside."""

from collections.abc import Mapping
from textwrap import fill
from typing import Any, NamedTuple

import numpy as np

from padl.compare.comparison import Comparison
from padl.compare.plot_style import figure_of, tidy
from padl.compare.surface_captions import legend, named, title
from padl.compare.surface_ground import ground, levels, tracks, view

STAR = {"marker": "*", "mfc": "#F0E442", "mec": "black", "mew": 0.8, "ms": 19, "ls": "none"}
START = {"marker": "o", "mfc": "white", "mec": "black", "mew": 1.6, "ms": 8, "ls": "none"}
EDGED = {"mec": "white", "mew": 0.8, "ms": 9, "ls": "none"}
OUTSIDE = {"mfc": "white", "mew": 1.6, "ls": "none"}
CROSS = {"marker": "x", "mew": 2.2, "ms": 8, "ls": "none"}
GREYS = ("#ffffff", "#87909a")  # low ground is bright: the colours of the paths keep their contrast everywhere
SIDE, STRETCHED = 4.7, 2.0  # inches of a map, at most; axes that differ more are not drawn at one scale


class Stage(NamedTuple):
    """A figure that paths are to be drawn in.

    Attributes:
        figure: without any path. axes: {label: where the optimizer is drawn}, the same for all or one each.
    """

    figure: Any
    axes: Mapping[str, Any]


def stage(comparison: Comparison) -> Stage:
    """Draw the ground, its starts and minima: contours over two coordinates; over one, a curve for each optimizer."""
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
    """Tell which points of a track (..., 2) the axes show, (...) bool; none that is NaN."""
    low, high = np.array([axes.get_xlim(), axes.get_ylim()]).T
    return ((low <= track) & (track <= high)).all(-1)


def _marks(comparison: Comparison, axes: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """{entry: look} of what stands on the ground besides the paths; the axes have their limits."""
    minimum = "lowest point" if comparison.landscape.exact else "lowest point found"
    marks: dict[str, dict[str, Any]] = {"start": START, minimum: STAR | {"ms": 11}}
    ends = {label: tracks(comparison, label)[:, -1] for label in axes}
    if any((np.isfinite(end).all(-1) & ~inside(axes[label], end)).any() for label, end in ends.items()):
        marks["hollow: ends outside the picture"] = OUTSIDE | {"marker": "s", "color": "0.3", "ms": 6}
    if any(path.diverged(comparison.chosen[label].rate) for label, path in comparison.paths.items()):
        marks["diverged: leaves the picture"] = CROSS | {"color": "0.3"}
    return marks


def _mark(axes: Any, starts: np.ndarray, minima: np.ndarray) -> None:
    """Points (..., 2): the first start large, the others small, a star for each of the minima."""
    axes.plot(*minima.T, zorder=4, **STAR)
    axes.plot(*starts[1:].T, zorder=5, **START | {"ms": 4, "mew": 1})
    axes.plot(*starts[:1].T, zorder=5, **START)
