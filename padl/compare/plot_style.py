"""Give all pictures one look: colours and markers, figures and panels. blank, figure_of, tidy, styles."""

from collections.abc import Sequence
from typing import Any

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")  # Okabe & Ito 2008
MARKERS = "osD^vP*Xh<>"
DASHES = ("-", "--", "-.", ":")


def blank(title: str, width: float, height: float) -> Any:
    """Make a figure without panels. The size is in inches, of 120 dots."""
    from padl.runs.figures import Picture

    figure = Picture(figsize=(width, height), layout="constrained", dpi=120)
    figure.suptitle(title, fontsize=10, wrap=True)
    return figure


def figure_of(
    title: str, width: float, height: float, panels: int = 1, across: int = 3, shared: bool = False
) -> tuple[Any, list[Any]]:
    """Make a figure and the axes of its panels, at most `across` in a row; `shared` axes have the same limits."""
    figure = blank(title, width, height)
    rows = -(-panels // across)
    axes = figure.subplots(rows, -(-panels // rows), squeeze=False, sharex=shared, sharey=shared).ravel()
    for spare in axes[panels:]:
        spare.set_visible(False)
    return figure, list(axes[:panels])


def tidy(axes: Any) -> None:
    """Draw a pale grid, and no frame at the top and the right."""
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def styles(names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Assign a colour, a marker and a dash to each name; the marker still tells where colours come again."""
    look = lambda i: (COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)], DASHES[i // len(COLOURS) % len(DASHES)])  # noqa: E731
    return {name: dict(zip(("color", "marker", "ls"), look(i), strict=True)) for i, name in enumerate(names)}
