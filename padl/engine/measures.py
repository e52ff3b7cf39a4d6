"""What of an update can be logged beside the loss, where a run asks for it by name. USUAL, measure.

padl train measure=[update_to_weight]       an optimizer's own names are in `padl show NAME`
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from padl.optimizers.transformation import measures_of
from padl.optimizers.units import wide
from padl.optimizers.vectors import Vector, norm
from padl.registry import near
from padl.types import Metrics, PadlError, Params, PyTree


class Update(NamedTuple):
    """An update, as trees of the form of the parameters: `gradient`, `updates`, and `params` before it."""

    gradient: Params
    updates: Params
    params: Params


USUAL: Mapping[str, tuple[str, Callable[[Update], jax.Array]]] = {
    "gradient_norm": ("the Euclidean norm of the gradient, not clipped", lambda u: _norm(u.gradient)),
    "update_rms": ("the root mean square of the update", lambda u: _norm(u.updates) / _size(u.updates) ** 0.5),
    "update_to_weight": (
        "the norm of the update over that of the parameters before it",
        lambda u: _ratio(_norm(u.updates), _norm(u.params)),
    ),
    "effective_step": (
        "the norm of the update over that of the gradient: the learning rate, had it been plain descent",
        lambda u: _ratio(_norm(u.updates), _norm(u.gradient)),
    ),
}


def measure(names: tuple[str, ...], optimizer: optax.GradientTransformation, state: PyTree, update: Update) -> Metrics:
    """Measure an update.

    Args:
        names: of `USUAL`, or of what the optimizer measures itself. state: of the optimizer, after the update.

    Raises:
        PadlError: a name that is neither, with all there are; what is measured is no number.
    """
    own = measures_of(optimizer)(state, update.updates, update.params)
    unknown = [name for name in names if name not in own and name not in USUAL]
    if unknown:
        known = [*own, *USUAL]
        there = f"{near(unknown[0], known)} (there are: {', '.join(known)})"
        raise PadlError(f"measure={unknown[0]}: not measured of this optimizer{there}")
    measured = {name: own[name] if name in own else USUAL[name][1](update) for name in names}
    for name, x in measured.items():
        if [jnp.shape(leaf) for leaf in jax.tree.leaves(x)] != [()]:
            raise PadlError(f"measure={name}: what the optimizer measures is not one number")
    return measured


def _norm(tree: PyTree) -> jax.Array:
    return norm(Vector(map(wide, jax.tree.leaves(tree))))


def _size(tree: PyTree) -> int:
    return max(1, sum(x.size for x in jax.tree.leaves(tree)))


def _ratio(above: jax.Array, below: jax.Array) -> jax.Array:
    """above / below; 0 where both are 0, and infinite where only `below` is."""
    return jnp.where(above > 0, above / below, 0.0)
