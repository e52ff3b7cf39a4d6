"""A drop-in wrapper: each gradient is scaled to a norm of 1. `padl train optimizer.wrap=[unit_gradient]` uses it."""

import jax
import jax.numpy as jnp

from padl.optimizers.transformation import Transformation
from padl.optimizers.wrapping import on_gradients
from padl.registry import optimizer
from padl.types import Optimizer, PyTree, Scalar


@optimizer(family="wrapper", reference="Shor 1985, Minimization Methods for Non-Differentiable Functions")
def unit_gradient(inner: Optimizer, eps: Scalar = 1e-8) -> Transformation:
    """Unit gradient: `inner` sees which way the gradient of each array points, and not how long it is.

        g = g / (‖g‖ + eps)      for each array, before `inner`

    Args:
        inner: the optimizer that is given the gradient.
        eps: > 0, in units of the gradient: one much shorter than it stays short.
    """

    def change(grads: PyTree) -> PyTree:
        return jax.tree.map(lambda g: g / (jnp.sqrt(jnp.sum(g**2)) + eps).astype(g.dtype), grads)

    return on_gradients(inner, change)
