"""Draw a comparison: paths on the ground, progress by step, and what each rate led to. pictures, draw, paths.

Paths are drawn where a point is one or two numbers; of matrices there is no picture that shows where a path goes.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from padl.compare.comparison import Comparison
from padl.compare.plot_style import styles
from padl.compare.surface_ground import tracks
from padl.compare.surface_progress import progress
from padl.compare.surface_rates import rates
from padl.compare.surface_stage import CROSS, EDGED, OUTSIDE, inside, stage
from padl.runs.pictures import own_style, save

WIDTHS = 2.6, 1.3  # of the first path and the last: where paths are the same, all are seen


def pictures(comparison: Comparison) -> dict[str, Callable[[], Any]]:
    """Return what can be drawn: "paths" of points of one or two numbers, "progress", and "rates" of several rates.

    Returns:
        {name of its file: () -> a figure}, drawn in `own_style`.
    """
    plots = {"paths": paths} if comparison.landscape.drawable else {}
    plots["progress"] = progress
    if any(path.rates is not None and len(path.rates) > 1 for path in comparison.paths.values()):
        plots["rates"] = rates
    return {name: own_style()(partial(plot, comparison)) for name, plot in plots.items()}


@own_style()
def draw(comparison: Comparison, folder: Path) -> list[Path]:
    """Write a PNG file for each of the `pictures`."""
    files = []
    for name, plot in pictures(comparison).items():
        files.append(folder / f"{name}.png")
        save(plot(), files[-1])
    return files


def paths(comparison: Comparison) -> Any:
    """Draw where each optimizer went: the first start in full, the others thin."""
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
    """Return where the line between two points (D,) crosses the border of the box from `low` to `high`.

    Where the point outside is NaN there is no line, and it is the last point inside.
    """
    way = outside.astype(float) - last
    if not np.isfinite(way).all():
        return last
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = np.where(way == 0, np.inf, (np.where(way > 0, high, low) - last) / way)
    return last + shares.min() * way
