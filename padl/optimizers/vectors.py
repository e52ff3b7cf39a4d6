"""A tree of arrays as one vector, so that a rule over all parameters reads as in its paper. Vector; dot, norm, total,
random_signs.

    d = r / total(abs(s))      x = x - rate * g / norm(g)      y = each(jnp.sqrt, v)

Arithmetic is elementwise, with another vector of the same form or with a scalar.
"""

import operator
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from padl.types import Key


@jax.tree_util.register_pytree_node_class
class Vector:
    """Arrays that are one vector together.

    Attributes:
        arrays: its parts, of floating point, each of any shape.
    """

    def __init__(self, arrays: Any):
        self.arrays: tuple[jax.Array, ...] = tuple(arrays)

    def tree_flatten(self) -> tuple[tuple[jax.Array, ...], None]:
        """Take it apart, as JAX asks."""
        return self.arrays, None

    @classmethod
    def tree_unflatten(cls, _: None, arrays: Any) -> "Vector":
        """Put it together, as JAX asks."""
        return cls(arrays)

    def _with(self, function: Callable[..., Any], other: Any, swapped: bool = False) -> "Vector":
        if isinstance(other, Vector):
            return Vector(map(function, self.arrays, other.arrays))
        pairs = [(x, jnp.asarray(other, x.dtype)) for x in self.arrays]
        return Vector(function(y, x) if swapped else function(x, y) for x, y in pairs)

    def __add__(self, other: Any) -> "Vector":
        return self._with(operator.add, other)

    def __sub__(self, other: Any) -> "Vector":
        return self._with(operator.sub, other)

    def __rsub__(self, other: Any) -> "Vector":
        return self._with(operator.sub, other, swapped=True)

    def __mul__(self, other: Any) -> "Vector":
        return self._with(operator.mul, other)

    def __truediv__(self, other: Any) -> "Vector":
        return self._with(operator.truediv, other)

    def __rtruediv__(self, other: Any) -> "Vector":
        return self._with(operator.truediv, other, swapped=True)

    __radd__, __rmul__ = __add__, __mul__

    def __pow__(self, power: int) -> "Vector":
        return Vector(x**power for x in self.arrays)

    def __neg__(self) -> "Vector":
        return Vector(-x for x in self.arrays)

    def __abs__(self) -> "Vector":
        return Vector(map(jnp.abs, self.arrays))


def each(function: Callable[..., jax.Array], *vectors: Vector) -> Vector:
    """Apply an elementwise function, or any one of arrays, to the parts of vectors of one form: each(jnp.sqrt, v)."""
    return Vector(map(function, *(v.arrays for v in vectors)))


def zeros_like(v: Vector) -> Vector:
    """Make the vector 0 of this form."""
    return each(jnp.zeros_like, v)


def total(v: Vector) -> jax.Array:
    """Sum all elements, in float32 at least; 0 of a vector without any."""
    sums = [jnp.sum(x) for x in v.arrays]
    dtype = jnp.result_type(*sums) if sums else jnp.float32
    return sum((s.astype(dtype) for s in sums), start=jnp.zeros((), dtype))


def dot(u: Vector, v: Vector) -> jax.Array:
    """Compute the inner product of two vectors of one form."""
    return total(u * v)


def norm(v: Vector) -> jax.Array:
    """Compute the Euclidean norm."""
    return jnp.sqrt(dot(v, v))


def random_signs(key: Key, v: Vector) -> Vector:
    """Draw 1 or -1 for each element, of one form with v: what a diagonal or a trace is estimated with.

    Args:
        key: of this step.
    """
    keys = (jax.random.fold_in(key, i) for i in range(len(v.arrays)))
    return Vector(jax.random.rademacher(k, x.shape, x.dtype) for k, x in zip(keys, v.arrays, strict=True))
