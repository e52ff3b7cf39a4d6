"""Statistics of a sweep: which setting is best over seeds, whether its range was wide enough, how fast a target is met.

A row is a dict for one member: the swept keys with their values, "member", "status" and "objective" (NaN without one).
A setting is what members with equal values share; "seed" repeats a setting and never makes one.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

Direction = Literal["max", "min"]
Row = Mapping[str, Any]
EDGE = 0.02  # of a searched range, in its own scale, that still counts as its edge
ROUNDING = 1e-9  # relative: less than this is no difference between grids


class Setting(NamedTuple):
    """A setting over its seeds.

    Attributes:
        values: of the swept keys but the seed.
        mean: of the objective over the members that have one, NaN without any.
        error: its standard error, NaN for n < 2.
        n: members with a finite objective. diverged: those that diverged. members: the numbers of all.
    """

    values: dict[str, Any]
    mean: float
    error: float
    n: int
    diverged: int
    members: tuple[int, ...]


def rank(rows: Sequence[Row], swept: Sequence[str], direction: Direction) -> list[Setting]:
    """The settings, the best first.

    They are ordered by the mean over seeds. A setting that diverged for any seed comes after all that did not: a mean
    over the survivors alone would flatter it. Ties keep their order.
    """
    together: dict[str, list[Row]] = {}
    for row in rows:
        together.setdefault(repr([row[key] for key in swept if key != "seed"]), []).append(row)
    settings = [_setting(own, swept) for own in together.values()]
    sign = -1 if direction == "max" else 1
    return sorted(settings, key=lambda s: (not s.n, s.diverged > 0, sign * s.mean if s.n else 0.0))


def _setting(own: Sequence[Row], swept: Sequence[str]) -> Setting:
    values = np.array([row["objective"] for row in own], float)
    finite = np.sort(values[np.isfinite(values)])  # sums that do not depend on the order of the rows
    # scipy.stats.sem would cost an import of 0.8 s
    return Setting(
        values={key: own[0][key] for key in swept if key != "seed"},
        mean=float(finite.mean()) if len(finite) else math.nan,
        error=float(finite.std(ddof=1)) / math.sqrt(len(finite)) if len(finite) > 1 else math.nan,
        n=len(finite),
        diverged=sum(row.get("status", "diverged") == "diverged" for row in own if not math.isfinite(row["objective"])),
        members=tuple(row["member"] for row in own),
    )


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def numeric(ranked: Sequence[Setting]) -> list[str]:
    """The keys whose values are all numbers, at least two of them different."""
    keys = ranked[0].values if ranked else {}
    columns = {key: [s.values[key] for s in ranked] for key in keys}
    return [key for key, column in columns.items() if all(map(is_number, column)) and len(set(column)) > 1]


def category(setting: Setting, numbers: Sequence[str]) -> str:
    """What is not a number of a setting: `adam`, `adam tanh`, `adam nesterov=True`; "" where all is."""
    told = {key: value for key, value in setting.values.items() if key not in numbers}
    return " ".join(v if isinstance(v, str) else f"{key.rpartition('.')[2]}={v}" for key, v in told.items())


def best_of_each(ranked: Sequence[Setting]) -> dict[str, Setting]:
    """The best setting of each category, in the order of the ranking; of those where any member finished."""
    numbers = numeric(ranked)
    found: dict[str, Setting] = {}
    for setting in ranked:
        if setting.n:
            found.setdefault(category(setting, numbers), setting)
    return found


def edges(ranked: Sequence[Setting], bounds: Mapping[str, tuple[float, float]] | None = None) -> list[str]:
    """A line for each number of a category's best setting that is the smallest or largest tried.

    Where settings tie for the best, a number is on the edge only if it is for all of them.

    Args:
        bounds: of the keys that were drawn from a range; there, near its end counts too.
    """
    lines = []
    numbers = numeric(ranked)
    for name, setting in best_of_each(ranked).items():
        own = [s for s in ranked if category(s, numbers) == name]
        ties = [s for s in own if s.mean == setting.mean and bool(s.diverged) == bool(setting.diverged)]
        for key in numbers:
            tried = sorted({s.values[key] for s in own})
            ends = {_end(s.values[key], tried, (bounds or {}).get(key)) for s in ties}
            end = ends.pop() if len(ends) == 1 else ""
            if end:
                owner = f"{name}: " if name else ""
                lines.append(f"{owner}the best {key}, {setting.values[key]:g}, is the {end} tried: widen its range")
    return lines


def _end(value: float, tried: Sequence[float], bounds: tuple[float, float] | None) -> str:
    low, high = bounds or (tried[0], tried[-1])
    if len(tried) < 3:
        return ""
    near = 0.0
    if bounds:
        scale = np.log if low > 0 and log_spaced(tried) else np.asarray
        low, value, high = (float(scale(x)) for x in (low, value, high))
        near = EDGE * (high - low)
    return "smallest" if value <= low + near else "largest" if value >= high - near else ""


def log_spaced(values: Sequence[float]) -> bool:
    """Whether positive numbers span a factor of ten and are more evenly spaced in their logarithms; two of them are."""
    x = np.unique(np.asarray(values, float))
    if len(x) < 2 or x[0] <= 0 or x[-1] < 10 * x[0] * (1 - ROUNDING):
        return False
    uneven = lambda gaps: gaps.std() / gaps.mean()  # noqa: E731
    return bool(len(x) == 2 or uneven(np.diff(np.log(x))) < uneven(np.diff(x)))


def target(rows: Sequence[Row]) -> float | None:
    """The median objective over the members that have one, which so half of them reach; None without any."""
    values = np.array([row["objective"] for row in rows], float)
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) else None


def steps_to(steps: np.ndarray, values: np.ndarray, goal: float, direction: Direction) -> int | None:
    """The first of `steps` whose value is `goal` or better; None where none is."""
    reached = np.flatnonzero(values >= goal if direction == "max" else values <= goal)
    return int(steps[reached[0]]) if len(reached) else None
