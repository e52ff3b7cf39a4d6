"""Draw a sweep: the objective against each swept value, maps of pairs of them, the best curves. pictures, draw."""

from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

from padl.compare.statistics import numeric
from padl.compare.sweep_curves import best_curves
from padl.compare.sweep_lines import against, side_by_side
from padl.compare.sweep_maps import value_map
from padl.compare.sweep_table import SweepTable
from padl.runs.pictures import own_style, save

NUMBERS, MAPS = 4, 3  # at most so many keys and pairs of them are drawn


def pictures(sweep: SweepTable, task: str = "") -> dict[str, Callable[[], Any]]:
    """Return what can be drawn of the sweep, at most eight pictures, {} where no member has an objective.

    Args:
        task: begins the names, where a sweep is of several.

    Returns:
        {name of its file: () -> a figure}, drawn in `own_style`; None where a picture would be empty.
    """
    ranked = sweep.ranked()
    numbers = numeric(ranked)[:NUMBERS]
    if not any(s.n for s in ranked):
        return {}
    plots: dict[str, Callable[[], Any]] = {f"by_{key}": lambda key=key: against(sweep, ranked, key) for key in numbers}
    if not numbers and len(ranked) > 1:
        plots["by_setting"] = lambda: side_by_side(sweep, ranked)
    for a, b in list(combinations(numbers, 2))[:MAPS]:
        plots[f"map_{a}_{b}"] = lambda a=a, b=b: value_map(sweep, ranked, a, b)
    plots["best_curves"] = lambda: best_curves(sweep, ranked)
    named = {f"{task} {name}" if task else name: plot for name, plot in plots.items()}
    return {name.replace("/", "_").replace(" ", "_"): own_style()(plot) for name, plot in named.items()}


@own_style()
def draw(sweep: SweepTable, folder: Path, task: str = "") -> list[Path]:
    """Draw all that the sweep has something for, as PNG files in `folder`; `task` as of `pictures`."""
    files = []
    for name, plot in pictures(sweep, task).items():
        figure = plot()
        if figure is not None:
            files.append(folder / f"{name}.png")
            save(figure, files[-1])
    return files
