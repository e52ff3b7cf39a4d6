"""Judge an average of the parameters, and train them as they are. ema, tail_ema.

The state holds the average as it was before the last update, and the readout adds what is given as parameters: so it
is the average of what was really trained, whatever is around.
"""

from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp

from padl.optimizers.in_place import after
from padl.optimizers.transformation import Transformation, given_params, readout_of, updated
from padl.optimizers.units import wide
from padl.optimizers.wrapping import WrapperState, around
from padl.registry import optimizer
from padl.types import DOMAINS, Domain, Optimizer, Params, PyTree, Scalar

STEPS = Domain(0.0, high_open=True)
TIME_CONSTANT = Domain(1.0, high_open=True, search=(10.0, 1000.0), scale="log")


class Average(NamedTuple):
    """count: updates so far, int32. average: like the parameters, of those before the last update."""

    count: jax.Array
    average: PyTree


@optimizer(
    family="wrapper",
    reference="Polyak & Juditsky 1992, exponential; bias: Kingma & Ba 2015, section 3",
    moves_norm=True,
    exempt={"decay_rates": "its average is of parameters"},
)
def ema(inner: Optimizer, decay: Annotated[Scalar, DOMAINS["ema"]] = 0.999) -> Transformation:
    """EMA of the parameters: judge and keep their exponential moving average.

        a += (1-d) / (1-dᵗ) (θ - a)      after update t: the mean of all θ so far, those of i steps ago with weight dⁱ

    It is `ema=` of a run, at a place among the wrappers that is chosen, or in a group of parameters: what is averaged
    is what `inner` would have judged.

    Args:
        inner: the optimizer that trains. decay: d in [0, 1), a memory of about 1/(1-d) steps. 0 is `inner` alone.
    """

    def share(count):
        c = 1 - jnp.asarray(decay, float)  # as of a run's `ema`: exact in float32 from d = 1/2 on
        return c / -jnp.expm1(count.astype(c.dtype) * jnp.log1p(-c))

    def moved(own: Average, params: Params) -> PyTree:
        part = share(own.count)
        return jax.tree.map(lambda a, p: _toward(a, p, jnp.where(own.count == 0, 0, part)), own.average, params)

    def judged(own: Average, params: Params) -> PyTree:
        average = moved(own, params)
        return jax.tree.map(lambda a, p: jnp.where(own.count == 0, wide(p), a), average, params)

    return _averaging(inner, moved, judged)


@optimizer(
    family="wrapper",
    reference="Tail-EMA: KellerJordan/modded-nanogpt, pull request 325, 2026",
    moves_norm=True,
    shown_at={"start": 1},
)
def tail_ema(
    inner: Optimizer,
    start: Annotated[Scalar, STEPS] = 2400.0,
    time_constant: Annotated[Scalar, TIME_CONSTANT] = 150.0,
    blend: Annotated[Scalar, Domain(0.0, 1.0)] = 0.6,
) -> Transformation:
    """Tail EMA: judge a blend of the parameters with their moving average over the last part of the training.

        a = θ at step `start`,  a += (θ - a) / τ after it      judged: (1-λ) θ + λ a, and θ before

    The source averages 330 steps behind the 2400th, and leaves the embedding out (a group without it does here).

    Args:
        inner: the optimizer that trains. start: in updates; where a training is shorter, nothing is averaged.
        time_constant: τ >= 1, in updates. blend: λ in [0, 1]; 0 is `inner` alone.
    """

    def moved(own: Average, params: Params) -> PyTree:
        part = jnp.where(own.count > start, 1 / jnp.asarray(time_constant, float), 1.0)
        return jax.tree.map(lambda a, p: _toward(a, p, part), own.average, params)

    def judged(own: Average, params: Params) -> PyTree:
        part = jnp.where(own.count > start, jnp.asarray(blend, float), 0.0)
        return jax.tree.map(lambda a, p: _toward(wide(p), a, part), moved(own, params), params)

    return _averaging(inner, moved, judged)


def _toward(a: jax.Array, p: jax.Array, part: jax.Array) -> jax.Array:
    """Go a part of the way from a to p."""
    return a + part.astype(a.dtype) * (p.astype(a.dtype) - a)


def _averaging(inner: Any, moved: Any, judged: Any) -> Transformation:
    """Make an optimizer whose readout is an average.

    Args:
        moved: (own state, parameters) -> the average with them. judged: likewise -> what is judged.
    """
    of_inner = readout_of(inner)

    def init(params: Params) -> WrapperState:
        average = jax.tree.map(lambda p: jnp.array(wide(jnp.asarray(p))), params)
        return WrapperState(inner.init(params), Average(jnp.zeros((), jnp.int32), average))

    def update(
        grads: PyTree, state: WrapperState, params: PyTree | None = None, **extras: Any
    ) -> tuple[PyTree, WrapperState]:
        average = moved(state.own, _arrays(of_inner(state.inner, given_params(params))))
        updates, within = updated(inner, grads, state.inner, params, extras)
        updates = jax.tree.map(after, updates, average)  # the average is of what they overwrite
        return updates, WrapperState(within, Average(state.own.count + 1, average))

    def readout(state: WrapperState, params: Params) -> Params:
        trained = _arrays(of_inner(state.inner, params))
        return jax.tree.map(lambda a, p: a.astype(p.dtype), judged(state.own, trained), trained)

    return around(inner, init, update, readout=readout)


def _arrays(tree: PyTree) -> PyTree:
    return jax.tree.map(jnp.asarray, tree)
