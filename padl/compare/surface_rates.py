"""Draw what each learning rate led to: the final gap by rate, and which rates were good. rates."""

from typing import Any

import numpy as np

from padl.compare.comparison import Comparison
from padl.compare.plot_style import blank, styles, tidy
from padl.compare.surface_axes import ABOVE, GAP, GOAL, LEAST, axis_label, goal_line, lowest
from padl.compare.surface_captions import legend, named, title
from padl.compare.surface_stage import CROSS, EDGED
from padl.compare.tuning import choose

SHOWN = {"color": "0.5", "ls": "--", "lw": 1.0}
THICK = {"lw": 5, "alpha": 0.6, "solid_capstyle": "round"}


def rates(comparison: Comparison) -> Any:
    """Draw the final gap by learning rate; above it a row for each optimizer: its good range, what diverged."""
    n, floor = len(comparison.paths), comparison.landscape.floor
    figure = blank(title(comparison), 7.4, 5.0 + 0.3 * n)
    rows, axes = figure.subplots(2, 1, sharex=True, height_ratios=(0.3 + 0.24 * n, 3.6))
    ends = {k: path.losses[..., -1] - floor for k, path in comparison.paths.items()}
    first = next(iter(comparison.paths.values())).losses[0, :, 0] - floor
    means = [end.mean(1) for end in ends.values()]  # NaN where any start diverged
    low = lowest([*means, first], LEAST * float(first.mean()))
    top = max(ABOVE * float(first.mean()), 10 * low)
    for place, (label, look) in enumerate(styles(list(ends)).items()):
        path = comparison.paths[label]
        final = np.clip(means[place], low, 100 * top)
        best = _best(comparison, label, final)
        _row(rows, place, path.rates, comparison.chosen[label].good, final, best, look)
        _curve(axes, path.rates, final, best, look)
    rows.set_yticks(range(n), [label if len(label) < 27 else f"{label[:25]}…" for label in ends], fontsize=8)
    rows.set_ylim(n - 0.4, -0.6)
    axes.set(xscale="log", yscale="log", ylim=(low / 2, top), xlabel="learning rate")
    over = "at the last step, mean over starts" if len(first) > 1 else "at the last step"
    axes.set_ylabel(axis_label(GAP, over, means, low), fontsize=9)
    goal_line(axes, comparison)
    for panel in (rows, axes):
        tidy(panel)
    legend(figure, comparison, named(comparison) | {"goal": GOAL} | _signs(comparison, rows, axes))
    return figure


def _signs(comparison: Comparison, rows: Any, axes: Any) -> dict[str, dict[str, Any]]:
    """{entry: look} of what stands in the rows; a shared learning rate is drawn where there is one."""
    signs: dict[str, dict[str, Any]] = {
        "best of those tried": EDGED | {"marker": "o", "color": "0.5", "mec": "black"},
        "good: reaches the goal from every start": {"color": "0.5", **THICK},
    }
    if any(not np.isfinite(path.losses[..., -1]).all() for path in comparison.paths.values()):
        signs["diverged from some start"] = CROSS | {"color": "0.3", "ms": 6}
    if comparison.mode == "fixed":
        shown = {p.rates[comparison.chosen[k].rate] for k, p in comparison.paths.items() if p.rates is not None}
        for rate in shown:
            rows.axvline(rate, **SHOWN)
            axes.axvline(rate, **SHOWN)
        signs["learning rate of the other pictures"] = SHOWN
    return signs


def _best(comparison: Comparison, label: str, final: np.ndarray) -> int | None:
    """The index of the optimizer's own best rate; None where it diverged even there."""
    best = choose(comparison.paths[label], comparison.landscape.floor, comparison.goal).rate
    return best if np.isfinite(final[best]) else None


def _row(
    axes: Any,
    place: int,
    rates: np.ndarray | None,
    good: tuple[float, float] | None,
    final: np.ndarray,
    best: int | None,
    look: dict[str, Any],
) -> None:
    """All rates tried as a thin line, the good ones as a thick one, the best marked, crosses where it diverged."""
    if rates is None:
        axes.text(0.01, place, "has no learning rate", transform=axes.get_yaxis_transform(), fontsize=8, va="center")
        return
    axes.plot(rates[[0, -1]], [place] * 2, color="0.8", lw=1, zorder=1)
    gone = rates[np.isnan(final)]
    axes.plot(gone, [place] * len(gone), **CROSS | {"color": look["color"], "ms": 5, "mew": 1.4})
    if good is not None:
        axes.plot(good, [place] * 2, color=look["color"], **THICK)
    if best is not None:
        axes.plot(rates[best], place, zorder=4, **look | EDGED | {"mec": "black"})


def _curve(axes: Any, rates: np.ndarray | None, final: np.ndarray, best: int | None, look: dict[str, Any]) -> None:
    """The gap at each rate, the best marked; level where there is none."""
    if rates is None:
        axes.axhline(final[0], color=look["color"], ls=look["ls"], lw=1.5)
        return
    axes.plot(rates, final, lw=1.5, **look | {"ms": 3.5})
    if best is not None:
        axes.plot(rates[best], final[best], zorder=4, **look | EDGED | {"mec": "black"})
