"""What every wrapper promises, plugins too: it judges as its paper says, and keeps to what optimizers do."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from oracle_problem import follows
from rules_wrappers import READOUTS
from wrapper_names import WRAPPERS

import padl
from padl import registry
from padl.optimizers.transformation import Transformation, measures_of, needs_of, readout_of, trained
from padl.types import PadlError

PARAMS = {"kernel": np.array([[1.0, -2.0, 0.5], [0.1, 3.0, -1.0]], np.float32), "bias": np.ones(3, np.float32)}
TREES = {
    "scalar": np.float32(1.5),
    "empty": {},
    "no leaves": {"a": None, "b": ()},
    "nested": {"a": [np.ones(2, np.float32), (np.ones((1, 2), np.float32),)], "b": {"kernel": np.ones((2, 2))}},
    "no elements": {"kernel": np.ones((0, 3), np.float32), "b": np.ones((2, 0, 3), np.float32)},
}
HALF = {"kernel": np.ones((2, 3)), "bias": np.ones(3)}


def height(params):
    return sum(jnp.sum(jnp.square(x)) for x in jax.tree.leaves(params))


def gradient(params):
    return jax.tree.map(lambda x: 2 * jnp.asarray(x), params)


def moved(tx, grads, state, params):
    """As the engine calls it."""
    extras = {"value": height(params), "value_fn": height, "grad": grads, "grad_fn": gradient, "key": jax.random.key(0)}
    return tx.update(grads, state, params, **{need: extras[need] for need in needs_of(tx)})


SIZES = jnp.array([0.0, 1.0, -3.0, 0.0, 1e30, 1.0, 0.0, 1.0])  # of all numbers of the gradient of each step
SMALL = 4  # of these steps


def walk(tx, params):
    """The parameters, the state and the updates after each step, and what is judged there."""

    def step(carry, size):
        params, state = carry
        grads = jax.tree.map(lambda x: jnp.full_like(x, size), params)
        updates, state = moved(tx, grads, state, params)
        params = optax.apply_updates(params, updates)
        return (params, state), (params, state, updates, readout_of(tx)(state, params))

    return jax.lax.scan(step, (params, tx.init(params)), SIZES)[1]


def types(tree):
    return jax.tree.structure(tree), [(x.shape, x.dtype, x.weak_type) for x in jax.tree.leaves(tree)]


@pytest.mark.parametrize("name", READOUTS)
def test_what_is_judged_is_that_of_the_paper(name):
    made = getattr(padl.optimizers, name)(inner="sgd")
    if readout_of(made) is trained:
        return  # and its path is looked at with those of all rules
    with jax.enable_x64(True):
        follows(name, *READOUTS[name], judged=True)


def forms(tree):
    return jax.tree.map(lambda x: jnp.asarray(x).dtype.name + str(jnp.shape(x)), tree)


@pytest.mark.parametrize("name", WRAPPERS)
def test_it_is_an_optimizer_of_any_tree_whose_dtypes_no_gradient_changes(name):
    tx = padl.optimizer(name, inner="adam")
    half = jax.tree.map(lambda x: jnp.asarray(x, jnp.bfloat16), HALF)
    assert isinstance(tx, Transformation)
    for params, dtype in [*((tree, None) for tree in TREES.values()), (half, jnp.float32), (half, jnp.float16)]:
        params = jax.tree.map(jnp.asarray, params)
        grads = jax.tree.map(lambda x, dtype=dtype: x.astype(dtype or x.dtype), params)
        start = jax.eval_shape(tx.init, params)
        updates, state = jax.eval_shape(lambda g, s, p: moved(tx, g, s, p), grads, start, params)
        assert types(state) == types(start)
        assert types(updates) == types(jax.eval_shape(lambda p: p, params))
        judged = jax.eval_shape(readout_of(tx), state, params)
        assert types(judged)[1] == types(jax.eval_shape(lambda p: p, params))[1]
        measured = jax.eval_shape(measures_of(tx), state, updates, params)
        assert all(x.shape == () for x in measured.values())
    slots = [x for x in jax.tree.leaves(jax.eval_shape(tx.init, half)) if x.ndim]
    assert all(x.dtype == jnp.float32 for x in slots)


@pytest.mark.parametrize("name", WRAPPERS)
def test_members_of_a_batch_go_where_each_goes_alone_and_no_gradient_leaves_a_number_that_is_not_finite(name):
    """Zeros at once, one of enormous size, arrays without elements and of zeros; a second number compiles nothing."""
    entry, traces = registry.optimizer.get(name), []
    choice, numbers = entry.split({**entry.stand_ins, **entry.traits.get("shown_at", {})})
    params = {**jax.tree.map(jnp.asarray, PARAMS), "empty": jnp.zeros((0, 2)), "zero.kernel": jnp.zeros((2, 2))}

    def run(numbers):
        traces.append(1)
        return walk(choice(**numbers), params)

    alone, others = jax.jit(run), jax.tree.map(lambda x: 0.5 * x, numbers)
    results = [alone(jax.tree.map(jnp.float32, x)) for x in (numbers, others)]
    assert len(traces) == 1
    both = jax.jit(jax.vmap(run))(jax.tree.map(lambda a, b: jnp.float32([a, b]), numbers, others))
    for x in jax.tree.leaves(both):
        assert np.isfinite(np.asarray(x, np.float64)).all()
    for i, result in enumerate(results):
        for a, b in zip(jax.tree.leaves(both[3]), jax.tree.leaves(result[3]), strict=True):  # batched rounding
            np.testing.assert_allclose(a[i, :SMALL], b[:SMALL], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", WRAPPERS)
def test_without_an_inner_optimizer_it_says_what_to_give(name):
    with pytest.raises(PadlError, match=f"optimizer.inner of optimizer '{name}' has no default: give it a value"):
        padl.optimizer(name)


@pytest.mark.parametrize("name", WRAPPERS)
def test_the_memory_of_the_inner_optimizer_has_the_form_that_it_has_alone(name):
    params = jax.tree.map(jnp.asarray, PARAMS)
    tx, alone = padl.optimizer(name, inner="adam"), padl.optimizers.adam()
    within = jax.eval_shape(tx.init, params)
    within = within if jax.tree.structure(within) == jax.tree.structure(alone.init(params)) else within.inner
    assert types(within) == types(jax.eval_shape(alone.init, params))
