"""Pictures of a model's gradients by depth: how large they and the values are, layer by layer. draw, figure."""

from collections.abc import Callable, Sequence
from math import isnan
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from padl.backprop.per_layer import Layer
from padl.runs.pictures import own_style, save

BLUE, ORANGE, GREEN = "#0072B2", "#D55E00", "#009E73"  # Okabe & Ito 2008
MAX_NAMES = 24  # of layers; with more, only their numbers are written


class Line(NamedTuple):
    """A quantity that is drawn over the layers.

    Attributes:
        label: in the legend.
        of: its value for a layer.
        has: whether a layer has it.
        colour: of the line and its marks.
        marker: of a value, in matplotlib's letters.
        inset: how far from the end of the axis the marks stand of values that the axis does not hold, as a share of it.
    """

    label: str
    of: Callable[[Layer], float]
    has: Callable[[Layer], bool]
    colour: str
    marker: str
    inset: float = 0.0


OUTPUTS = Line("output", lambda layer: layer.value, lambda layer: True, BLUE, "o")
GRADIENTS = Line(
    "gradient of the output", lambda layer: layer.gradient, lambda layer: not isnan(layer.silent), ORANGE, "o"
)
WEIGHTS = Line(
    "gradient of the weights", lambda layer: layer.learned, lambda layer: layer.parameters > 0, GREEN, "s", 0.07
)


@own_style()
def draw(layers: Sequence[Layer], title: str, file: Path) -> list[Path]:
    """Write the picture, as PNG, SVG or PDF by the suffix of the file, and return the file."""
    save(figure(layers, title), file)
    return [file]


def figure(layers: Sequence[Layer], title: str) -> Any:
    """Draw two panels over the layers in order: the size of their outputs, and the norms of the gradients.

    A value that is not finite or exactly 0 has no place on a logarithmic axis: a cross at the top, or a triangle at the
    bottom, says so.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullFormatter

    width = min(max(7.2, 0.5 * len(layers)), 20)
    picture = Figure(figsize=(width, 6.4), layout="constrained", dpi=130)
    FigureCanvasAgg(picture)
    picture.suptitle(title, fontsize=11, wrap=True)
    above, below = picture.subplots(2, 1, sharex=True)
    above.set_yscale("log")
    below.set_yscale("log")
    for axes, line in ((above, OUTPUTS), (below, GRADIENTS), (below, WEIGHTS)):
        _line(axes, layers, line)
    above.set_ylabel("root mean square\nof the output")
    below.set_ylabel("norm of the gradient")
    below.set_xlabel("layer, the first at the left; gradients come from the right")
    if len(layers) <= MAX_NAMES:
        below.set_xticks(range(len(layers)), [layer.name or "(input)" for layer in layers], rotation=40, ha="right")
    for axes in (above, below):
        low, high = np.log10(axes.get_ylim())
        axes.set_ylim(10 ** np.floor(low), 10 ** np.ceil(high))
        axes.yaxis.set_minor_formatter(NullFormatter())
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    picture.legend(loc="outside lower left", ncols=2, frameon=False, fontsize=9)
    return picture


def _line(axes: Any, layers: Sequence[Layer], line: Line) -> None:
    """Draw one quantity: a line, and marks at the ends of the axis for what it does not hold."""
    shown = [(x, line.of(layer)) for x, layer in enumerate(layers) if line.has(layer)]
    x, y = np.array([x for x, _ in shown]), np.array([y for _, y in shown], float)
    positive = np.isfinite(y) & (y > 0)
    axes.plot(x[positive], y[positive], color=line.colour, marker=line.marker, ms=5, lw=1.6, label=line.label)
    look = {"color": line.colour, "ls": "none", "ms": 8, "mew": 2, "transform": axes.get_xaxis_transform()}
    top, bottom = 0.96 - line.inset, 0.04 + line.inset
    for where, height, marker, meaning in (
        (~np.isfinite(y), top, "x", "NaN or infinite"),
        (y == 0, bottom, "v", "exactly 0"),
    ):
        if where.any():
            label = f"{line.label}: {meaning}"
            axes.plot(x[where], np.full(where.sum(), height), marker=marker, label=label, **look)
