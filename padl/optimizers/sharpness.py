"""Follow the gradient of a point nearby where the loss is higher, so that minima are flat. sam, asam."""

from collections.abc import Callable
from typing import Annotated, Any

import jax
import jax.numpy as jnp

from padl.optimizers.transformation import Transformation, extra, given_params, updated
from padl.optimizers.units import ratio, wide
from padl.optimizers.vectors import Vector, norm
from padl.optimizers.wrapping import wrapped
from padl.registry import optimizer
from padl.types import Domain, Optimizer, Params, PyTree, Scalar

RADIUS = Domain(0.0, high_open=True, search=(0.01, 2.0), scale="log")
FLOOR = Domain(0.0, high_open=True, search=(1e-3, 1e-1), scale="log")

Ascent = Callable[[PyTree, Params], PyTree]  # (gradient, params) -> the way to the point nearby, in float32 at least


@optimizer(family="wrapper", reference="Foret et al. 2021, arXiv:2010.01412, algorithm 1 with p = 2")
def sam(inner: Optimizer, radius: Annotated[Scalar, RADIUS] = 0.05) -> Transformation:
    """SAM: the gradient is taken where the loss within a ball is highest, to first order.

        ε = ρ g / ‖g‖, all parameters together      g = ∇L(θ + ε), of the same batch      then `inner`, at θ

    Each step computes two gradients. Of a gradient of zeros ε is 0.

    Args:
        inner: the optimizer that is given the second gradient. radius: ρ >= 0, in units of the parameter. 0 is `inner`.
    """

    def ascent(grads: PyTree, params: Params) -> PyTree:
        length = norm(Vector(wide(g) for g in jax.tree.leaves(grads)))
        return jax.tree.map(lambda g: radius * ratio(wide(g), length.astype(wide(g).dtype)), grads)

    return _ascending(inner, ascent)


@optimizer(family="wrapper", reference="Kwon et al. 2021, arXiv:2102.11600, algorithm 1, element-wise")
def asam(
    inner: Optimizer, radius: Annotated[Scalar, RADIUS] = 0.5, floor: Annotated[Scalar, FLOOR] = 0.01
) -> Transformation:
    """ASAM: `sam` in a region whose size goes with each parameter, so that the scale of the weights does not matter.

        T = |θ| + η      ε = ρ T² g / ‖T g‖, all parameters together      g = ∇L(θ + ε)      then `inner`, at θ

    T is of all parameters here; the official code has T = 1 for those that are not called `weight`.

    Args:
        inner: the optimizer that is given the second gradient. radius: ρ >= 0, in multiples of T. 0 is `inner`.
        floor: η >= 0, in units of the parameter, so that a parameter at 0 moves too.
    """

    def ascent(grads: PyTree, params: Params) -> PyTree:
        sizes = jax.tree.map(lambda g, p: jnp.abs(wide(p)) + floor, grads, params)
        scaled = jax.tree.map(lambda t, g: t * wide(g), sizes, grads)
        length = norm(Vector(jax.tree.leaves(scaled)))
        return jax.tree.map(lambda t, x: radius * t * ratio(x, length.astype(x.dtype)), sizes, scaled)

    return _ascending(inner, ascent)


def _ascending(inner: Any, ascent: Ascent) -> Transformation:
    """Give an optimizer gradients of the points nearby: the one of each step, and those that it asks for elsewhere."""

    def update(grads: PyTree, state: Any, params: PyTree | None = None, **extras: Any) -> tuple[PyTree, Any]:
        grad_fn, point = extra(extras, "grad_fn"), jax.tree.map(jnp.asarray, given_params(params))

        def nearby(grads: PyTree, at: Params) -> PyTree:
            way = ascent(jax.tree.map(jnp.asarray, grads), at)
            return grad_fn(jax.tree.map(lambda p, e: (wide(p) + e).astype(p.dtype), at, way))

        extras = {**extras, "grad_fn": lambda at: nearby(grad_fn(at), at)}
        return updated(inner, nearby(grads, point), state, params, extras)

    return wrapped(inner, inner.init, update, needs=("grad_fn",))
