"""Lifts a rule written for one matrix to trees, by the roles of the parameters. matrixwise, matrices_and_others,
each_matrix, short_first.

A rule is two functions in the letters of its paper, where W is m × n, m outputs and n inputs, however its array lies:

    init(W) -> slots                    a NamedTuple of arrays
    direction(G, s, W, t) -> D, slots   G: the gradient, m × n; s: the slots; t: the step, 1 at the first

A convolution is the matrix of its outputs by its window and inputs. Of a stack (scanned layers, experts, heads that are
declared so) and of parts (query, key and value in one kernel) each matrix is one for itself, with slots of its own.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from optax import GradientTransformation

from padl.optimizers.groups import OptimizerGroup, grouped
from padl.optimizers.leafwise import PARAMS, ROLE, Rule, leafwise
from padl.optimizers.rounding import Policy
from padl.optimizers.slots import are_both, are_slots
from padl.optimizers.transformation import Transformation
from padl.optimizers.units import Roles, known_roles
from padl.roles import ParameterRole, Role
from padl.roles.role import MAPS
from padl.rule_errors import check_call
from padl.types import PadlError

MATRICES: tuple[Role, ...] = ("matrix", "convolution")  # what rules for matrices are for, unless they are told


class MatrixForm(NamedTuple):
    """How an array is a stack of matrices.

    Attributes:
        shape: of the array. axes: its axes, those of the stack, of outputs, of inputs. count, m, n: of the stack, in
            which parts of the outputs are matrices of their own.
    """

    shape: tuple[int, ...]
    axes: tuple[int, ...]
    count: int
    m: int
    n: int

    def matrices(self, x: jax.Array) -> jax.Array:
        """Return the matrices of an array, (count, m, n)."""
        return x.transpose(self.axes).reshape(self.count, self.m, self.n)

    def array(self, matrices: jax.Array) -> jax.Array:
        """Return the array of matrices; the inverse of `matrices`."""
        back = tuple(self.axes.index(axis) for axis in range(len(self.axes)))
        return matrices.reshape([self.shape[axis] for axis in self.axes]).transpose(back)


def form_of(shape: tuple[int, ...], role: ParameterRole) -> MatrixForm:
    """Return how a parameter is a stack of matrices; PadlError for one that is no linear map, or has no such parts."""
    if role.role not in MAPS:
        raise PadlError(
            f"a parameter of the role '{role.role}' is no matrix: give it another optimizer, by `others` of a rule"
            " for matrices or by optimizer.groups"
        )
    count, m, n = (math.prod(shape[axis] for axis in axes) for axes in (role.stacked, role.outputs, role.inputs))
    if m % role.parts:
        raise PadlError(
            f"a parameter of shape {list(shape)} has {m} outputs, which are not {role.parts} parts of one size"
        )
    axes = (*role.stacked, *role.outputs, *role.inputs)
    return MatrixForm(shape, axes, count * role.parts, m // role.parts, n)


def matrixwise(
    init: Callable[[jax.Array], Any],
    direction: Callable[..., tuple[jax.Array, Any]],
    roles: Roles | None,
    mirrors: tuple[str, ...] = (),
    needs: tuple[str, ...] = (),
    dtypes: Policy | None = None,
    decomposes: bool = False,
    shared: tuple[Any, Callable[[Any, jax.Array], Any]] | None = None,
) -> Rule:
    """Lift a rule for one matrix to trees of parameters that are linear maps.

    Args:
        init: W -> slots. direction: (G, s, W, t) -> (D, slots); what it needs comes by name. W is None where a caller
            of `update` leaves the parameters out and the rule does not need them.
        roles: {path: role}; None infers them.
        mirrors: the slots that are m × n, which are kept in the form of the parameter.
        needs: as of `leafwise`. dtypes: {slot: what it is stored in}.
        decomposes: whether it calls eigh, qr, svd or their like, which are done for one matrix of a stack after the
            other: JAX before 0.12 may hang on several at once on a CPU.
        shared: as of `leafwise`; the direction is then (G, s, W, t, shared) -> (D, slots).
    """

    by_position = "G, s, W, t, shared" if shared else "G, s, W, t"
    check_call(init, "init of a rule", "W")
    check_call(direction, "direction of a rule", by_position, [need for need in needs if need != PARAMS])

    def kept(form: MatrixForm, slots: Any) -> Any:
        return slots._replace(**{name: form.array(getattr(slots, name)) for name in mirrors})

    def init_array(p: jax.Array, role: ParameterRole) -> Any:
        form = form_of(p.shape, role)
        return kept(form, jax.vmap(lambda W: are_slots(init(W), init))(form.matrices(p)))

    def direct_array(g, s, p, t, *now: Any, role: ParameterRole, **more: Any) -> tuple[jax.Array, Any]:
        form = form_of(g.shape, role)
        slots = s._replace(**{name: form.matrices(getattr(s, name)) for name in mirrors})
        points = None if p is None else form.matrices(p)
        keys = {"key": jax.random.split(more.pop("key"), form.count)} if "key" in more else {}

        def one(matrix: Any) -> tuple[jax.Array, Any]:
            g, s, p, key = matrix
            return are_both(direction(g, s, p, t, *now, **more, **key), s, direction)

        stack = (form.matrices(g), slots, points, keys)
        d, new = each_matrix(one, stack, form.count, decomposes)
        return form.array(d), kept(form, new)

    return leafwise(init_array, direct_array, needs=(*needs, ROLE), shared=shared, dtypes=dtypes, roles=roles)


def short_first(X: jax.Array, G: jax.Array) -> jax.Array:
    """Return X, or its transpose where G has not fewer rows than columns; done twice it is X."""
    return X if G.shape[0] < G.shape[1] else X.T


def each_matrix(function: Callable[[Any], Any], stack: Any, count: int, one_by_one: bool) -> Any:
    """Apply a function to each matrix of a stack."""
    if count == 1:
        return jax.tree.map(lambda x: x[None], function(jax.tree.map(lambda x: x[0], stack)))
    return jax.lax.map(function, stack) if one_by_one else jax.vmap(function)(stack)


def matrices_and_others(
    matrices: GradientTransformation,
    others: GradientTransformation,
    roles: Roles | None,
    applies_to: tuple[Role, ...] = MATRICES,
) -> Transformation:
    """Give parameters of some roles one optimizer, and all others another.

    Args:
        matrices: of `applies_to`. others: of all other parameters, with a learning rate of its own.
        roles: {path: role}; None infers them.
    """

    def assign(params: Any) -> dict[str, str]:
        named = known_roles(params, roles).items()
        return {path: "matrices" if role.role in applies_to else "others" for path, role in named}

    return grouped({"matrices": OptimizerGroup(matrices), "others": OptimizerGroup(others)}, assign)
