"""Small arrays in one bucket: the numbers are those of the arrays one by one, and files and masks know the names."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import padl
from padl import bucketed, registry
from padl.bucketed import Bucketed, bucketed_as, by_name, is_bucketed
from padl.engine.overflow import overflowed
from padl.runs.leaves import form_of, leaves_of, tree_of

SHAPES = (
    (3,),
    (2, 2),
    (),
    (3,),
    (4, 5),
    (2, 2),
    (0, 3),
)  # one is large and one is empty where a small one has 4 numbers


def buckets(state):
    return [node for node in jax.tree.leaves(state, is_leaf=is_bucketed) if is_bucketed(node)]


def has_bucket(name):
    many = [jax.ShapeDtypeStruct((2,), jnp.float32)] * bucketed.MANY
    return bool(buckets(jax.eval_shape(padl.optimizer(name).init, many)))


RULES = [  # not those of other optimizers, which have the buckets of these
    name
    for name in padl.names("optimizer")
    if not any(h.nested for h in registry.optimizer.get(name).hyperparameters.values())
]
ELEMENTWISE = [name for name in RULES if has_bucket(name)]


@pytest.fixture
def few(monkeypatch):
    """A bucket for three arrays already, of at most four numbers."""
    monkeypatch.setattr(bucketed, "MANY", 3)
    monkeypatch.setattr(bucketed, "SMALL", 4)


def tree(seed, shapes=SHAPES):
    rng = np.random.default_rng(seed)
    return {f"w{i}": jnp.asarray(rng.standard_normal(shape), jnp.float32) for i, shape in enumerate(shapes)}


def walk(tx, state, params, steps=3):
    for seed in range(steps):
        extras = {"value": jnp.float32(1 + seed), "grad": tree(seed), "value_fn": lambda p: jnp.float32(1.0)}
        updates, state = tx.update(tree(seed), state, params, **extras)
        params = optax.apply_updates(params, updates)
    return params, state


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_a_rule_that_says_it_is_elementwise_is_so(name, few):
    tx, params = padl.optimizer(name), tree(7)
    state = tx.init(params)
    together, one_by_one = walk(tx, state, params), walk(tx, by_name(state), params)
    assert buckets(together[1])
    assert not buckets(one_by_one[1])
    for a, b in zip(jax.tree.leaves((together[0], by_name(together[1]))), jax.tree.leaves(one_by_one), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-12)  # the same operations; fused otherwise


def test_rules_that_treat_number_by_number_have_a_bucket_and_those_with_a_number_for_each_array_have_none():
    assert {"adam", "lion", "momentum", "rprop", "ademamix"} <= set(ELEMENTWISE)
    assert not {"lamb", "adafactor", "novograd", "mars", "stableadamw", "adam_mini"} & set(ELEMENTWISE)


def test_a_model_of_few_small_arrays_has_its_state_by_the_names_of_the_parameters():
    state = padl.optimizers.adam().init(tree(0, [(3,)] * (bucketed.MANY - 1) + [(bucketed.SMALL + 1,)]))
    assert not buckets(state)
    assert state.slots.mu["w0"].shape == (3,)


def test_arrays_come_out_of_the_bucket_as_they_went_in_where_the_program_does_not_know_where_they_begin():
    shapes = [(2, 3), (5,), (6,)] * 30 + [(bucketed.SMALL + 1,), (0,)]
    leaves, structure = jax.tree.flatten(tree(0, shapes))
    layout = bucketed.layout_of(leaves, structure)
    arrays = jax.jit(layout.pack)(leaves, jnp.int32(0))
    assert [x.shape for x in arrays] == [(510,), (bucketed.SMALL + 1,), (0,)]
    assert len(arrays) == layout.arrays
    for again in (jax.jit(layout.unpack)(arrays, jnp.int32(0)), layout.cut(np.asarray(arrays[0]), arrays[1:])):
        jax.tree.map(np.testing.assert_array_equal, again, leaves)
    special = [jnp.asarray([np.nan, np.inf, -0.0])] * bucketed.MANY
    layout = bucketed.layout_of(special, jax.tree.structure(special))
    np.testing.assert_array_equal(jnp.signbit(layout.pack(special)[0]), jnp.signbit(jnp.concatenate(special)))


@pytest.mark.parametrize("lanes", [(), (2,)], ids=["a run", "lanes of a sweep"])
def test_files_have_the_arrays_by_the_names_of_the_parameters(few, lanes):
    tx, params = padl.optimizers.adam(), tree(7)
    state = walk(tx, tx.init(params), params)[1]
    state = jax.tree.map(lambda x: jnp.stack([x] * lanes[0]) if lanes else x, state)
    form = form_of(state)
    assert form == form_of(by_name(state))  # what was saved without a bucket is read with one
    assert form[".slots.mu['w1']"] == f"float32[{','.join(map(str, (*lanes, 2, 2)))}]"
    again = tree_of(jax.eval_shape(lambda: state), leaves_of(state))
    assert jax.tree.structure(again) == jax.tree.structure(state)
    jax.tree.map(np.testing.assert_array_equal, again, state)


def test_code_that_goes_by_names_takes_the_state_by_name_and_training_goes_on_from_either_form(few):
    tx, params = padl.optimizers.adam(), tree(7)
    state = walk(tx, tx.init(params), params)[1]
    named = optax.tree.map_params(tx, lambda slot, p: slot + p, by_name(state), params)
    np.testing.assert_array_equal(named.slots.mu["w4"], state.slots.mu.large[0] + params["w4"])
    back = bucketed_as(by_name(state), state)
    assert isinstance(back.slots.mu, Bucketed)
    jax.tree.map(np.testing.assert_array_equal, walk(tx, back, params), walk(tx, state, params))
    halved = optax.tree.map_params(tx, lambda slot: slot / 2, state)  # number by number it needs no names
    np.testing.assert_array_equal(halved.slots.nu.small, state.slots.nu.small / 2)


def test_other_parameters_than_the_state_was_made_for_are_an_error(few):
    tx = padl.optimizers.adam()
    other = {**tree(0), "more": jnp.ones(2)}
    with pytest.raises(ValueError, match="more"):
        tx.update(other, tx.init(tree(0)), other)


def test_masked_arrays_are_not_in_the_bucket(few):
    params = tree(7)
    tx = optax.masked(padl.optimizers.adam(), {name: name != "w0" for name in params})
    updates, state = tx.update(tree(1), tx.init(params), params)
    assert [group.places for group in buckets(state)[0].layout.groups] == [(0, 4), (1,), (2,)]
    np.testing.assert_array_equal(updates["w0"], tree(1)["w0"])


def test_what_overflowed_is_counted_in_the_bucket_too(few):
    tx, params = padl.optimizers.adam(), tree(7)
    grads = {**tree(0), "w1": jnp.array([[1.0, 3e19], [-2e20, 0.0]]), "w4": jnp.zeros((4, 5)).at[1, 2].set(3e19)}
    state = tx.update(grads, tx.init(params), params)[1]
    assert int(overflowed(state, params)) == int(overflowed(by_name(state), params)) == 3
