"""Say when an optimizer makes an update: where a gradient is finite, at each k-th. skip_nonfinite, accumulate."""

from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp

from padl.optimizers.transformation import CALLS, Calls, Transformation, needs_of, rates_of, updated
from padl.optimizers.units import wide
from padl.optimizers.wrapping import WrapperState, around
from padl.registry import optimizer
from padl.types import Domain, Optimizer, PadlError, Params, PyTree

OF_ONE_BATCH = ("value", "value_fn", "grad", "grad_fn")  # needs that the last of several batches alone would fill


class Skipped(NamedTuple):
    """count: of the updates that were left out, int32."""

    count: jax.Array


@optimizer(family="wrapper", reference="as Optax's apply_if_finite, without a limit to how often")
def skip_nonfinite(inner: Optimizer) -> Transformation:
    """Leave out the update where the gradient is not finite: the parameters and the memory of `inner` stay.

    Put it around all others: what is around it moves at such a step too. A loss that is not finite ends a run all the
    same. Measures `skipped`, how many updates were left out so far.

    Args:
        inner: the optimizer that is given the gradient where it is finite.
    """

    def init(params: Params) -> WrapperState:
        return WrapperState(inner.init(params), Skipped(jnp.zeros((), jnp.int32)))

    def update(
        grads: PyTree, state: WrapperState, params: PyTree | None = None, **extras: Any
    ) -> tuple[PyTree, WrapperState]:
        is_finite = jnp.array([jnp.isfinite(g).all() for g in jax.tree.leaves(grads)], bool).all()
        moved, after = updated(inner, grads, state.inner, params, extras)
        updates = jax.tree.map(lambda u: jnp.where(is_finite, u, 0).astype(jnp.asarray(u).dtype), moved)
        kept = jax.tree.map(lambda new, old: jnp.where(is_finite, new, old), after, state.inner)
        return updates, WrapperState(kept, Skipped(state.own.count + ~is_finite))

    def measure(own: Skipped, updates: PyTree, params: Params) -> dict[str, jax.Array]:
        return {"skipped": own.count.astype(jnp.float32)}

    return around(inner, init, update, measure=measure)


class Accumulated(NamedTuple):
    """count: calls so far, int32. sum: of the gradients since the last update, like the parameters."""

    count: jax.Array
    sum: PyTree


@optimizer(family="wrapper", reference="gradient accumulation; as Optax's MultiSteps, with schedules that go by calls")
def accumulate(inner: Optimizer, k: Annotated[int, Domain(1)] = 2) -> Transformation:
    """Accumulate gradients: `inner` makes one update at each k-th call, by their mean, and none in between.

    A schedule of its learning rate goes by calls, so that it ends where the training does. `accumulate=k` of a run cuts
    each batch into k parts, and makes an update at each step: take that where a batch does not fit into memory.

    Args:
        inner: the optimizer that is given the mean gradient. k: 1 is `inner` alone.

    Raises:
        PadlError: `inner` reads the loss or a gradient elsewhere, which would be of the last batch alone.
    """
    of_one = [need for need in OF_ONE_BATCH if need in needs_of(inner) and isinstance(inner, Transformation)]
    if k > 1 and of_one:
        raise PadlError(
            f"accumulate gives the mean gradient of {k} batches, and the optimizer within it reads {of_one[0]}, which"
            " would be of the last one: put accumulate inside of it, or take accumulate= of a run"
        )

    def calls_of(own: Accumulated, calls: Calls | None) -> Calls:
        return Calls(own.count, k) if calls is None else calls._replace(every=calls.every * k)

    def init(params: Params) -> WrapperState:
        zeros = jax.tree.map(lambda p: jnp.zeros_like(wide(jnp.asarray(p))), params)
        return WrapperState(inner.init(params), Accumulated(jnp.zeros((), jnp.int32), zeros))

    def update(
        grads: PyTree, state: WrapperState, params: PyTree | None = None, **extras: Any
    ) -> tuple[PyTree, WrapperState]:
        own = state.own
        total = jax.tree.map(lambda s, g: s + jnp.asarray(g).astype(s.dtype), own.sum, grads)
        extras = {**extras, CALLS: calls_of(own, extras.get(CALLS))}

        def move(_: None) -> tuple[PyTree, PyTree, PyTree]:
            mean = jax.tree.map(lambda s, g: (s / k).astype(jnp.asarray(g).dtype), total, grads)
            updates, within = updated(inner, mean, state.inner, params, extras)
            return updates, within, jax.tree.map(jnp.zeros_like, total)

        def wait(_: None) -> tuple[PyTree, PyTree, PyTree]:
            return jax.tree.map(jnp.zeros_like, grads if params is None else params), state.inner, total

        updates, within, kept = move(None) if k == 1 else jax.lax.cond((own.count + 1) % k == 0, move, wait, None)
        return updates, WrapperState(within, Accumulated(own.count + 1, kept))

    says_rates = getattr(inner, "rates", None) is not None

    def rates(state: WrapperState, params: Params, calls: Calls | None) -> PyTree:
        moves = (state.own.count + 1) % k == 0
        of_inner = rates_of(inner, "accumulate")(state.inner, params, calls_of(state.own, calls))
        return jax.tree.map(lambda p, r: r._replace(now=jnp.where(moves, r.now, 0)), params, of_inner)

    return around(inner, init, update, rates=rates if says_rates else None)
