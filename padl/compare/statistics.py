"""Judge a sweep: which setting is best over seeds, whether its range was wide enough, how fast a target is met.

A row is a dict for one member: the swept keys with their values, "member", "status" and "objective" (NaN without one).
A setting is what members with equal values share; "seed" repeats a setting and never makes one.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from padl.types import Direction

Row = Mapping[str, Any]
EDGE = 0.02  # of a searched range, in its own scale, that still counts as its edge
ROUNDING = 1e-9  # relative: less than this is no difference between grids


class Mean(NamedTuple):
    """A mean over members.

    Attributes:
        mean: of the finite values, NaN without any. error: its standard error, NaN for n < 2. n: how many there are.
    """

    mean: float
    error: float
    n: int


def mean(values: Iterable[Any]) -> Mean:
    """Return the mean of the finite values; None counts as none."""
    every = np.array([math.nan if value is None else value for value in values], float)
    finite = np.sort(every[np.isfinite(every)])  # sums that do not depend on the order of the rows
    n = len(finite)
    # scipy.stats.sem would cost an import of 0.8 s
    error = float(finite.std(ddof=1)) / math.sqrt(n) if n > 1 else math.nan
    return Mean(float(finite.mean()) if n else math.nan, error, n)


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
    """Rank the settings, the best first.

    They are ordered by the mean over seeds. A setting that diverged for any seed comes after all that did not: a mean
    over the survivors alone would flatter it. Ties keep their order.
    """
    repeats: dict[str, list[Row]] = {}  # by the setting that they are seeds of
    for row in rows:
        repeats.setdefault(repr([row[key] for key in swept if key != "seed"]), []).append(row)
    settings = [_setting(seeds, swept) for seeds in repeats.values()]
    sign = -1 if direction == "max" else 1
    return sorted(settings, key=lambda s: (not s.n, s.diverged > 0, sign * s.mean if s.n else 0.0))


def _setting(seeds: Sequence[Row], swept: Sequence[str]) -> Setting:
    lost = [row for row in seeds if not math.isfinite(row["objective"])]
    return Setting(
        values={key: seeds[0][key] for key in swept if key != "seed"},
        **mean(row["objective"] for row in seeds)._asdict(),
        diverged=sum(row.get("status", "diverged") == "diverged" for row in lost),
        members=tuple(row["member"] for row in seeds),
    )


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def numeric(ranked: Sequence[Setting]) -> list[str]:
    """Return the keys whose values are all numbers, at least two of them different."""
    keys = ranked[0].values if ranked else {}
    columns = {key: [s.values[key] for s in ranked] for key in keys}
    return [key for key, column in columns.items() if all(map(is_number, column)) and len(set(column)) > 1]


def category(setting: Setting, numbers: Sequence[str]) -> str:
    """Name what is not a number of a setting: `adam`, `adam tanh`, `adam nesterov=True`; "" where all is."""
    choices = {key: value for key, value in setting.values.items() if key not in numbers}
    return " ".join(v if isinstance(v, str) else f"{last_word(key)}={v}" for key, v in choices.items())


def last_word(key: str) -> str:
    """`learning_rate` of `optimizer.learning_rate`."""
    return key.rpartition(".")[2]


def by_category(ranked: Sequence[Setting]) -> dict[str, list[Setting]]:
    """Group settings by category, both in the order of the ranking."""
    numbers = numeric(ranked)
    groups: dict[str, list[Setting]] = {}
    for setting in ranked:
        groups.setdefault(category(setting, numbers), []).append(setting)
    return groups


def best_of_each(ranked: Sequence[Setting]) -> dict[str, Setting]:
    """Return the best setting of each category, in the order of the ranking; of those where any member finished."""
    return {name: settings[0] for name, settings in by_category(ranked).items() if settings[0].n}


def not_told_apart(ranked: Sequence[Setting]) -> list[str]:
    """Warn, in a line, of settings that the best one is not told apart from: their means differ by no more than the
    standard error of the difference."""
    sound = [s for s in ranked if s.n > 1 and not s.diverged]
    if not sound or sound[0] is not ranked[0]:
        return []
    best = sound[0]
    errors = [math.hypot(s.error, best.error) for s in sound[1:]]
    near = [s for s, error in zip(sound[1:], errors, strict=True) if error > 0 and abs(s.mean - best.mean) <= error]
    if not near:
        return []
    others = f"{len(near)} other{'s' if len(near) > 1 else ''} of {len(ranked)} settings"
    return [f"the best and {others} are within one standard error of each other: more seeds would tell them apart"]


def edges(ranked: Sequence[Setting], bounds: Mapping[str, tuple[float, float]] | None = None) -> list[str]:
    """Warn, in a line each, of numbers of a category's best setting that are the smallest or largest tried.

    Where settings tie for the best, a number is on the edge only if it is for all of them.

    Args:
        bounds: of the keys that were drawn from a range; there, near its end counts too.
    """
    lines = []
    numbers, groups = numeric(ranked), by_category(ranked)
    for name, best in best_of_each(ranked).items():
        ties = [s for s in groups[name] if s.mean == best.mean and bool(s.diverged) == bool(best.diverged)]
        for key in numbers:
            tried = sorted({s.values[key] for s in groups[name]})
            ends = {_end(s.values[key], tried, (bounds or {}).get(key)) for s in ties}
            end = ends.pop() if len(ends) == 1 else ""
            if end:
                owner = f"{name}: " if name else ""
                lines.append(f"{owner}the best {key}, {best.values[key]:g}, is the {end} tried: widen its range")
    return lines


def _end(value: float, tried: Sequence[float], bounds: tuple[float, float] | None) -> str:
    low, high = bounds or (tried[0], tried[-1])
    if len(tried) < 3:
        return ""
    near = 0.0
    if bounds:
        scale = np.log if low > 0 and log_spaced([low, *tried, high]) else np.asarray  # a few may lie close together
        low, value, high = (float(scale(x)) for x in (low, value, high))
        near = EDGE * (high - low)
    return "smallest" if value <= low + near else "largest" if value >= high - near else ""


def log_spaced(values: Sequence[float]) -> bool:
    """Tell whether positive numbers span a factor of ten and lie more evenly in their logarithms; two of them do."""
    x = np.unique(np.asarray(values, float))
    if len(x) < 2 or x[0] <= 0 or x[-1] < 10 * x[0] * (1 - ROUNDING):
        return False
    uneven = lambda gaps: gaps.std() / gaps.mean()  # noqa: E731
    return bool(len(x) == 2 or uneven(np.diff(np.log(x))) < uneven(np.diff(x)))


def target(rows: Sequence[Row]) -> float | None:
    """Return the median objective over the members that have one, which half of them reach; None without any."""
    values = np.array([row["objective"] for row in rows], float)
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if len(finite) else None


def first_reaching(values: np.ndarray, goal: float, direction: Direction) -> np.ndarray:
    """Return the first index at which values (..., T) are `goal` or better, (...) float, NaN where they never are."""
    reached = values >= goal if direction == "max" else values <= goal
    return np.where(reached.any(-1), reached.argmax(-1), np.nan)


def steps_to(steps: np.ndarray, values: np.ndarray, goal: float, direction: Direction) -> int | None:
    """Return the first of steps (T,) at which values (T,) are `goal` or better; None where they never are."""
    index = first_reaching(values, goal, direction) if len(values) else np.nan
    return None if np.isnan(index) else int(steps[int(index)])
