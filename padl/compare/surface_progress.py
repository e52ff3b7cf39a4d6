"""Draw the progress of a comparison: gap and distance by step, and the gap by rows of data. progress."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from padl.compare.comparison import Comparison
from padl.compare.plot_style import figure_of, styles, tidy
from padl.compare.surface_axes import ABOVE, GAP, GOAL, LEAST, axis_label, goal_line, lowest, sound
from padl.compare.surface_captions import legend, named, title
from padl.compare.surface_stage import CROSS

NEAREST = 1e-7  # of the first distance: a gap is about its square, and a float32 has 7 digits
EARLY = 0.5  # of the descent in the first tenth of the steps: then the steps are seen on a logarithmic axis


def progress(comparison: Comparison) -> Any:
    """Draw the gap and the distance by step, and the gap by rows of data where optimizers differ in them."""
    shown = {k: (path, comparison.chosen[k].rate) for k, path in comparison.paths.items()}
    gaps = {k: path.losses[rate] - comparison.landscape.floor for k, (path, rate) in shown.items()}
    distances = {k: path.distances[rate] for k, (path, rate) in shown.items()}
    works = {k: path.work for k, (path, _) in shown.items()}
    steps, unequal = dict.fromkeys(works, 1), len(set(works.values())) > 1
    figure, panels = figure_of(title(comparison), 13.2 if unequal else 9.6, 4.3 + 0.1 * len(works), 2 + unequal)
    early = falls_early(gaps)
    _courses(panels[0], gaps, GAP, LEAST, steps, early)
    judged = comparison.landscape.judged
    words = f"distance of {judged[0]} from where it is lowest" if judged else "distance to the nearest lowest point"
    _courses(panels[1], distances, words, NEAREST, steps, early)
    if unequal:
        _courses(panels[2], gaps, GAP, LEAST, works, True)
        panels[2].set_xlabel("rows of data looked at")
    for axes in (panels[0], *panels[2:]):
        goal_line(axes, comparison)
    gone = any(path.diverged(comparison.chosen[k].rate) for k, path in comparison.paths.items())
    crosses = {"diverged": CROSS | {"color": "0.3"}} if gone else {}
    legend(figure, comparison, named(comparison) | {"goal": GOAL} | crosses)
    return figure


def falls_early(gaps: Mapping[str, np.ndarray]) -> bool:
    """Tell whether most of the descent, in decades, falls into the first tenth of the steps, for the median path."""
    shares = []
    for gap in sound(gaps):
        course = np.log10(np.maximum(gap.mean(0), max(LEAST * gap[:, 0].mean(), np.finfo(float).tiny)))
        descent = course[0] - course.min()
        shares.append((course[0] - course[: 1 + len(course) // 10].min()) / descent if descent > 0 else 0.0)
    return bool(shares) and float(np.median(shares)) > EARLY


def _courses(
    axes: Any, values: Mapping[str, np.ndarray], words: str, relative: float, works: Mapping[str, int], early: bool
) -> None:
    """Draw a line for each optimizer, the mean over starts, with a band from the least to the largest of them.

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
        axes.plot(x, mean, lw=1.5, ms=5, mew=0, markevery=_marked(len(mean), i, early), label=label, zorder=3, **look)
        if len(course) > 1:
            band = {"color": look["color"], "alpha": min(0.12, 0.5 / len(values)), "lw": 0}
            axes.fill_between(x, course.min(0), course.max(0), **band)
        below = np.flatnonzero(mean < top)
        if np.isnan(mean[-1]) and len(below):
            axes.plot(x[below[-1]], mean[below[-1]], zorder=5, **CROSS | {"color": look["color"]})
    over = "mean over starts, range as a band" if len(first) > 1 else ""
    axes.set(yscale="log", ylim=(low / 2, top), xlabel="step")
    axes.set_ylabel(axis_label(words, over, means, low), fontsize=9)
    if early:
        axes.set_xscale("symlog", linthresh=min(works.values()))  # step 0 has a place on it
    axes.set_xlim(left=0)
    tidy(axes)


def _marked(points: int, order: int, early: bool) -> list[int]:
    """The indices that have a marker: evenly apart on the axis, and others for each line."""
    share = (np.arange(8) + (order % 6) / 6) / 8
    return np.unique((points**share if early else share * points).astype(int)).tolist()
