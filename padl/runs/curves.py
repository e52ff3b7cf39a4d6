"""curves.png: how the metrics of a run went, training and held out. figure, draw."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from padl.runs.pictures import own_style, save

PANEL = (4.8, 3.6)  # inches
LOG_RANGE = 30  # a positive curve that spans more than this gets a logarithmic axis
COLOURS = {"train": "#0072B2", "eval": "#D55E00"}  # Okabe & Ito 2008: told apart by colour-blind readers
ON_DATA = {"train": "training batches", "eval": "held out"}
ON_A_SURFACE = {"train": "mean over the steps before", "eval": "at the step"}


@own_style()
def draw(
    rows: Sequence[dict[str, Any]],
    metrics: Sequence[str],
    title: str,
    file: Path,
    labels: Mapping[str, str] = ON_DATA,
) -> list[Path]:
    """Draw a `figure` into a PNG file, and return the file."""
    save(figure(rows, metrics, title, labels), file)
    return [file]


@own_style()
def figure(
    rows: Sequence[dict[str, Any]], metrics: Sequence[str], title: str, labels: Mapping[str, str] = ON_DATA
) -> Any:
    """Draw one panel for the loss and for each metric that was measured, training and held out together.

    Args:
        rows: of metrics.jsonl. metrics: names of those drawn beside the loss, without a side ("accuracy").
        title: says task, seed and size. labels: what the curves of "train" and "eval" are.
    """
    from padl.runs.figures import Picture

    measured = {key.partition("/")[2] for row in rows for key in row}
    names = ["loss", *sorted(measured & set(metrics) - {"loss"})]
    width, height = PANEL[0] * len(names), PANEL[1]
    figure = Picture(figsize=(width, height), dpi=120)
    room = {"left": 0.75 / width, "right": 1 - 0.15 / width, "bottom": 0.5 / height, "top": 1 - 0.4 / height}
    figure.subplots_adjust(**room, wspace=0.25)  # a layout that measures every text takes as long as all of the drawing
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        _panel(axes, rows, name, labels)
    figure.suptitle(title, fontsize=10)
    return figure


def _panel(axes: Any, rows: Sequence[dict[str, Any]], name: str, labels: Mapping[str, str]) -> None:
    drawn: list[float] = []
    for side, colour in COLOURS.items():
        points = [(row["step"], row[f"{side}/{name}"]) for row in rows if f"{side}/{name}" in row]
        if points:
            axes.plot(
                *zip(*points, strict=True),
                color=colour,
                label=labels[side],
                lw=1.6,
                marker=".",
                ms=4 if len(points) < 60 else 0,
            )
            drawn += [y for _, y in points if math.isfinite(y)]
    if drawn and min(drawn) > 0 and max(drawn) > LOG_RANGE * min(drawn):
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:g}")  # 10⁻³ would be set as mathematics, which takes long
        axes.yaxis.set_minor_formatter("")
    axes.set_xlabel("step")
    axes.set_ylabel(name)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
