"""Sample the surface that a picture shows, and what of it. tracks, view, ground, levels."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from padl.compare.comparison import Comparison
from padl.surfaces.landscape import Landscape, heights

WIDEN, MARGIN = 0.25, 0.04  # of the view: at most so much on each side for the paths, and so much air around them
FINE, COARSE = 301, 61  # points along an axis: of a formula, and of a mean over rows of data
SPAN = 30  # heights of which some are so many times others are seen on a logarithmic scale only
DENSE = {3: 3, 6: 2}  # levels a decade, for up to so many decades; more have one
View = tuple[tuple[float, float], ...]  # (low, high) of each axis


def tracks(comparison: Comparison, label: str) -> np.ndarray:
    """Return where the optimizer is drawn at each step, (S, T + 1, 2); over one coordinate, at its height."""
    path, rate = comparison.paths[label], comparison.chosen[label].rate
    points = path.points[rate]
    return points if points.shape[-1] == 2 else np.concatenate([points, path.losses[rate][..., None]], -1)


def view(comparison: Comparison) -> View:
    """Widen the landscape's view to hold the starts, and what lies within reach of the paths that do not diverge."""
    alive = [label for label, path in comparison.paths.items() if not path.diverged(comparison.chosen[label].rate)]
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


@lru_cache(maxsize=2)  # paths.png and the race have the same ground
def ground(landscape: Landscape, view: View) -> tuple[tuple[np.ndarray, ...], np.ndarray]:
    """Return the points along each axis, and the height above the floor at each of their pairs: y down, x across."""
    along = tuple(np.linspace(low, high, COARSE if landscape.rows else FINE) for low, high in view)
    grid = np.stack(np.meshgrid(*along), -1)
    return along, heights(landscape, grid).astype(float) - landscape.floor


def levels(gap: np.ndarray) -> np.ndarray:
    """Choose rising heights above the floor for contours: log-spaced, all > 0, where the gaps span so much."""
    from matplotlib.ticker import MaxNLocator

    positive = gap[np.isfinite(gap) & (gap > 0)]
    low, typical, high = np.quantile(positive, (0.002, 0.02, 1)) if len(positive) else (0.1, 1.0, 1.0)
    if high < SPAN * typical:
        return np.asarray(MaxNLocator(9).tick_values(0, high))
    decades = np.log10(high / low)
    dense = next((n for most, n in DENSE.items() if decades <= most), 1)
    return 10 ** (np.arange(np.floor(dense * np.log10(low)), np.ceil(dense * np.log10(high)) + 1) / dense)
