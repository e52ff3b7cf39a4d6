"""Report a comparison in numbers: a row for each lane, a table of what is shown. rows, csv, table, summary_lines."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from padl.compare.comparison import Chosen, Comparison, Trajectory
from padl.compare.statistics import first_reaching
from padl.runs.csv_table import csv_text
from padl.types import printable

AT_END = "*"
FAR = "from the last point to the nearest lowest one"
COLUMNS = (
    "optimizer",
    "learning_rate",
    "start",
    "shown",
    "final_height",
    "final_distance",
    "steps_to_goal",
    "status",
)
SUMMARY = ("optimizer", "rate", "gap", "distance", "steps", "good rates", "decades")


def rows(comparison: Comparison) -> Iterator[tuple[Any, ...]]:
    """Yield a row of `COLUMNS` for each optimizer, learning rate and start.

    status is "reached", "not reached", or "diverged at STEP", with the last height and distance that were finite.
    steps_to_goal is None where the goal was not reached. learning_rate is None for a rule without one.
    """
    for label, path in comparison.paths.items():
        reached = first_reaching(path.losses, comparison.goal, "min")
        lost = np.isnan(path.losses)
        ended = np.where(lost.any(-1), lost.argmax(-1), path.losses.shape[-1])
        for r, s in np.ndindex(*reached.shape):
            last, step = int(ended[r, s]) - 1, reached[r, s]
            status = f"diverged at {last + 1}" if lost[r, s, -1] else "not reached" if np.isnan(step) else "reached"
            rate = None if path.rates is None else float(path.rates[r])
            final = float(path.losses[r, s, last]), float(path.distances[r, s, last])
            shown = r == comparison.chosen[label].rate
            yield label, rate, s, shown, *final, None if np.isnan(step) else int(step), status


def csv(comparison: Comparison) -> str:
    """Write `rows` as the text of a CSV file: numbers with seven digits, as many as float32 has."""
    return csv_text(COLUMNS, rows(comparison), _cell)


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.7g}" if isinstance(value, float) else str(value).lower()


def table(comparison: Comparison) -> Table:
    """Lay out the `summary_lines`, 80 columns wide."""
    lines = Table(header_style="bold", box=SIMPLE_HEAD, pad_edge=False)
    for column in SUMMARY:
        lines.add_column(column, justify="left" if column == "optimizer" else "right")
    for line in summary_lines(comparison):
        lines.add_row(*map(Text, map(printable, line)))
    return lines


def summary_lines(comparison: Comparison) -> list[tuple[str, ...]]:
    """Return the texts of `SUMMARY` for each optimizer, at the learning rate it is shown at: means over starts."""
    return [_line(comparison, label, path, comparison.chosen[label]) for label, path in comparison.paths.items()]


def notes(comparison: Comparison) -> Iterator[str]:
    """Explain the table's words and marks, in a line each."""
    landscape, starts = comparison.landscape, len(comparison.starts)
    cells = [cell for line in summary_lines(comparison) for cell in line[1:]]
    low = f"{landscape.floor:.4g}" + ("" if landscape.exact else ", as far as was found")
    far = f"of the last {landscape.judged[0]} from where it is lowest" if landscape.judged else FAR
    yield f"gap: last height minus the lowest; distance: {far}"
    if not landscape.drawable:
        matrices = " and ".join(f"{name} {'x'.join(map(str, shape))}" for name, shape in landscape.forms.items())
        yield f"no picture of the paths, and no race: a point is {len(landscape.start)} numbers ({matrices})"
    yield f"steps: to the goal, a height of {comparison.goal:.4g}; the lowest is {low}"
    if starts > 1:
        yield f"numbers are means over the {starts} starts"
    if any(cell.endswith(f"/{starts})") for cell in cells):
        yield f"steps (1/{starts}): from so many of the starts, the others never"
    yield "good rates: the range around the best in which every rate tried reaches the goal from every start"
    if any(AT_END in cell for cell in cells):
        yield f"{AT_END} the smallest or largest that was tried: better ones may lie beyond"


def _line(comparison: Comparison, label: str, path: Trajectory, chosen: Chosen) -> tuple[str, ...]:
    final, distance = path.losses[chosen.rate, :, -1], path.distances[chosen.rate, :, -1]
    lost = path.diverged(chosen.rate)
    if lost:
        ends = "diverged" if lost == len(final) else f"{lost}/{len(final)} diverged", ""
    else:
        ends = f"{max(final.mean() - comparison.landscape.floor, 0):.2g}", f"{distance.mean():.2g}"
    reached = np.where(np.isnan(final), np.nan, chosen.reached)  # what passed the goal and was lost is not there
    return label, _rate(path, chosen), *ends, _steps(reached), *_good(path, chosen)


def _rate(path: Trajectory, chosen: Chosen) -> str:
    if path.rates is None:
        return "has none"
    return f"{path.rates[chosen.rate]:.2g}" + (AT_END if _at_end(path, chosen) else "")


def _at_end(path: Trajectory, chosen: Chosen) -> bool:
    """Whether the best rate is the smallest or largest of several."""
    last = 0 if path.rates is None else len(path.rates) - 1
    return last > 0 and chosen.best and chosen.rate in (0, last)


def _steps(reached: np.ndarray) -> str:
    there = reached[~np.isnan(reached)]
    if not len(there):
        return "never"
    return f"{there.mean():,.0f}" + (f" ({len(there)}/{len(reached)})" if len(there) < len(reached) else "")


def _good(path: Trajectory, chosen: Chosen) -> tuple[str, str]:
    """The good range, and its width in decades."""
    if path.rates is None:
        return "", ""
    if chosen.good is None:
        return "none", ""
    low, high = chosen.good
    marks = [AT_END if end == tried else "" for end, tried in ((low, path.rates[0]), (high, path.rates[-1]))]
    return f"{low:.2g}{marks[0]}–{high:.2g}{marks[1]}", f"{np.log10(high / low):.1f}"
