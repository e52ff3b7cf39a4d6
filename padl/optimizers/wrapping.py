"""Put something around an optimizer: before its update, or after it. on_gradients, filtered, on_updates, wrapped.

A wrapper is an optimizer whose argument `inner: Optimizer` is another, so that a run names it: `optimizer.wrap=[ema]`.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import jax
from optax import GradientTransformation

from padl.norm_order import norm_held_by
from padl.optimizers.transformation import (
    CALLS,
    Calls,
    Measure,
    Rates,
    Readout,
    Transformation,
    extra,
    given_params,
    measures_of,
    needs_of,
    no_measures,
    rates_of,
    readout_of,
    trained,
    updated,
)
from padl.types import Params, PyTree

Change = Callable[[PyTree], PyTree]  # of a gradient
Filter = Callable[[PyTree, PyTree, Params | None], tuple[PyTree, PyTree]]  # (gradient, own, params) -> gradient, own
Link = Callable[..., PyTree]  # (params, update, what it reads by name) -> update
GRADIENT, RATES = "gradient", "rates"  # what a link can read beside, trees like the parameters
MODEL_STATE = "model_state"  # and this, as of `NEEDS`


class WrapperState(NamedTuple):
    """inner: of the optimizer within. own: of the wrapper."""

    inner: PyTree
    own: PyTree


def on_gradients(inner: GradientTransformation, change: Change) -> Transformation:
    """Change each gradient that an optimizer sees: the one that it is given, and those that it asks for elsewhere."""

    def update(grads: PyTree, state: Any, params: PyTree | None = None, **extras: Any) -> tuple[PyTree, Any]:
        if "grad_fn" in extras:
            grad_fn = extras["grad_fn"]
            extras = {**extras, "grad_fn": lambda point: change(grad_fn(point))}
        return updated(inner, change(grads), state, params, extras)

    return wrapped(inner, inner.init, update)


def filtered(
    inner: GradientTransformation,
    start: Callable[[Params], PyTree],
    change: Filter,
    measure: Measure | None = None,
) -> Transformation:
    """Change each gradient that an optimizer sees by a state of the wrapper's own, or keep count of what is changed.

    Args:
        start: params -> own state. change: (gradient, own, params) -> the gradient and own state after it. A gradient
            that the optimizer asks for elsewhere is changed by the state as it was, with the parameters there.
        measure: (own state, updates, params) -> {name: scalar}.
    """

    def init(params: Params) -> WrapperState:
        return WrapperState(inner.init(params), start(params))

    def update(
        grads: PyTree, state: WrapperState, params: PyTree | None = None, **extras: Any
    ) -> tuple[PyTree, WrapperState]:
        changed, own = change(grads, state.own, params)
        if "grad_fn" in extras:
            grad_fn = extras["grad_fn"]
            extras = {**extras, "grad_fn": lambda point: change(grad_fn(point), state.own, point)[0]}
        updates, within = updated(inner, changed, state.inner, params, extras)
        return updates, WrapperState(within, own)

    return around(inner, init, update, measure=measure)


def on_updates(
    inner: GradientTransformation,
    link: Link,
    reads: tuple[str, ...] = (),
    start: Callable[[Params], PyTree] | None = None,
    measure: Measure | None = None,
    wrapper: str = "this wrapper",
) -> Transformation:
    """Change each update of an optimizer, by what the parameters are: a constraint on their norm, or a decay.

    Args:
        link: (params, update) -> update; what it reads comes by name. With `start` it returns (update, own state).
        reads: "gradient", which the optimizer is given; "rates", a `StepSize` for each array; "model_state".
        start: params -> own state of the wrapper, of the form that `link` returns. measure: (own state, updates,
            params) -> {name: scalar}. wrapper: its name, for messages.

    Raises:
        PadlError: it reads rates of an optimizer that does not say them; by its `update`, where the parameters are
            left out.
    """
    rates = rates_of(inner, wrapper) if RATES in reads else None
    needs = [MODEL_STATE] if MODEL_STATE in reads else []

    def init(params: Params) -> Any:
        return inner.init(params) if start is None else WrapperState(inner.init(params), start(params))

    def update(grads: PyTree, state: Any, params: PyTree | None = None, **extras: Any) -> tuple[PyTree, Any]:
        point, within = given_params(params), state if start is None else state.inner
        given: dict[str, Any] = {GRADIENT: grads} if GRADIENT in reads else {}
        if rates is not None:
            given[RATES] = rates(within, point, extras.get(CALLS))
        if needs:
            given[MODEL_STATE] = extra(extras, MODEL_STATE)
        updates, within = updated(inner, grads, within, params, extras)
        linked = link(point, updates, **given)
        return (linked, within) if start is None else (linked[0], WrapperState(within, linked[1]))

    if start is None:
        return wrapped(inner, init, update, needs)
    return around(inner, init, update, needs, measure=measure)


def around(
    inner: GradientTransformation,
    init: Callable[..., Any],
    update: Callable[..., Any],
    needs: Iterable[str] = (),
    readout: Readout | None = None,
    measure: Measure | None = None,
    rates: Rates | None = None,
) -> Transformation:
    """Make an optimizer around another, whose state is a `WrapperState`.

    Args:
        needs: beside the inner one's. readout, rates: of the whole; None as the inner one says. measure: (own state,
            updates, params) -> {name: scalar}.
    """
    of_inner, inner_rates = readout_of(inner), getattr(inner, "rates", None)
    lifted = None if of_inner is trained else lambda state, params: of_inner(state.inner, params)
    lifted_rates = inner_rates and (lambda state, params, calls: inner_rates(state.inner, params, calls))

    def measured(state: WrapperState, updates: PyTree, params: Params) -> dict[str, jax.Array]:
        own = measure(state.own, updates, params) if measure is not None else {}
        return own | _apart(measures_of(inner)(state.inner, updates, params), own)

    silent = measure is None and measures_of(inner) is no_measures
    return Transformation(
        init,
        update,
        needs=needs_of(inner) | frozenset(needs),
        readout=readout or lifted or trained,
        measure=no_measures if silent else measured,
        rates=rates or lifted_rates,
        norm_held_by=norm_held_by(inner),
    )


def _apart(measured: Mapping[str, Any], taken: Mapping[str, Any]) -> dict[str, Any]:
    """Measures of what is within, by names that the wrapper has none of."""
    return {f"{name}.inner" if name in taken else name: x for name, x in measured.items()}


def wrapped(
    inner: GradientTransformation,
    init: Callable[..., Any],
    update: Callable[..., Any],
    needs: Iterable[str] = (),
    readout: Readout | None = None,
    measure: Measure | None = None,
) -> Transformation:
    """Make an optimizer around another, whose state is the inner one's; what it does not say is as that says.

    Args:
        needs: beside the inner one's. readout, measure: None is the inner one's.
    """
    return Transformation(
        init,
        update,
        needs=needs_of(inner) | frozenset(needs),
        readout=readout or readout_of(inner),
        measure=measure or measures_of(inner),
        rates=getattr(inner, "rates", None),
        norm_held_by=norm_held_by(inner),
    )


def after(calls: Calls | None) -> Calls | None:
    """What schedules go by at the next update."""
    return None if calls is None else calls._replace(count=calls.count + calls.every)
