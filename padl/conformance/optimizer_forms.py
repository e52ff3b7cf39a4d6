"""Checks of what an optimizer gives back: structures, shapes, dtypes; of any tree of parameters."""

from collections.abc import Callable
from itertools import product
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from padl.conformance.cases import case
from padl.conformance.checked_optimizer import CheckedOptimizer
from padl.conformance.checks import Failure, NotForIt, check
from padl.types import PadlError, PyTree

DTYPES = ("float32", "bfloat16", "float16")
PAIRS = tuple(product((float, np.float32), DTYPES, DTYPES))  # how numbers are given, of parameters, of gradients
TREES: dict[str, PyTree] = {
    "one number": np.float32(1.5),
    "no array": {},
    "None among arrays": {"a": np.ones(2, np.float32), "b": None},
    "an array without elements": np.ones((0, 3), np.float32),
    "an array of five axes": np.ones((2, 1, 2, 1, 2), np.float32),
    "lists and tuples": {"a": [np.ones(2, np.float32), (np.ones((1, 2), np.float32),)], "b": {"c": np.float32(2.0)}},
}


def form(tree: PyTree) -> tuple[Any, list[tuple[Any, ...]]]:
    """What `jit` and `scan` compare of a tree: its structure; shape, dtype and weak type of each leaf."""
    leaves, structure = jax.tree.flatten(tree)
    return structure, [(x.shape, x.dtype, x.weak_type) for x in leaves]


def said(of: tuple[Any, ...]) -> str:
    """`bfloat16[3, 3]`, for a line."""
    shape, dtype, weak = of
    return f"{dtype}{[*shape]}" + (" (weak type)" if weak else "")


def shapes(tree: PyTree, dtype: Any = np.float32) -> PyTree:
    """The shapes of a tree, of a dtype."""
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(np.shape(x), dtype), tree)


def step_forms(rule: CheckedOptimizer, param: str, grad: str, number: Any = float) -> tuple[PyTree, PyTree, PyTree]:
    """The shapes of the first state, of the updates and of the state after a step, with hyperparameters as numbers of
    Python or as float32 arrays."""
    params, grads = shapes(rule.start, jnp.dtype(param)), shapes(rule.start, jnp.dtype(grad))
    if number is float:
        tx = rule.made()
        before = jax.eval_shape(tx.init, params)
        updates, after = jax.eval_shape(lambda g, s, p: rule.update(tx, g, s, p), grads, before, params)
        return before, updates, after
    numbers = shapes(rule.numbers)
    before = jax.eval_shape(lambda n, p: rule.made(n).init(p), numbers, params)
    step = lambda n, g, s, p: rule.update(rule.made(n), g, s, p)  # noqa: E731
    updates, after = jax.eval_shape(step, numbers, grads, before, params)
    return before, updates, after


def _changed(before: PyTree, after: PyTree) -> str:
    """What of a state is not as it was; "" where nothing is."""
    (tree, leaves), (new_tree, new_leaves) = form(before), form(after)
    if tree != new_tree:
        return f"the state changes its structure, from {_short(tree)} to {_short(new_tree)}"
    for (path, _), one, other in zip(jax.tree.leaves_with_path(before), leaves, new_leaves, strict=True):
        if one != other:
            return f"state{jax.tree_util.keystr(path)} is {said(one)}, and after a step {said(other)}"
    return ""


def _short(tree: Any) -> str:
    text = str(tree).removeprefix("PyTreeDef(").removesuffix(")")
    return text if len(text) <= 60 else f"{text[:60]}..."


@check("optimizer", "contract")
def state_form(rule: CheckedOptimizer) -> None:
    """The state keeps its structure, shapes, dtypes and weak types, whatever the dtypes of parameters and gradients."""
    for number, param, grad in PAIRS:
        before, _, after = step_forms(rule.usual, param, grad, number)
        changed = _changed(before, after)
        if changed:
            how = "" if number is float else ", with hyperparameters that are float32 arrays"
            ending = "print(jax.tree.map(jnp.result_type, (first, state)))"
            code = _dtype_case(rule.usual, param, grad, ending, number)
            raise Failure(f"{changed} ({param} parameters, {grad} gradients{how})", code)


@check("optimizer", "contract")
def update_dtype(rule: CheckedOptimizer) -> None:
    """Updates have the structure, shapes and dtypes of the parameters, whatever the dtype of the gradients."""
    for number, param, grad in PAIRS:
        _, updates, _ = step_forms(rule.usual, param, grad, number)
        expected = shapes(rule.usual.start, jnp.dtype(param))
        if jax.tree.structure(updates) != jax.tree.structure(expected):
            code = _dtype_case(rule.usual, param, grad)
            raise Failure("the updates have another structure than the parameters", code)
        for (path, u), p in zip(jax.tree.leaves_with_path(updates), jax.tree.leaves(expected), strict=True):
            if (u.shape, u.dtype) != (p.shape, p.dtype):
                where, is_of = jax.tree_util.keystr(path), f"{p.dtype}{[*p.shape]}"
                line = f"updates{where} are {u.dtype}{[*u.shape]} for {is_of} parameters and {grad} gradients"
                ending = "print(jax.tree.map(jnp.result_type, updates))"
                raise Failure(line, _dtype_case(rule.usual, param, grad, ending, number))


def _dtype_case(rule: CheckedOptimizer, param: str, grad: str, ending: str = "", number: Any = float) -> str:
    ones = jax.tree.map(np.ones_like, rule.start)
    numbers = {} if number is float else {name: f"jnp.float32({x:g})" for name, x in rule.own_numbers.items()}
    code = case(rule, [ones], numbers, ending or "print(updates)", param, grad)
    return code.replace("state = tx.init(params)", "first = state = tx.init(params)")


@check("optimizer", "contract")
def state_arrays(rule: CheckedOptimizer) -> None:
    """The state is made of arrays of numbers alone: what a checkpoint can hold."""
    state = rule.usual.made().init(jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), rule.usual.start))
    for path, x in jax.tree.leaves_with_path(state):
        is_key = isinstance(x, jax.Array) and jnp.issubdtype(x.dtype, jax.dtypes.prng_key)
        if is_key or not isinstance(x, (jax.Array, np.ndarray, np.generic, int, float)):
            raise Failure(
                f"state{jax.tree_util.keystr(path)} is a {type(x).__name__}, which is no array of numbers",
                case(rule.usual, [rule.usual.start], ending="print(state)"),
            )


@check("optimizer", "contract")
def init_shapes(rule: CheckedOptimizer) -> None:
    """The form of the first state follows from the shapes of the parameters: `jax.eval_shape(tx.init, ...)` works."""
    tx, params = rule.usual.made(), jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), rule.usual.start)
    abstract, real = jax.eval_shape(tx.init, shapes(params)), jax.eval_shape(lambda: tx.init(params))
    if form(abstract) != form(real):
        raise Failure("init of shapes gives a state of another form than init of numbers")


@check("optimizer", "contract")
def any_tree(rule: CheckedOptimizer) -> None:
    """Any tree of parameters will do: one number, none, empty arrays, None, five axes, lists in dicts."""
    if rule.is_for_heads:
        raise NotForIt("it is for models of one form")
    tx = rule.made()
    for name, tree in TREES.items():
        params = jax.tree.map(jnp.asarray, tree)
        try:
            state = jax.eval_shape(tx.init, params)
            updates, after = jax.eval_shape(lambda g, s, p: rule.update(tx, g, s, p), params, state, params)
        except Exception as error:
            raise Failure(
                f"of {name} it raises {type(error).__name__}: {error}".splitlines()[0], _tree_case(rule, name)
            ) from error
        if jax.tree.map(jnp.shape, updates) != jax.tree.map(jnp.shape, params):
            raise Failure(f"of {name} the updates have another form", _tree_case(rule, name))
        if form(state) != form(after):
            raise Failure(f"of {name} {_changed(state, after)}", _tree_case(rule, name))


def _tree_case(rule: CheckedOptimizer, name: str) -> str:
    code = {
        "one number": "jnp.float32(1.5)",
        "no array": "{}",
        "None among arrays": "{'a': jnp.ones(2), 'b': None}",
        "an array without elements": "jnp.ones((0, 3))",
        "an array of five axes": "jnp.ones((2, 1, 2, 1, 2))",
        "lists and tuples": "{'a': [jnp.ones(2), (jnp.ones((1, 2)),)], 'b': {'c': jnp.float32(2)}}",
    }[name]
    whole = case(rule.at(0.0), [0.0])
    return whole.replace("params = jnp.array(0.)", f"params = {code}").replace(
        "grads = jnp.array(0.)", "grads = params"
    )


@check("optimizer", "contract")
def no_params(rule: CheckedOptimizer) -> None:
    """Without the parameters an update works, or says in one line that it needs them."""
    rule = rule.usual
    tx, params = rule.made(), shapes(rule.start)
    state = jax.eval_shape(tx.init, params)
    without = lambda g, s, p: tx.update(g, s, None, **rule.told(tx, p, g))  # noqa: E731
    _in_one_line(lambda: jax.eval_shape(without, params, state, params), "without the parameters", rule)


@check("optimizer", "contract")
def missing_extras(rule: CheckedOptimizer) -> None:
    """Without what it needs beside gradients and parameters an update says in one line what is missing."""
    if not rule.needs or not rule.annotated:
        raise NotForIt("it declares no needs")
    rule = rule.usual
    params, tx = shapes(rule.start), rule.made()
    state = jax.eval_shape(tx.init, params)
    step = lambda g, s, p: tx.update(g, s, p)  # noqa: E731
    _in_one_line(lambda: jax.eval_shape(step, params, state, params), f"without {', '.join(rule.needs)}", rule)


def _in_one_line(call: Callable[[], Any], when: str, rule: CheckedOptimizer) -> None:
    """Raise `Failure` where a call ends in an error that is not meant for its caller."""
    try:
        call()
    except PadlError:
        return
    except Exception as error:
        if isinstance(error, ValueError) and "param" in str(error):  # as Optax says it
            return
        code = case(rule, [rule.start]).replace(", params", ", None")
        line = f"{when} an update raises {type(error).__name__}: {str(error).splitlines()[0]}"
        raise Failure(f"{line}; say what is missing, as a padl.PadlError or a ValueError", code) from error
