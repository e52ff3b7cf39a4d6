"""What every registered optimizer promises, plugins too: its state, its dtypes, traced numbers, Optax's wrappers."""

import itertools
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import padl
from padl import registry

NAMES = [name for name in padl.names("optimizer") if not registry.optimizer.get(name).stand_ins]  # wrappers: their own
DTYPES = ("bfloat16", "float16", "float32")
PARAMS = {"w": np.array([[1.0, -2.0, 0.5], [0.1, 3.0, -1.0]], np.float32), "b": np.array([0.5, -0.25, 2.0], np.float32)}
GRADS = {"w": np.array([[0.3, -1.0, 2.0], [5.0, -0.01, 1.0]], np.float32), "b": np.array([1.0, -2.0, 0.7], np.float32)}
TREES = {
    "scalar": 1.5,
    "array": np.ones(3, np.float32),
    "empty": {},
    "no leaves": {"a": None, "b": ()},
    "nested": {"a": [np.ones(2, np.float32), (np.ones((1, 2), np.float32),)], "b": {"c": np.float32(2.0)}},
    "with None": {"a": np.ones(2, np.float32), "b": None},
    "no elements": np.ones((0, 3), np.float32),
}


def loss(params):
    return sum(jnp.sum(jnp.square(x)) for x in jax.tree.leaves(params))


def update(tx, grads, state, params):
    """As the engine calls it."""
    return tx.update(grads, state, params, value=loss(params), grad=grads, value_fn=loss)


@cache
def jitted(name):
    """The optimizer with its init and its update compiled, shared by the tests of its wrappers."""
    tx = padl.optimizer(name)
    extra = jax.jit(lambda g, s, p: update(tx, g, s, p))
    return tx._replace(init=jax.jit(tx.init), update=lambda updates, state, params, **_: extra(updates, state, params))


def one_step(name):
    tx = jitted(name)
    return update(tx, GRADS, tx.init(PARAMS), PARAMS)


def types(tree):
    """The structure of a tree, and of each leaf what `jit` and `scan` compare: shape, dtype, weak type."""
    leaves, structure = jax.tree.flatten(jax.eval_shape(lambda: tree) if not _is_abstract(tree) else tree)
    return structure, [(x.shape, x.dtype, x.weak_type) for x in leaves]


def _is_abstract(tree):
    return all(isinstance(x, jax.ShapeDtypeStruct) for x in jax.tree.leaves(tree))


def close(actual, expected):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-6), actual, expected)  # float32, fused or not


def slots(tx, state):
    """The leaves of a state that mirror the parameters, and those that do not."""
    marked = optax.tree.map_params(tx, lambda slot: None, state)
    others = jax.tree.leaves(marked)
    mirrors = [x for x in jax.tree.leaves(state) if not any(x is y for y in others)]
    return mirrors, others


pytestmark = pytest.mark.parametrize("name", NAMES)


def test_the_state_is_a_named_tuple_of_trees_like_the_parameters_beside_scalars(name):
    tx = padl.optimizer(name)
    state = tx.init(PARAMS)
    assert hasattr(state, "_fields")
    mirrors, others = slots(tx, state)
    shapes = [x.shape for x in jax.tree.leaves(PARAMS)]
    assert [x.shape for x in mirrors] == shapes * (len(mirrors) // len(shapes))
    assert [x.shape for x in others] == [()] * len(others)


def test_init_looks_at_the_shapes_of_the_parameters_only(name):
    tx = padl.optimizer(name)
    shapes = jax.eval_shape(lambda: jax.tree.map(jnp.asarray, PARAMS))
    assert types(jax.eval_shape(tx.init, shapes))[0] == jax.tree.structure(tx.init(PARAMS))


@pytest.mark.parametrize(("param", "grad"), [*itertools.product(DTYPES, DTYPES)])
def test_no_dtype_of_the_state_ever_depends_on_the_gradient(name, param, grad):
    tx = padl.optimizer(name)
    params = jax.eval_shape(lambda: jax.tree.map(lambda p: jnp.asarray(p, param), PARAMS))
    grads = jax.eval_shape(lambda: jax.tree.map(lambda p: jnp.asarray(p, grad), PARAMS))
    state = start = jax.eval_shape(tx.init, params)
    for _ in range(2):
        updates, state = jax.eval_shape(lambda g, s, p: update(tx, g, s, p), grads, state, params)
        assert types(updates) == types(params)
        assert types(state) == types(start)
    for slot in slots(tx, start)[0]:
        assert slot.dtype == jnp.float32


def test_without_parameters_updates_come_back_in_the_dtype_of_the_gradients(name):
    tx = padl.optimizer(name)
    grads = jax.tree.map(lambda g: jnp.asarray(g, jnp.bfloat16), GRADS)
    try:
        updates, _ = jax.eval_shape(tx.update, grads, jax.eval_shape(tx.init, grads))
    except padl.PadlError:
        return  # needs them, and says so
    assert types(updates) == types(grads)


@pytest.mark.parametrize("tree", TREES)
def test_any_tree_of_parameters_will_do(name, tree):
    tx = padl.optimizer(name)
    params = jax.tree.map(jnp.asarray, TREES[tree])
    state = jax.eval_shape(tx.init, params)
    updates, new = jax.eval_shape(lambda g, s, p: update(tx, g, s, p), params, state, params)
    assert types(new) == types(state)
    assert jax.tree.map(jnp.shape, updates) == jax.tree.map(jnp.shape, params)


def test_a_scan_of_twenty_steps_keeps_its_carry_and_lowers_a_bowl(name):
    tx = padl.optimizer(name)
    params = jax.tree.map(lambda p: jnp.asarray(p, jnp.bfloat16), PARAMS)

    def step(carry, _):
        params, state = carry
        grads = jax.tree.map(lambda g: g.astype(jnp.float32), jax.grad(loss)(params))
        updates, state = update(tx, grads, state, params)
        return (optax.apply_updates(params, updates), state), loss(params)

    start = (params, tx.init(params))
    end, losses = jax.jit(lambda c: jax.lax.scan(step, c, length=20))(start)
    assert types(end) == types(start)
    assert float(losses[-1]) <= float(losses[0])


# What is optimised


@pytest.mark.parametrize(
    ("bad", "found"),
    [(1 + 2j, "complex64: optimise the real and the imaginary part"), (3, "int32"), (True, "bool")],
)
def test_parameters_that_are_not_of_real_floating_point_are_refused_in_one_line(name, bad, found):
    tx = padl.optimizer(name)
    with pytest.raises(padl.PadlError, match=rf"parameters\['a'\]\[0\] are {found}"):
        tx.init({"a": [jnp.asarray(bad)], "b": PARAMS["b"]})
    state = tx.init(PARAMS)
    with pytest.raises(padl.PadlError, match=rf"gradients\['b'\] are {found}"):
        tx.update({**GRADS, "b": jnp.full(3, bad)}, state, PARAMS)


def test_a_python_float_is_a_parameter_as_in_optax(name):
    tx, theirs = padl.optimizer(name, learning_rate=0.1), optax.sgd(0.1)
    updates, _ = tx.update(0.3, tx.init(1.5), 1.5)
    of_array, _ = tx.update(jnp.float32(0.3), tx.init(jnp.float32(1.5)), jnp.float32(1.5))
    assert jnp.result_type(updates) == jnp.result_type(theirs.update(0.3, theirs.init(1.5), 1.5)[0])
    assert float(updates) == float(of_array)


@pytest.mark.parametrize("dtype", DTYPES)
def test_no_dtype_is_promoted_in_silence(name, dtype):
    make, scalars = registry.optimizer.get(name).split({})
    params, grads = (jax.tree.map(lambda x: jnp.asarray(x, dtype), tree) for tree in (PARAMS, GRADS))
    with jax.numpy_dtype_promotion("strict"):
        for numbers in (scalars, jax.tree.map(jnp.float32, scalars)):
            tx = make(**numbers)
            jax.eval_shape(lambda g, p, tx=tx: update(tx, g, tx.init(p), p), grads, params)


# Hyperparameters are data


def test_a_second_value_of_any_number_compiles_nothing_and_vmap_takes_many(name):
    choice, numbers = registry.optimizer.get(name).split({})
    assert numbers.keys() == {k for k, h in registry.optimizer.get(name).hyperparameters.items() if h.traced}
    traces = []

    def two_steps(numbers, params):
        traces.append(1)
        tx = choice(**numbers)
        state = tx.init(params)
        for _ in range(2):
            updates, state = update(tx, GRADS, state, params)
            params = optax.apply_updates(params, updates)
        return params

    run = jax.jit(two_steps)
    params = jax.tree.map(jnp.asarray, PARAMS)
    others = {k: 0.5 * v for k, v in numbers.items()}
    first, second = run(numbers, params), run(others, params)
    assert len(traces) == 1
    for values, result in ((numbers, first), (others, second)):
        # a constant 1 - b2 is rounded in float64, a traced one in float32: 6e-5 of it apart
        constant = two_steps(values, params)
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4), result, constant)
    both = jax.vmap(two_steps, (0, None))(jax.tree.map(lambda a, b: jnp.stack([a, b]), numbers, others), params)
    for i, alone in enumerate((first, second)):
        jax.tree.map(lambda a, b, i=i: np.testing.assert_allclose(a[i], b, rtol=1e-5), both, alone)  # batched rounding


@pytest.mark.parametrize("number", [float, jnp.float32])
def test_one_compilation_serves_the_first_step_and_all_after_it(name, number):
    choice, numbers = registry.optimizer.get(name).split({})
    numbers = {k: number(v) for k, v in numbers.items()}
    params = jax.tree.map(jnp.asarray, PARAMS)
    state = start = jax.eval_shape(lambda numbers: choice(**numbers).init(params), numbers)
    for _ in range(2):
        state = jax.eval_shape(lambda n, s: update(choice(**n), GRADS, s, params)[1], numbers, state)
        assert types(state) == types(start)


# Optax's wrappers


def test_map_params_reaches_the_slots_and_leaves_the_count(name):
    tx = jitted(name)
    _, state = one_step(name)
    doubled = optax.tree.map_params(tx, lambda s, p: s.astype(jnp.bfloat16).reshape(p.shape), state, PARAMS)
    mirrors, others = slots(tx, state)
    kinds = [x.dtype for x in jax.tree.leaves(doubled)]
    assert kinds.count(jnp.bfloat16) == len(mirrors)
    assert len(kinds) == len(mirrors) + len(others)


def test_masked_leaves_the_rest_of_the_gradient_as_it_is(name):
    tx = optax.masked(jitted(name), {"w": True, "b": False})
    updates, _ = update(tx, GRADS, tx.init(PARAMS), PARAMS)
    np.testing.assert_array_equal(updates["b"], GRADS["b"])
    alone = jitted(name)
    part, _ = update(alone, {"w": GRADS["w"]}, alone.init({"w": PARAMS["w"]}), {"w": PARAMS["w"]})
    close(updates["w"], part["w"])


def test_partition_gives_every_group_its_own(name):
    tx = optax.partition({"this": jitted(name), "still": optax.set_to_zero()}, {"w": "this", "b": "still"})
    updates, _ = update(tx, GRADS, tx.init(PARAMS), PARAMS)
    assert not np.asarray(updates["b"]).any()
    alone = jitted(name)
    part, _ = update(alone, {"w": GRADS["w"]}, alone.init({"w": PARAMS["w"]}), {"w": PARAMS["w"]})
    close(updates["w"], part["w"])


def test_multi_steps_moves_at_every_second_call_by_the_mean_gradient(name):
    tx = optax.MultiSteps(jitted(name), every_k_schedule=2)
    state = tx.init(PARAMS)
    small = jax.tree.map(lambda g: 0.5 * g, GRADS)
    large = jax.tree.map(lambda g: 1.5 * g, GRADS)
    waiting, state = update(tx, small, state, PARAMS)
    moved, state = update(tx, large, state, PARAMS)
    assert not any(np.asarray(u).any() for u in jax.tree.leaves(waiting))
    close(moved, one_step(name)[0])


def test_inject_hyperparams_makes_the_learning_rate_a_part_of_the_state(name):
    entry = registry.optimizer.get(name)
    _, numbers = entry.split({})
    tx = optax.inject_hyperparams(entry.function)(**numbers)
    state = tx.init(PARAMS)
    assert state.hyperparams.keys() == numbers.keys()
    updates, _ = update(tx, GRADS, state, PARAMS)
    expected = one_step(name)[0]  # 1 - b2 is rounded otherwise where b2 is an array, 6e-5 of it in float32
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4), updates, expected)
    state.hyperparams["learning_rate"] = jnp.float32(0.0)
    still, _ = update(tx, GRADS, state, PARAMS)
    assert not any(np.asarray(u).any() for u in jax.tree.leaves(still))


def test_apply_if_finite_skips_a_step_and_its_memory(name):
    tx = optax.apply_if_finite(jitted(name), max_consecutive_errors=3)
    start = tx.init(PARAMS)
    bad = {**GRADS, "b": GRADS["b"] * np.nan}
    updates, skipped = update(tx, bad, start, PARAMS)
    assert not any(np.asarray(u).any() for u in jax.tree.leaves(updates))
    jax.tree.map(np.testing.assert_array_equal, skipped.inner_state, start.inner_state)
    close(update(tx, GRADS, skipped, PARAMS)[0], one_step(name)[0])


def test_chain_puts_it_behind_a_clip_and_before_a_scale(name):
    tx = optax.chain(optax.clip(1e6), jitted(name), optax.scale(3.0))
    updates, _ = update(tx, GRADS, tx.init(PARAMS), PARAMS)
    close(updates, jax.tree.map(lambda u: 3.0 * u, one_step(name)[0]))
