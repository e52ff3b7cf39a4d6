"""Functions with a kink, and which of its slopes is the gradient there. absolute, at_least_0, above_0.

JAX's own take another: jnp.abs has the slope 1 at 0, jnp.maximum(a, 0) has ½. These are torch's. None hides a NaN.
"""

import jax
import jax.numpy as jnp


@jax.custom_jvp
def absolute(a: jax.Array) -> jax.Array:
    """|a|, with slope 0 at 0."""
    return jnp.abs(a)


@absolute.defjvp
def _absolute_jvp(primals, tangents):
    (a,), (da,) = primals, tangents
    return jnp.abs(a), jax.lax.stop_gradient(jnp.sign(a)) * da


def at_least_0(a: jax.Array) -> jax.Array:
    """max(a, 0), with slope 1 at 0: that of `torch.clamp_min`, where the hinge is still pulled."""
    return jnp.where(a < 0, 0, a)


def above_0(a: jax.Array) -> jax.Array:
    """max(a, 0), with slope 0 at 0: that of torch's multi-margin losses, where a reached margin is at rest."""
    return jnp.where(a <= 0, 0, a)


def weighed(weight: jax.Array, cost: jax.Array) -> jax.Array:
    """weight × cost, where what never comes costs nothing: 0 × ∞ is 0, with slope 0 in the cost and in the weight."""
    return weight * counted(weight, cost)


def counted(weight: jax.Array, cost: jax.Array) -> jax.Array:
    """The cost, 0 where it is ±∞ and never comes."""
    return jnp.where((weight == 0) & jnp.isinf(cost), 0, cost)
