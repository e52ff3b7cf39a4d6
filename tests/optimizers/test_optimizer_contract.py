"""What every registered optimizer promises beside the checks of padl.conformance (tests/conformance), plugins too: its
state, its dtypes, traced numbers, what else of Optax's it works in."""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import padl
from padl import registry

NAMES = [  # one of other optimizers, as a wrapper, is what those are
    name
    for name in padl.names("optimizer")
    if not any(h.nested for h in registry.optimizer.get(name).hyperparameters.values())
]
DTYPES = ("bfloat16", "float16", "float32")
PARAMS = {"w": np.array([[1.0, -2.0, 0.5], [0.1, 3.0, -1.0]], np.float32), "b": np.array([0.5, -0.25, 2.0], np.float32)}
GRADS = {"w": np.array([[0.3, -1.0, 2.0], [5.0, -0.01, 1.0]], np.float32), "b": np.array([1.0, -2.0, 0.7], np.float32)}


def loss(params):
    return sum(jnp.sum(jnp.square(x)) for x in jax.tree.leaves(params))


def update(tx, grads, state, params):
    """As the engine calls it."""
    own = {"grad_fn": lambda p: jax.tree.map(lambda x: 2 * jnp.asarray(x), p), "key": jax.random.key(0)}
    return tx.update(grads, state, params, value=loss(params), grad=grads, value_fn=loss, **own)


@cache
def wrapped(name):
    """What a step gives alone and inside Optax's wrappers, by their names; one program, each state as it was traced."""
    rule = padl.optimizer(name)
    traced_once = jax.jit(lambda g, s, p: update(rule, g, s, p))
    tx = rule._replace(update=lambda updates, state, params, **_: traced_once(updates, state, params))

    def step(tx, grads, params):
        return update(tx, grads, tx.init(params), params)

    @jax.jit
    def program(grads, params):
        bad = {**grads, "b": grads["b"] * jnp.nan}
        finite = optax.apply_if_finite(tx, max_consecutive_errors=3)
        start = finite.init(params)
        skipped, state = update(finite, bad, start, params)
        again, _ = update(finite, grads, state, params)
        return {
            "alone": step(tx, grads, params),
            "apply_if_finite": (skipped, start.inner_state, state.inner_state, again),
            "inject_hyperparams": injected(name, grads, params),
        }  # fmt: skip

    return jax.device_get(program(GRADS, PARAMS))


def injected(name, grads, params):
    """The first update with its learning rate in the state, and the first where that rate is set to 0."""
    entry = registry.optimizer.get(name)
    _, numbers = entry.split({})
    static = [name for name, each in entry.hyperparameters.items() if not each.traced]
    tx = optax.inject_hyperparams(entry.function, static_args=static)(**numbers)
    state = tx.init(params)
    assert state.hyperparams.keys() == numbers.keys()
    updates, _ = update(tx, grads, state, params)
    hyperparams = {**state.hyperparams, "learning_rate": jnp.float32(0.0)}
    return updates, update(tx, grads, state._replace(hyperparams=hyperparams), params)[0]


def types(tree):
    """The structure of a tree, and of each leaf what `jit` and `scan` compare: shape, dtype, weak type."""
    leaves, structure = jax.tree.flatten(jax.eval_shape(lambda: tree) if not _is_abstract(tree) else tree)
    return structure, [(x.shape, x.dtype, x.weak_type) for x in leaves]


def _is_abstract(tree):
    return all(isinstance(x, jax.ShapeDtypeStruct) for x in jax.tree.leaves(tree))


def close(actual, expected):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-6), actual, expected)  # float32, fused or not


def alike(name):
    """The state of an optimizer without those slots that its decorator says to have other shapes."""
    others = registry.optimizer.get(name).traits.get("other_shapes", {})
    tx = padl.optimizer(name)
    if not others:
        return tx
    less = lambda state: state._replace(slots={k: v for k, v in state.slots._asdict().items() if k not in others})  # noqa: E731
    return tx._replace(init=lambda params: less(tx.init(params)))


def slots(tx, state):
    """The leaves of a state that mirror the parameters, and those that do not."""
    marked = optax.tree.map_params(tx, lambda slot: None, state)
    others = jax.tree.leaves(marked)
    mirrors = [x for x in jax.tree.leaves(state) if not any(x is y for y in others)]
    return mirrors, others


pytestmark = pytest.mark.parametrize("name", NAMES)


def test_the_state_is_a_named_tuple_of_trees_like_the_parameters_beside_scalars(name):
    tx = alike(name)
    state = jax.eval_shape(tx.init, PARAMS)
    assert hasattr(state, "_fields")
    mirrors, others = slots(tx, state)
    assert [x.shape for x in others] == [()] * len(others)
    shapes = [x.shape for x in jax.tree.leaves(PARAMS)]
    assert [x.shape for x in mirrors] == shapes * (len(mirrors) // len(shapes))


def test_a_slot_is_of_float32_for_parameters_of_half_precision(name):
    tx = padl.optimizer(name)
    for param in DTYPES:
        params = jax.eval_shape(lambda p=param: jax.tree.map(lambda x: jnp.asarray(x, p), PARAMS))
        for slot in slots(tx, jax.eval_shape(tx.init, params))[0]:
            assert slot.dtype == jnp.float32, param


def test_without_parameters_updates_come_back_in_the_dtype_of_the_gradients(name):
    tx = padl.optimizer(name)
    grads = jax.tree.map(lambda g: jnp.asarray(g, jnp.bfloat16), GRADS)
    try:
        updates, _ = jax.eval_shape(tx.update, grads, jax.eval_shape(tx.init, grads))
    except padl.PadlError:
        return  # needs them, and says so
    assert types(updates) == types(grads)


# What is optimised


REFUSED = {"complex64: optimise the real and the imaginary part": 1 + 2j, "int32": 3, "bool": True}


def test_parameters_that_are_not_of_real_floating_point_are_refused_in_one_line(name):
    tx = padl.optimizer(name)
    state = tx.init(PARAMS)
    for line, bad in REFUSED.items():
        with pytest.raises(padl.PadlError, match=rf"parameters\['a'\]\[0\] are {line}"):
            tx.init({"a": [jnp.asarray(bad)], "b": PARAMS["b"]})
        with pytest.raises(padl.PadlError, match=rf"gradients\['b'\] are {line}"):
            tx.update({**GRADS, "b": jnp.full(3, bad)}, state, PARAMS)


def test_a_python_float_is_a_parameter_as_in_optax(name):
    tx, theirs = padl.optimizer(name, learning_rate=0.1), optax.sgd(0.1)
    updates, _ = update(tx, 0.3, tx.init(1.5), 1.5)
    of_array, _ = update(tx, jnp.float32(0.3), tx.init(jnp.float32(1.5)), jnp.float32(1.5))
    assert jnp.result_type(updates) == jnp.result_type(theirs.update(0.3, theirs.init(1.5), 1.5)[0])
    assert float(updates) == float(of_array)


def test_no_dtype_is_promoted_in_silence(name):
    make, scalars = registry.optimizer.get(name).split({})
    for dtype in DTYPES:
        params, grads = (jax.tree.map(lambda x, d=dtype: jnp.asarray(x, d), tree) for tree in (PARAMS, GRADS))
        with jax.numpy_dtype_promotion("strict"):
            for numbers in (scalars, jax.tree.map(jnp.float32, scalars)):
                tx = make(**numbers)
                jax.eval_shape(lambda g, p, tx=tx: update(tx, g, tx.init(p), p), grads, params)


# Hyperparameters are data


def test_a_second_value_of_any_number_compiles_nothing_and_vmap_takes_many(name):
    choice, numbers = registry.optimizer.get(name).split({})
    all_numbers = {k: h.default for k, h in registry.optimizer.get(name).hyperparameters.items() if h.traced}
    assert numbers.keys() == {k for k, default in all_numbers.items() if default is not None}
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

    @jax.jit
    def constant_and_mapped(many, params):
        return [two_steps(n, params) for n in (numbers, others)], jax.vmap(two_steps, (0, None))(many, params)

    constant, both = constant_and_mapped(jax.tree.map(lambda a, b: jnp.stack([a, b]), numbers, others), params)
    for i, alone in enumerate((first, second)):
        # a constant 1 - b2 is rounded in float64, a traced one in float32: 6e-5 of it apart
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4), alone, constant[i])
        jax.tree.map(lambda a, b, i=i: np.testing.assert_allclose(a[i], b, rtol=1e-5), both, alone)  # batched rounding


# Optax's wrappers


def test_map_params_reaches_the_slots_and_leaves_the_count(name):
    tx = padl.optimizer(name)
    _, state = wrapped(name)["alone"]
    other_shapes = "other_shapes" in registry.optimizer.get(name).traits
    shape = lambda s, p: s.shape if other_shapes else p.shape  # noqa: E731
    doubled = optax.tree.map_params(tx, lambda s, p: s.astype(jnp.bfloat16).reshape(shape(s, p)), state, PARAMS)
    mirrors, others = slots(tx, state)
    kinds = [x.dtype for x in jax.tree.leaves(doubled)]
    assert kinds.count(jnp.bfloat16) == len(mirrors)
    assert len(kinds) == len(mirrors) + len(others)


def test_inject_hyperparams_makes_the_learning_rate_a_part_of_the_state(name):
    updates, still = wrapped(name)["inject_hyperparams"]
    expected = wrapped(name)["alone"][0]  # 1 - b2 is rounded otherwise where b2 is an array, 6e-5 of it in float32
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4), updates, expected)
    assert not any(u.any() for u in jax.tree.leaves(still))


def test_apply_if_finite_skips_a_step_and_its_memory(name):
    skipped, start, state, again = wrapped(name)["apply_if_finite"]
    assert not any(u.any() for u in jax.tree.leaves(skipped))
    jax.tree.map(np.testing.assert_array_equal, state, start)
    close(again, wrapped(name)["alone"][0])
