"""Slice a trained network's loss: two directions through its parameters span a landscape. network, directions."""

from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from padl.data.source import Data
from padl.surfaces.landscape import Landscape, lowest, sample_rows
from padl.tasks.task import Objective
from padl.types import HParams, Key, PadlError, Params, PyTree

RATE = 0.05  # gradient descent was good at 0.014 to 0.37 on a slice of an MLP on digits (n = 1, seed 0)


@dataclass(frozen=True)
class Slice:
    """Evaluate a network's loss on rows of data, its parameters moved along two directions."""

    objective: Objective

    def __call__(
        self, params: Params, model_state: PyTree, along: Any, hparams: HParams, data: Data, point: jax.Array
    ) -> Any:
        moved = jax.tree.map(lambda w, a, b: w + point[0] * a + point[1] * b, params, *along)
        return self.objective.evaluate(moved, model_state, hparams, data)["loss"]


@dataclass(frozen=True)
class SampledSlice:
    """Evaluate a slice on some of the rows, drawn by a key."""

    slice: Slice

    def __call__(
        self,
        params: Params,
        model_state: PyTree,
        along: Any,
        hparams: HParams,
        data: Data,
        point: jax.Array,
        key: Key,
        batch_size: int,
    ) -> jax.Array:
        rows = data.held_out.numbers
        few = data.evaluating(rows[sample_rows(key, batch_size, len(rows))])
        return self.slice(params, model_state, along, hparams, few, point)


def network(
    title: str, objective: Objective, params: Params, model_state: PyTree, hparams: HParams, data: Data, seed: int
) -> Landscape:
    """Make a landscape of the loss over the training rows, in the plane through trained parameters.

    Two random directions span the plane. The origin is the trained network; the unit is the length of each filter.
    The lowest point is searched for.

    Args:
        title: of pictures. objective, hparams: of the run. params, model_state: what was trained.
        data: of which the training rows are looked at. seed: of the directions.

    Raises:
        PadlError: no parameter has filters; the loss is nowhere finite.
    """
    along = directions(params, np.random.default_rng(seed))
    seen = data.evaluating(data.train.numbers)
    numbers = jax.tree.map(jnp.asarray, (params, model_state, along, hparams, seen))
    view = ((-1.0, 1.0), (-1.0, 1.0))
    unsearched = Landscape(
        name=title,
        height=jax.tree_util.Partial(Slice(objective), *numbers),
        start=(0.8, 0.8),
        low=(-2.0, -2.0),
        high=(2.0, 2.0),
        view=view,
        minima=((0.0, 0.0),),
        floor=0.0,
        exact=False,
        rate=RATE,
        axes=("direction 1", "direction 2"),
        rows=seen.train.size,
        sampled=jax.tree_util.Partial(SampledSlice(Slice(objective)), *numbers),
    )
    point, floor = lowest(unsearched)
    if not np.isfinite(floor):
        raise PadlError(f"{title}: the loss is nowhere finite in this slice: give other directions=")
    return replace(unsearched, minima=(point,), floor=floor)


def directions(params: Params, rng: np.random.Generator) -> tuple[Params, Params]:
    """Draw two directions, each filter as long as the network's (Li et al. 2018, arXiv:1712.09913, section 4).

    A filter is what makes one output: all but the last axis of a weight. Biases and other vectors stay where they are,
    as in the authors' code.

    Raises:
        PadlError: there is no parameter of two axes or more.
    """
    if all(np.ndim(w) < 2 for w in jax.tree.leaves(params)):
        raise PadlError("the network has no weights of two axes, and no filters to make directions of")
    one, two = (jax.tree.map(lambda w: _direction(np.asarray(w), rng), params) for _ in range(2))
    return one, two


def _direction(weight: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if weight.ndim < 2:
        return np.zeros_like(weight)
    drawn = rng.standard_normal(weight.shape)
    each = tuple(range(weight.ndim - 1))
    length = lambda array: np.sqrt((array.astype(float) ** 2).sum(each, keepdims=True))  # noqa: E731
    return (drawn * length(weight) / length(drawn)).astype(weight.dtype)
