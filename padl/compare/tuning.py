"""Choose the learning rate an optimizer is shown at: one for all, or its own best of as many. weigh, choose."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from padl.compare.comparison import Chosen, Comparison, Mode, Trajectory
from padl.compare.statistics import first_reaching
from padl.surfaces.landscape import Landscape, nearest
from padl.types import PadlError

GOAL = 0.01  # of the way down that is left where the goal is reached


def weigh(
    landscape: Landscape,
    paths: Mapping[str, Trajectory],
    *,
    steps: int,
    seed: int = 0,
    noise: float = 0.0,
    mode: Mode = "tuned",
    fixed: Mapping[str, float] | float | None = None,
    goal: float = GOAL,
) -> Comparison:
    """Choose the learning rate that each trajectory is shown at; all must be from the same starts.

    Args:
        steps, seed, noise: that the trajectories were made with.
        mode: "fixed" shows all at the learning rate `fixed`, one of those tried, or each at that of its label; "tuned"
            each at its own best.
        goal: in (0, 1): reached is a height of the floor + goal × (mean height of the starts - floor).

    Raises:
        PadlError: a start whose height is not finite; a `fixed` that was not tried.
    """
    first = next(iter(paths.values()))
    starts, tops = first.points[0, :, 0], first.losses[0, :, 0]
    if np.isnan(tops).any():
        raise PadlError(f"the height of {landscape.name} is not finite at a start: give another start=")
    landscape, paths = _lowered(landscape, paths)
    target = landscape.floor + goal * (float(tops.mean(dtype=float)) - landscape.floor)
    shown = fixed if isinstance(fixed, Mapping) else dict.fromkeys(paths, fixed)
    chosen = {
        label: choose(path, landscape.floor, target, shown[label] if mode == "fixed" else None)
        for label, path in paths.items()
    }
    return Comparison(landscape, starts, steps, seed, noise, mode, target, paths, chosen)


def choose(path: Trajectory, floor: float, goal: float, fixed: float | None = None) -> Chosen:
    """Choose the learning rate to show a trajectory at.

    Its own best is the one with the lowest mean final height over the starts, where none of them diverged; among equals
    the one that reaches the goal in the fewest steps.

    Args:
        floor: heights below it, which rounding makes, count as it. goal: the height that counts as reached.
        fixed: show it at this learning rate; None at its own best.

    Raises:
        PadlError: `fixed` is not among those tried.
    """
    reached = first_reaching(path.losses, goal, "min")
    best = _best(np.maximum(path.losses[:, :, -1], floor), reached)
    shown = best if fixed is None or path.rates is None else _index(path.rates, fixed)
    return Chosen(shown, shown == best, _good(path, best, reached), reached[shown])


def _best(final: np.ndarray, reached: np.ndarray) -> int:
    """Of R rates, by (R, S) final heights and steps to the goal: fewest starts lost, then lowest, then soonest."""
    lost = np.isnan(final)
    means = np.where(lost, 0, final).sum(1, dtype=float) / np.maximum((~lost).sum(1), 1)
    soonest = np.nan_to_num(reached, nan=np.inf).mean(1)
    return int(np.lexsort((soonest, means, lost.sum(1)))[0])


def _index(rates: np.ndarray, rate: float) -> int:
    index = int(np.abs(rates - rate).argmin())
    if not np.isclose(rates[index], rate, rtol=1e-5, atol=0):
        raise PadlError(f"learning_rate={rate:g} was not tried: it must be among the rates")
    return index


def _good(path: Trajectory, best: int, reached: np.ndarray) -> tuple[float, float] | None:
    """The unbroken run of rates around the best that all reach the goal from every start, and do not diverge."""
    fine = [bool(np.isfinite(lane).all()) for lane in reached + path.losses[:, :, -1]]
    if path.rates is None or not fine[best]:
        return None
    low, high = best, best
    while low > 0 and fine[low - 1]:
        low -= 1
    while high + 1 < len(fine) and fine[high + 1]:
        high += 1
    return float(path.rates[low]), float(path.rates[high])


def _lowered(landscape: Landscape, paths: Mapping[str, Trajectory]) -> tuple[Landscape, Mapping[str, Trajectory]]:
    """Where the lowest point was searched for, take the lowest that an optimizer came to if that is lower."""
    if landscape.exact:
        return landscape, paths
    lowest = min(paths.values(), key=lambda path: np.nanmin(path.losses))
    floor = float(np.nanmin(lowest.losses))
    if floor >= landscape.floor:
        return landscape, paths
    at = np.unravel_index(np.nanargmin(lowest.losses), lowest.losses.shape)
    landscape = replace(landscape, minima=(tuple(map(float, lowest.points[at])),), floor=floor)
    return landscape, {label: p._replace(distances=nearest(landscape, p.points)) for label, p in paths.items()}
