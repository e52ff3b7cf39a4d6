"""Call the functions of an optimizer, and look at what they return while they are traced. started, updated_once,
check_alike.

What is wrong is a RuleError, the same for a run, a sweep and a comparison; where the code is, the app knows.
"""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from padl.optimizers.slots import form_of, is_number_or_array, kind_of
from padl.optimizers.transformation import needed
from padl.rule_errors import RuleError
from padl.types import Params, PyTree

KEEP = "a state has one form at all steps"


def started(optimizer: optax.GradientTransformation, params: Params) -> PyTree:
    """Return the first state of an optimizer.

    Raises:
        RuleError: it holds something else than arrays.
    """
    state = optimizer.init(params)
    _check_arrays(state, "init of the optimizer returned a state")
    return state


def updated_once(
    optimizer: optax.GradientTransformationExtraArgs, given: Params, state: PyTree, params: Params, extras: dict
) -> tuple[Params, PyTree]:
    """Return the updates of an optimizer, and its state after them.

    Args:
        given: the gradient. extras: all that it may need by name.

    Raises:
        RuleError: it returned something else than updates of the form of the parameters, and a state of the form of the
            one before.
    """
    returned = optimizer.update(given, state, params, **needed(optimizer, extras))
    if not isinstance(returned, tuple) or len(returned) != 2:
        raise RuleError(f"update of the optimizer returns (updates, state), and not {kind_of(returned)}")
    updates, new = returned
    check_alike(updates, params, "returned updates")
    _check_arrays(new, "update of the optimizer returned a state")
    _check_kept(state, new)
    return updates, new


def check_alike(tree: PyTree, params: Params, what: str) -> None:
    """Refuse what an optimizer made that is not of the form of the parameters.

    Args:
        what: it is, in a message.

    Raises:
        RuleError: with both forms.
    """
    _check_arrays(tree, f"the optimizer {what}")
    if jax.tree.structure(tree) != jax.tree.structure(params) or _forms(tree) != _forms(params):
        raise RuleError(f"the optimizer {what} {form_of(tree)} for parameters {form_of(params)}: they must be alike")


def _check_kept(before: PyTree, after: PyTree) -> None:
    """Refuse a state of another form than the one before: a compiled loop of steps has one form for all."""
    if jax.tree.structure(before) != jax.tree.structure(after):
        raise RuleError(f"the optimizer's state {_difference(before, after)}: {KEEP}, so begin with all of it")
    for (path, x), y in zip(jax.tree.leaves_with_path(before), jax.tree.leaves(after), strict=True):
        if _form(x) != _form(y):
            raise RuleError(
                f"the optimizer's state{_at(path)} is {_form(x)} before an update and {_form(y)} after it: {KEEP}, as"
                " by x.astype(old.dtype)"
            )


def _difference(before: PyTree, after: PyTree) -> str:
    """Say where the structures of two states part."""
    old, new = ({_at(path) for path, _ in jax.tree.leaves_with_path(tree)} for tree in (before, after))
    if new - old:
        return f"has an array{_with_at(min(new - old))} after an update that it did not have before"
    if old - new:
        return f"has no array{_with_at(min(old - new))} after an update, and had one before"
    return f"is {form_of(before)} before an update and {form_of(after)} after it"


def _check_arrays(tree: PyTree, what: str) -> None:
    for path, x in jax.tree.leaves_with_path(tree):
        if not is_number_or_array(x):
            raise RuleError(
                f"{what} with {kind_of(x)}{_with_at(_at(path))}: it is made of arrays, in NamedTuples, tuples, lists"
                " and dicts"
            )


def _forms(tree: PyTree) -> list[str]:
    return list(map(_form, jax.tree.leaves(tree)))


def _form(x: Any) -> str:
    return f"{jnp.result_type(x).name}{list(jnp.shape(x))}"


def _at(path: Any) -> str:
    return jax.tree_util.keystr(path)


def _with_at(path: str) -> str:
    return f" at {path}" if path else ""
