"""Put something around an optimizer: before its update, or after it. on_gradients, on_updates, wrapped.

A wrapper is an optimizer whose argument `inner: Optimizer` is another, so that a run names it: `optimizer.wrap=[ema]`.
"""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from optax import GradientTransformation, with_extra_args_support

from padl.optimizers.transformation import (
    Measure,
    Readout,
    Transformation,
    given_params,
    measures_of,
    needs_of,
    readout_of,
)
from padl.types import Params, PyTree

Change = Callable[[PyTree], PyTree]  # of a gradient
Link = Callable[[Params, PyTree], PyTree]  # (params, update) -> update


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
        return with_extra_args_support(inner).update(change(grads), state, params, **extras)

    return wrapped(inner, inner.init, update)


def on_updates(inner: GradientTransformation, link: Link) -> Transformation:
    """Change each update of an optimizer, by what the parameters are: a constraint on their norm, or a decay.

    Raises:
        PadlError: by its `update`, where the parameters are left out.
    """

    def update(grads: PyTree, state: Any, params: PyTree | None = None, **extras: Any) -> tuple[PyTree, Any]:
        updates, state = with_extra_args_support(inner).update(grads, state, params, **extras)
        return link(given_params(params), updates), state

    return wrapped(inner, inner.init, update)


def wrapped(
    inner: GradientTransformation,
    init: Callable[..., Any],
    update: Callable[..., Any],
    needs: Iterable[str] = (),
    readout: Readout | None = None,
    measure: Measure | None = None,
) -> Transformation:
    """Make an optimizer around another: what it does not say itself is as the one within says.

    Args:
        init, update: of the whole; without a state of its own the state is the inner one's.
        needs: beside the inner one's. readout: None where the inner one's holds for the whole state.
        measure: None likewise; the inner one's are logged beside it otherwise.
    """
    return Transformation(
        init,
        update,
        needs=needs_of(inner) | frozenset(needs),
        readout=readout or readout_of(inner),
        measure=measure or measures_of(inner),
    )
