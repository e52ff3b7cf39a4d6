"""What of a parameter is one unit, by its role: a matrix of a stack, or what leads to one output. roles_of, unit_norm.

A wrapper with an argument `roles` is given {path: role} by a run, and infers them where it is not.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

from padl.roles import ParameterRole, Role, infer
from padl.roles.role import MAPS, parameter_name
from padl.types import Params, PyTree, at_least_float32

Roles = Mapping[str, ParameterRole]  # {path: role}
Axes = tuple[int, ...]


def roles_of(params: Params, roles: Roles | None) -> PyTree:
    """Return the role of each array, as a tree; `roles` by path, or inferred where it is None."""
    known = known_roles(params, roles)
    return jax.tree.map_with_path(lambda path, _: known[parameter_name(path)], params)


def known_roles(params: Params, roles: Roles | None) -> Roles:
    """Return `roles`, or those inferred from the names and shapes of the parameters where it is None."""
    return infer(by_path(params)) if roles is None else roles


def by_path(tree: PyTree) -> dict[str, Any]:
    """Return the leaves of a tree like the parameters, {path: leaf}."""
    return {parameter_name(path): x for path, x in jax.tree.leaves_with_path(tree)}


def matrix_axes(role: ParameterRole, ndim: int) -> Axes:
    """The axes of one of the independent arrays that may be stacked in a parameter: all but those of the stack."""
    return tuple(axis for axis in range(ndim) if axis not in role.stacked)


def input_axes(role: ParameterRole, ndim: int) -> Axes:
    """The axes over which an output of a linear map is summed; of any other parameter all that are not stacked."""
    return role.inputs if role.role in MAPS else matrix_axes(role, ndim)


def unit_norm(x: jax.Array, axes: Axes) -> jax.Array:
    """Compute Euclidean norms over some axes, which stay as 1: of numbers whose squares are too large or small too."""
    scale = jnp.max(jnp.abs(x), axis=axes, keepdims=True, initial=0)
    safe = jnp.where((scale > 0) & (scale < jnp.inf), scale, 1)
    return safe * jnp.sqrt(jnp.sum(jnp.square(x / safe), axis=axes, keepdims=True))


def array_norm(x: jax.Array) -> jax.Array:
    """Compute the Euclidean norm of a whole array, (): as `unit_norm`, 0 of one without elements."""
    return unit_norm(x, tuple(range(x.ndim))).reshape(())


def ratio(above: jax.Array, below: jax.Array) -> jax.Array:
    """Return above / below, and 0 where `below` is 0."""
    return jnp.where(below == 0, 0, above / jnp.where(below == 0, 1, below))


def wide(x: jax.Array) -> jax.Array:
    """Return an array as it is computed with, in float32 at least."""
    return x.astype(at_least_float32(x.dtype))


def each_applied(
    function: Callable[..., jax.Array],
    applies_to: tuple[Role, ...],
    roles: Roles | None,
    params: Params,
    updates: PyTree,
    *more: PyTree,
) -> PyTree:
    """Change the updates of parameters of some roles; of the others they stay.

    Args:
        function: (parameter, update, axes of one matrix, what is in `more` of it) -> update, in float32 at least.
    """

    def apply(role: ParameterRole, p: Any, u: Any, *given: Any) -> jax.Array:
        p, u = jnp.asarray(p), jnp.asarray(u)
        if role.role not in applies_to:
            return u
        return function(wide(p), wide(u), matrix_axes(role, p.ndim), *given).astype(u.dtype)

    return jax.tree.map(apply, roles_of(params, roles), params, updates, *more)


def share(flags: PyTree) -> jax.Array:
    """The share of True among the elements of a tree; 0 of a tree without any."""
    leaves = jax.tree.leaves(flags)
    total = max(1, sum(math.prod(x.shape) for x in leaves))
    return sum((jnp.sum(x, dtype=jnp.float32) for x in leaves), start=jnp.zeros((), jnp.float32)) / total


def mapped(function: Callable[..., tuple[Any, ...]], count: int, tree: PyTree, *trees: PyTree) -> tuple[PyTree, ...]:
    """Apply a function that returns several things to the arrays of a tree, and what there is for each in others.

    Returns:
        A tree of each of the `count` things.
    """
    leaves, structure = jax.tree.flatten(tree)
    others = [structure.flatten_up_to(other) for other in trees]
    rows = [function(*row) for row in zip(leaves, *others, strict=True)]
    return tuple(structure.unflatten([row[i] for row in rows]) for i in range(count))
