"""Draw the curves of a sweep's best settings. best_curves."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from padl.compare.plot_style import figure_of, styles
from padl.compare.statistics import Setting, best_of_each, last_word
from padl.compare.sweep_table import MULTIPLES, SweepTable, objective_axis

CURVES = 6  # of one category


def best_curves(sweep: SweepTable, ranked: Sequence[Setting]) -> Any:
    """Draw the course of the best settings: of each category, or of all where there is but one."""
    winners = list(best_of_each(ranked).values())
    if len(winners) < 2:
        winners = [s for s in ranked if s.n][:CURVES]
    shown = [s for s in winners if any(len(sweep.histories[m][0]) > 1 for m in sweep.seeds(s))][:MULTIPLES]
    if not shown:
        return None
    figure, (axes,) = figure_of(sweep.title, 7.2, 4.0 + 0.2 * len(shown))
    drawn: list[float] = []
    for setting, style in zip(shown, styles([_entry(s) for s in shown]).values(), strict=True):
        steps, low, mean, high = band([sweep.histories[m] for m in sweep.seeds(setting)])
        axes.plot(steps, mean, lw=1.6, label=_entry(setting), ms=3.5, markevery=max(1, len(steps) // 10), **style)
        axes.fill_between(steps, low, high, color=style["color"], alpha=0.12, lw=0)
        drawn += [*low, *high]
    objective_axis(axes, drawn, sweep.direction)
    axes.set_xlabel("step")
    axes.set_ylabel(f"{sweep.objective}, {'mean and range over seeds' if max(s.n for s in shown) > 1 else 'one seed'}")
    left = f" (the first {len(shown)} of {len(winners)})" if len(winners) > len(shown) else ""
    words = f"setting: best {sweep.objective}, mean ± standard error{left}"
    figure.legend(loc="outside lower left", frameon=False, fontsize=8, title=words, title_fontsize=8, alignment="left")
    return figure


def _entry(setting: Setting) -> str:
    """`adam, learning_rate 0.01: 0.953 ± 0.002 (n = 3, 1 diverged)`."""
    values = [_value(key, value) for key, value in setting.values.items()]
    error = f" ± {setting.error:.1g}" if setting.n > 1 else ""
    lost = f", {setting.diverged} diverged" if setting.diverged else ""
    return f"{', '.join(values) or 'all seeds'}: {setting.mean:.4g}{error} (n = {setting.n}{lost})"


def _value(key: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    return f"{last_word(key)} {value:.4g}" if isinstance(value, float) else f"{last_word(key)} {value}"


def band(courses: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, ...]:
    """Return (steps, least, mean, largest) over seeds, at the steps that all of them measured."""
    common = sorted(set.intersection(*(set(steps.tolist()) for steps, _ in courses)))
    table = np.array([[dict(zip(steps.tolist(), values, strict=True))[s] for s in common] for steps, values in courses])
    return np.array(common), table.min(0), table.mean(0), table.max(0)
