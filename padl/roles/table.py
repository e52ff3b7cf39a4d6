"""The roles of all parameters as plain rows, and what was inferred in one line. RoleRow, roles_table, roles_line."""

from collections.abc import Sequence
from typing import NamedTuple

import jax

from padl.errors import PadlError
from padl.roles.role import ParameterRole, Role, Source, fitted, parameter_name
from padl.types import Params, PyTree

MOST = 6  # parameters that one line names


class RoleRow(NamedTuple):
    """A parameter: its dotted path and shape, and what `ParameterRole` says of it."""

    path: str
    shape: tuple[int, ...]
    role: Role
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    stacked: tuple[int, ...]
    source: Source
    parts: int = 1


def roles_table(params: Params, roles: PyTree) -> list[RoleRow]:
    """Make a row for each parameter, in the order of JAX's leaves.

    Args:
        params: a tree of arrays, or of their shapes. roles: a tree of `ParameterRole` of the same structure.

    Raises:
        PadlError: the two have not one structure, or a role names an axis that its array does not have.
    """
    leaves, tree = jax.tree_util.tree_flatten_with_path(params)
    of_roles, structure = jax.tree.flatten(roles)
    if structure != tree or not all(isinstance(role, ParameterRole) for role in of_roles):
        raise PadlError(f"roles must be a ParameterRole for each parameter, and they are {structure} for {tree}")
    rows = []
    for (path, leaf), role in zip(leaves, of_roles, strict=True):
        name, shape = parameter_name(path), tuple(getattr(leaf, "shape", ()))
        if fitted(role, shape, name) != role:
            raise PadlError(f"role {role} of {name}: the array has {len(shape)} axes, and each is to be named")
        rows.append(RoleRow(name, shape, role.role, role.inputs, role.outputs, role.stacked, role.source, role.parts))
    return rows


def roles_line(table: Sequence[RoleRow]) -> str:
    """Say which roles were inferred, in one line; "" where none was.

    >>> roles_line(table)
    'roles inferred for 2 of 6 parameters: last.kernel head, temperature other'
    """
    inferred = [f"{row.path} {row.role}" for row in table if row.source == "inferred"]
    if not inferred:
        return ""
    more = f" and {len(inferred) - MOST} more" if len(inferred) > MOST else ""
    count = f"{len(inferred)} of {len(table)} parameter{'' if len(table) == 1 else 's'}"
    return f"roles inferred for {count}: {', '.join(inferred[:MOST])}{more}"
