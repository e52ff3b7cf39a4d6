"""Pictures of a model's gradients by depth: how large they and the values are, layer by layer. draw."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from padl.backprop.layers import Layer

BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"  # Okabe & Ito 2008
NAMED = 24  # layers whose names are written; of more, only their numbers


def draw(found: Sequence[Layer], title: str, file: Path) -> None:
    """Two panels over the layers in order: the size of their outputs, and the norms of the gradients.

    A value that is not finite or exactly 0 has no place on a logarithmic axis: a cross at the top, or a triangle at the
    bottom, says so.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter

    width = min(max(7.2, 0.5 * len(found)), 20)
    figure = Figure(figsize=(width, 6.0), layout="constrained", dpi=130)
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=11, wrap=True)
    above, below = figure.subplots(2, 1, sharex=True)
    _line(above, found, [layer.value for layer in found], "output", BLUE, "o")
    _line(below, found, [layer.gradient for layer in found], "of the output", ORANGE, "o")
    _line(below, found, [layer.learned for layer in found], "of the parameters", GREEN, "s")
    above.set_ylabel("root mean square\nof the output")
    below.set_ylabel("norm of the gradient")
    below.legend(frameon=False, fontsize=9, loc="lower left", bbox_to_anchor=(0, 1), ncols=4)
    below.set_xlabel("layer, the first at the left; gradients come from the right")
    if len(found) <= NAMED:
        below.set_xticks(range(len(found)), [layer.name or "(input)" for layer in found], rotation=40, ha="right")
    for axes in (above, below):
        axes.set_yscale("log")
        low, high = np.log10(axes.get_ylim())
        axes.set_ylim(10 ** np.floor(low), 10 ** np.ceil(high))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(file)


def _line(axes: Any, found: Sequence[Layer], values: Sequence[float], label: str, colour: str, marker: str) -> None:
    y = np.asarray(values, float)
    x = np.arange(len(found))
    sound = np.isfinite(y) & (y > 0)
    axes.plot(x[sound], y[sound], color=colour, marker=marker, ms=5, lw=1.6, label=label)
    across = axes.get_xaxis_transform()
    bad = ~np.isfinite(y) & np.array([not layer.finite for layer in found])
    for where, at, sign, what in ((bad, 0.97, "x", "NaN or infinite"), (y == 0, 0.03, "v", "exactly 0")):
        if where.any():
            axes.plot(
                x[where], np.full(where.sum(), at), sign, color=colour, ms=8, mew=2, transform=across,
                label=f"{label}: {what}",
            )  # fmt: skip
