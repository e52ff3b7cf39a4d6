"""Word the pictures of a comparison: their title, and a legend with each optimizer's outcome. title, entry, legend."""

from collections.abc import Mapping
from textwrap import fill
from typing import Any

import numpy as np

from padl.compare.comparison import Chosen, Comparison, Trajectory
from padl.compare.plot_style import styles

LETTER, LONGEST = 0.06, 80  # of the legend: a letter's inches, and letters in a line


def title(comparison: Comparison) -> str:
    """Return two lines: where and how fairly; for how long, from how many starts, with which noise and seed."""
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
    tried = {label: path.rates for label, path in comparison.paths.items() if path.rates is not None}
    if not tried:
        return "without learning rates"
    if comparison.mode == "tuned":
        return f"tuned: each at the best of {max(map(len, tried.values()))} learning rates"
    shown = sorted({float(rates[comparison.chosen[label].rate]) for label, rates in tried.items()})
    return f"fixed learning rate {' or '.join(f'{rate:.4g}' for rate in shown)} for all"


def entry(label: str, path: Trajectory, chosen: Chosen) -> str:
    """Return what a legend says of an optimizer: `adam (0.01): 123 steps`."""
    rate = "" if path.rates is None else f" ({path.rates[chosen.rate]:.3g})"
    starts, gone, there = len(chosen.reached), path.diverged(chosen.rate), np.isfinite(chosen.reached)
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
    """Return {entry in a legend: look} of each optimizer."""
    looks = styles(list(comparison.paths))
    return {entry(k, path, comparison.chosen[k]): looks[k] | {"lw": 1.8} for k, path in comparison.paths.items()}


def legend(figure: Any, comparison: Comparison, looks: Mapping[str, Mapping[str, Any]]) -> None:
    """Draw below all panels the entries with their looks, and say what the number of steps means."""
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], label=fill(words, LONGEST), **look) for words, look in looks.items()]
    columns = int(figure.get_figwidth() / (0.6 + LETTER * min(LONGEST, max(map(len, looks)))))
    mean = ", mean over starts" if len(comparison.starts) > 1 else ""
    words = f"optimizer (learning rate): steps to the goal{mean}; the goal is a height of {comparison.goal:.3g}"
    place = {"loc": "outside lower center", "ncols": int(np.clip(columns, 1, 4)), "frameon": False}
    figure.legend(handles=handles, title=words, fontsize=8, title_fontsize=8, **place)
