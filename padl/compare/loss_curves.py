"""Draw losses: value and gradient along one axis, a curve for each setting. sample, unbroken, draw."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from padl.compare.plot_style import COLOURS, tidy
from padl.losses.plot_axes import View
from padl.runs.pictures import own_style, save

POINTS = 1200  # more than a panel has dots, so that a jump is not seen to slant
DASHES = ("-", (0, (5, 2)), (0, (2, 1.5)), (0, (6, 2, 1.5, 2)))
MOST = 12  # curves that a reader can tell apart
JUMP = 5.0  # a step that is so many times larger than those two further on is a jump
FLAT = 1e-3  # a curve that varies less, relative to its size, is drawn as the line that it is
SIZE = (8.6, 3.6)  # inches


class Curve(NamedTuple):
    """One curve of both panels.

    Attributes:
        label: in the legend. value, gradient: at `points` of a view.
    """

    label: str
    value: np.ndarray
    gradient: np.ndarray


def points(view: View) -> np.ndarray:
    """Return the middles of equal parts of the axis: a kink at a round number lies between two of them."""
    return view.low + (view.high - view.low) * (np.arange(POINTS) + 0.5) / POINTS


def sample(
    loss: Callable[..., jax.Array], view: View, traced: Mapping[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Compute a loss and its gradient along the view's axis, for each setting, in one compilation.

    Args:
        loss: of the view's arguments and of `traced`, a number for one example.
        traced: {hyperparameter: (settings,)}.

    Returns:
        (values, gradients), each (settings, points).
    """
    x = jnp.asarray(points(view), float)

    def along(x: jax.Array, hyperparameters: Mapping[str, jax.Array]) -> jax.Array:
        return loss(*view.arguments(x), **hyperparameters)

    on_axis = jax.vmap(jax.value_and_grad(along), (0, None))
    each = jax.vmap(on_axis, (None, 0)) if traced else lambda x, _: jax.tree.map(lambda y: y[None], on_axis(x, {}))
    values, gradients = jax.jit(each)(x, {k: jnp.asarray(v, float) for k, v in traced.items()})
    return np.asarray(values), np.asarray(gradients)


def unbroken(y: np.ndarray) -> list[slice]:
    """Return the parts of a curve between its jumps and gaps: what a line may be drawn through."""
    step = np.abs(np.diff(y))
    around = np.maximum(np.r_[step[2:], 0, 0], np.r_[0, 0, step[:-2]])  # two further on: a point may lie on the jump
    span = np.ptp(y[np.isfinite(y)]) if np.isfinite(y).any() else 0.0
    joined = np.isfinite(step) & ~((step > JUMP * around) & (step > span / 100))
    ends = [0, *(np.flatnonzero(~joined) + 1), len(y)]
    return [slice(a, b) for a, b in pairwise(ends) if b - a > 1]


@own_style()
def draw(view: View, curves: Sequence[Curve], title: str, file: Path) -> None:
    """Draw two panels, the loss and its gradient, as PNG, SVG or PDF by the suffix of the file."""
    from padl.runs.figures import Picture

    figure = Picture(figsize=SIZE, layout="constrained", dpi=150)
    figure.suptitle(title, fontsize=11)
    left, right = figure.subplots(1, 2)
    _panel(left, view, [(curve.label, curve.value) for curve in curves])
    _panel(right, view, [(curve.label, curve.gradient) for curve in curves])
    left.set_ylabel("loss")
    right.set_ylabel("gradient")
    figure.supxlabel(view.label, fontsize=10)
    if len(curves) > 1:
        figure.legend(*left.get_legend_handles_labels(), loc="outside right upper", frameon=False, fontsize=9)
    save(figure, file)


def _panel(axes: Any, view: View, curves: Sequence[tuple[str, np.ndarray]]) -> None:
    """Linear axes: on them a convex loss looks convex, and a kink in it is a jump of its gradient."""
    x = points(view)
    for i, (label, y) in enumerate(curves):
        look = {"color": COLOURS[i % len(COLOURS)], "ls": DASHES[i % len(DASHES)], "lw": 1.8}
        for part in unbroken(y):
            axes.plot(x[part], y[part], label=label, **look)
            label = None
    axes.set_xlim(view.low, view.high)
    axes.locator_params(axis="x", nbins=7)
    drawn = np.concatenate([y[np.isfinite(y)] for _, y in curves])
    if np.ptp(drawn) <= FLAT * np.abs(drawn).max():
        axes.set_ylim(drawn.min() - 1, drawn.max() + 1)
    for line, (low, high) in ((axes.axhline, axes.get_ylim()), (axes.axvline, axes.get_xlim())):
        if low < 0 < high:
            line(0, color="0.6", lw=0.8, zorder=0)
    tidy(axes)
