"""Train between an optimizer's own iterates and their average, so that no schedule is needed. schedule_free."""

from functools import partial
from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp

from padl.optimizers.transformation import CALLS, Transformation, given_params, rates_of, updated
from padl.optimizers.units import mapped, ratio, wide
from padl.optimizers.wrapping import WrapperState, around
from padl.registry import optimizer
from padl.types import Domain, Optimizer, Params, PyTree, Scalar

INTERPOLATION = Domain(0.0, 1.0, low_open=True, search=(0.8, 0.98))


class Iterates(NamedTuple):
    """z: the optimizer's own point, like the parameters. weight: the sum of η² so far, of each array."""

    z: PyTree
    weight: PyTree


@optimizer(
    family="wrapper",
    reference="Defazio et al. 2024, arXiv:2405.15682, algorithm 1 around any rule",
    moves_norm=True,
    exempt={"decay_rates": "momentum is a share of the way between two points"},
)
def schedule_free(inner: Optimizer, momentum: Annotated[Scalar, INTERPOLATION] = 0.9) -> Transformation:
    """Schedule-free: gradients are taken between an optimizer's own point and the average that is judged.

        y = (1-β) z + β x      z += inner's update with ∇L(y), at z      c = η² / Σ η²      x = (1-c) x + c z

    The parameters that are trained are y, and x is judged and kept; x is read off y and z. The learning rate η of each
    step, a warm-up with it, is the one of `inner`, which says it: give it no schedule that goes down. β takes the place
    of momentum: `inner` needs none. Its weight decay is of z; `weight_decay` around this is of y. What a batch
    normalisation learns is of y.

    Args:
        inner: the optimizer that moves z. momentum: β in (0, 1]; the smaller, the closer to `inner`, and 1 takes the
            gradient at the average.
    """
    rates = rates_of(inner, "schedule_free")
    average = partial(average_of, momentum=momentum)

    def init(params: Params) -> WrapperState:
        z = jax.tree.map(lambda p: jnp.array(wide(jnp.asarray(p))), params)
        weight = jax.tree.map(lambda p: jnp.zeros((), p.dtype), z)
        return WrapperState(inner.init(params), Iterates(z, weight))

    def update(
        grads: PyTree, state: WrapperState, params: PyTree | None = None, **extras: Any
    ) -> tuple[PyTree, WrapperState]:
        y = jax.tree.map(jnp.asarray, given_params(params))
        now = rates(state.inner, y, extras.get(CALLS))
        extras = {**extras, **_seen_from(extras, y, state.own.z)}
        steps, within = updated(inner, grads, state.inner, state.own.z, extras)

        def each(y, z, step, weight, rate):
            squared = jnp.square(jnp.asarray(rate.now, z.dtype))
            weight = weight + squared
            c = ratio(squared, weight)
            after = z + step.astype(z.dtype)
            x = (1 - c) * average(y, z) + c * after
            return ((1 - momentum) * after + momentum * x - wide(y)).astype(y.dtype), after.astype(z.dtype), weight

        updates, z, weight = mapped(each, 3, y, state.own.z, steps, state.own.weight, now)
        return updates, WrapperState(within, Iterates(z, weight))

    def readout(state: WrapperState, params: Params) -> Params:
        points = jax.tree.map(jnp.asarray, params)
        return jax.tree.map(lambda y, z: average(y, z).astype(y.dtype), points, state.own.z)

    return around(inner, init, update, readout=readout)


def average_of(y: jax.Array, z: jax.Array, momentum: Any) -> jax.Array:
    """Read the average off the trained point and z, in float32 at least: x = (y - (1-β) z) / β."""
    return (wide(y) - (1 - momentum) * z) / momentum


def _seen_from(extras: dict[str, Any], y: Params, z: PyTree) -> dict[str, Any]:
    """What an optimizer at z asks for elsewhere, taken as far from y as that is from z."""
    moved = lambda point: jax.tree.map(lambda p, y, z: (wide(y) + (p - z)).astype(y.dtype), point, y, z)  # noqa: E731
    given = {name: extras[name] for name in ("grad_fn", "value_fn") if name in extras}
    return {name: lambda point, function=function: function(moved(point)) for name, function in given.items()}
