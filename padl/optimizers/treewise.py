"""Lifts a rule over all parameters together, as one vector: its scalars may be sums over the whole tree. treewise,
slot_measure.

The two functions are those of `leafwise` in the same letters, where g, p and slots like p are a `Vector`:

    def direction(g, s, p, t):
        r = s.r + dot(g, s.start - p)
        ...

Dtypes, the count and the learning rate are as there; a slot that is a scalar keeps the dtype that it begins with.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from padl.optimizers.leafwise import (
    PARAMS,
    Rule,
    State,
    compute_dtype,
    keys_of,
    points_of,
    real,
)
from padl.optimizers.rounding import Policy, is_stochastic, stochastically_rounded, with_key
from padl.optimizers.slots import are_both, are_slots
from padl.optimizers.transformation import Measure, extra
from padl.optimizers.vectors import Vector
from padl.rule_errors import check_call
from padl.types import Key, PyTree


class Form(NamedTuple):
    """How a vector lies in a tree.

    Attributes:
        tree: its structure. dtypes: that each array is computed in. params: the parameters; None where left out.
    """

    tree: Any
    dtypes: tuple[Any, ...]
    params: PyTree = None

    def vector(self, tree: PyTree) -> Vector:
        """Make a vector of a tree."""
        return Vector(jnp.asarray(x).astype(d) for x, d in zip(self.tree.flatten_up_to(tree), self.dtypes, strict=True))

    def point(self, vector: Vector) -> PyTree:
        """Make parameters of a vector, in their own dtypes."""
        like = self.tree.flatten_up_to(self.params)
        return self.tree.unflatten([x.astype(jnp.result_type(p)) for x, p in zip(vector.arrays, like, strict=True)])


def treewise(
    init: Callable[[Vector], Any],
    direction: Callable[..., tuple[Vector, Any]],
    needs: tuple[str, ...] = (),
    dtypes: Policy | None = None,
) -> Rule:
    """Lift a rule for one vector to trees.

    Args:
        init: p -> slots: a NamedTuple of vectors like p and of scalars, or () for none. Of a vector without arrays too.
        direction: (g, s, p, t) -> (d, slots); what it needs comes by name.
        needs: "params", so that p is never None; "learning_rate", "value", "key" of this step; "grad", "grad_fn" and
            "value_fn" in vectors: these need the parameters.
        dtypes: {slot: what it is stored in}.
    """
    policy = dtypes or {}
    by_name = [need for need in needs if need != PARAMS]
    check_call(init, "init of a rule", "p")
    check_call(direction, "direction of a rule", "g, s, p, t", by_name)
    random = is_stochastic(policy)

    def init_tree(params: PyTree) -> State:
        leaves, tree = jax.tree.flatten(real(params))
        slots = are_slots(init(Vector(p.astype(compute_dtype(p)) for p in leaves)), init)
        return State(jnp.zeros((), jnp.int32), (), _first_stored(slots, tree, policy))

    def direct_tree(grads: PyTree, state: State, params: PyTree, extras: Mapping[str, Any]) -> tuple[PyTree, State]:
        leaves, tree = jax.tree.flatten(real(grads, "gradients"))
        points = points_of(params, tree, needs)
        form = Form(
            tree, tuple(compute_dtype(g if p is None else p) for g, p in zip(leaves, points, strict=True)), params
        )
        given = {need: _in_vectors(need, extra(extras, need), form) for need in by_name}
        count = state.count + 1
        p = None if params is None else form.vector(tree.unflatten(points))
        slots = _loaded(init, state.slots, form)
        d, new = are_both(direction(form.vector(grads), slots, p, count.astype(float), **given), slots, direction)
        keys = keys_of(extra(extras, "key"), grads) if random else []
        return tree.unflatten(d.arrays), State(count, (), _stored(new, state.slots, tree, policy, keys))

    return Rule(init_tree, direct_tree, with_key(needs, policy))


def _in_vectors(need: str, given: Any, form: Form) -> Any:
    """What a rule needs, of vectors in the place of trees; numbers as arrays."""
    if need == "grad":
        return form.vector(given)
    if need == "grad_fn":
        return lambda v: form.vector(given(form.point(v)))
    if need == "value_fn":
        return lambda v: given(form.point(v))
    return given if need == "key" else jnp.asarray(given, float)


def _first_stored(slots: Any, tree: Any, policy: Policy) -> Any:
    """The slots that a rule begins with, as trees and scalars."""

    def store(name: str, x: Any) -> Any:
        if not isinstance(x, Vector):
            return jnp.asarray(x, jnp.asarray(x).dtype)  # of no weak type, so that a scan keeps it
        low = policy.get(name) is not None
        return tree.unflatten([part.astype(jnp.bfloat16) if low else part for part in x.arrays])

    return _each_slot(store, slots)


def _loaded(init: Callable[[Vector], Any], slots: Any, form: Form) -> Any:
    """The slots as vectors and scalars."""
    kinds = jax.eval_shape(lambda: init(Vector(())))
    return _each_slot(lambda name, x: form.vector(x) if isinstance(getattr(kinds, name), Vector) else x, slots)


def _stored(new: Any, old: Any, tree: Any, policy: Policy, keys: list[Key]) -> Any:
    """The slots as trees and scalars, in the dtypes that they had."""

    def store(name: str, x: Any) -> Any:
        before = getattr(old, name)
        if not isinstance(x, Vector):
            return jnp.asarray(x).astype(before.dtype)
        if policy.get(name) == "bfloat16_stochastic":
            number = list(policy).index(name)
            return tree.unflatten(
                [
                    stochastically_rounded(part, jax.random.fold_in(key, number))
                    for part, key in zip(x.arrays, keys, strict=True)
                ]
            )
        parts = zip(x.arrays, tree.flatten_up_to(before), strict=True)
        return tree.unflatten([part.astype(kept.dtype) for part, kept in parts])

    return _each_slot(store, new)


def _each_slot(function: Callable[[str, Any], Any], slots: Any) -> Any:
    """Apply (name, slot) -> slot to the slots of a rule; () stays."""
    if not slots:
        return slots
    return type(slots)(*(function(name, getattr(slots, name)) for name in slots._fields))


def slot_measure(**slots: str) -> Measure:
    """Make what measures slots that are scalars: {name of the measure: slot}."""
    return lambda state, updates, params: {name: getattr(state.slots, slot) for name, slot in slots.items()}
