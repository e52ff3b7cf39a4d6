"""Rules with little state: identities, what is kept, Optax, stacks of matrices, gradients of any size."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from oracle_problem import SHAPES, STEPS, follows, problem, through_sizes, walked
from rules_factored import RULES

from padl import optimizers


def optaxs_sm3(momentum):
    """Without Optax's eps."""
    return optax.chain(optax.scale_by_sm3(momentum, 1.0, 0.0), optax.scale(-0.1))


NUMBERS = {"eps": 1e-3, "power": 0.6, "clip": 0.7}
IN_OPTAX = {"eps": 1e-3, "decay_rate": 0.6, "clipping_threshold": 0.7}
SAME = {
    "sm3(momentum=0) of a vector = adagrad": (optimizers.sm3(momentum=0.0), optimizers.adagrad(0.1, 1e-30)),
    "sm3 = optax.scale_by_sm3": (optimizers.sm3(momentum=0.7), optaxs_sm3(0.7)),
    "adafactor@optax = optax.adafactor": (
        optimizers.adafactor(0.1, **NUMBERS, factor_from=3, convention="optax"),
        optax.adafactor(0.1, 3, **IN_OPTAX),
    ),
    "adafactor@torch = adafactor, without eps": (optimizers.adafactor(convention="torch"), optimizers.adafactor()),
    "bcos(momentum=0, decay 0) = signsgd": (
        optimizers.bcos(0.1, 0.0, 1e-30, 0.0),
        optimizers.signsgd(0.1),
    ),
}
OF = {  # the arrays of which it holds: Optax has no SM3 of scalars
    "sm3(momentum=0) of a vector = adagrad": ["vector", "scalar"],
    "sm3 = optax.scale_by_sm3": ["vector", "matrix", "stack", "convolution"],
}


@pytest.mark.parametrize("identity", SAME)
def test_one_rule_with_little_state_is_a_case_of_another(identity, x64):
    arrays = OF.get(identity, [*SHAPES])
    one, other = (walked(tx, arrays=arrays) for tx in SAME[identity])
    tolerance = 1e-7 if "optax.adafactor" in identity else 1e-10  # its t^-c is float32
    for array in arrays:
        np.testing.assert_allclose(one[array], other[array], rtol=tolerance, atol=tolerance, err_msg=array)


@pytest.mark.parametrize("shape", [(4, 3), (2, 4, 3)])
def test_of_squares_that_are_a_product_of_rows_and_columns_adafactor_keeps_all(shape, x64):
    rng = np.random.default_rng(0)
    row, column = rng.normal(size=(*shape[:-1], 1)), rng.normal(size=(*shape[:-2], 1, shape[-1]))
    sizes = 1 + rng.integers(3, size=(STEPS, *(1 for _ in shape)))
    grads, p = sizes * rng.choice([-1.0, 1.0], size=(STEPS, *shape)) * row * column, jnp.asarray(rng.normal(size=shape))

    def end(tx):
        def step(carry, g):
            updates, state = tx.update(g, carry[1], carry[0])
            return (carry[0] + updates, state), None

        return jax.jit(lambda p: jax.lax.scan(step, (p, tx.init(p)), jnp.asarray(grads))[0][0])(p)

    factored, whole = (end(optimizers.adafactor(factor_from=n)) for n in (1, 100))
    np.testing.assert_allclose(factored, whole, rtol=1e-12)


def test_the_full_estimator_of_bcos_is_that_of_its_authors_later_code(x64):
    rule, numbers = RULES["bcos"]
    follows("bcos", rule, {**numbers, "estimator": "full"})


def test_what_is_kept_of_each_array():
    start, _ = problem()
    tx = optimizers.adafactor()
    slots = tx.init(start).slots
    assert {name: (slots.r[name].shape, slots.c[name].shape) for name in SHAPES} == {
        "scalar": ((), (0,)),
        "vector": ((7,), (0,)),
        "matrix": ((4,), (3,)),
        "stack": ((2, 3), (2, 2)),
        "convolution": ((3, 3, 2), (3, 3, 2)),
    }
    cover = optimizers.sm3().init(start).slots.cover
    assert {name: cover[name].size for name in SHAPES} == {
        "scalar": 1,
        "vector": 7,
        "matrix": 7,
        "stack": 7,
        "convolution": 10,
    }


def test_the_step_of_adafactor_is_a_share_of_the_parameters_size_and_falls_with_the_root_of_time(x64):
    tx, p = optimizers.adafactor(0.5), 3.0 * jnp.ones((2, 2))
    state, lengths = tx.init(p), []
    for _ in range(9):
        updates, state = tx.update(jnp.ones((2, 2)), state, p)
        lengths.append(-float(updates[0, 0]))
    np.testing.assert_allclose(lengths, [3.0 * min(0.5, t**-0.5) for t in range(1, 10)], rtol=1e-12)


@pytest.mark.parametrize("convention", ["paper", "torch", "optax"])
def test_gradients_of_0_and_of_1e30_and_no_elements_leave_adafactor_whole(convention):
    updates, states = through_sizes(optimizers.adafactor(convention=convention), [0, 0, 1e-30, 1e30, 1, 0])
    assert all(np.isfinite(x).all() for x in jax.tree.leaves((updates, states)))


@pytest.mark.parametrize("convention", ["paper", "torch", "optax"])
def test_a_row_and_a_column_without_gradient_do_not_move_in_adafactor(convention):
    """A pixel that is always black, and a unit that is dead: of R, C and eps² nothing is left in float32."""
    there = np.ones((3, 4), bool)
    there[1], there[:, 2] = False, False
    tx, p = optimizers.adafactor(convention=convention), jnp.ones((3, 4))
    update, state = jax.jit(tx.update), tx.init(p)
    for size in (1e-3, 1.0, 1e30, 1.0):
        updates, state = update(jnp.asarray(there * size, jnp.float32), state, p)
        assert np.isfinite(updates).all()
        np.testing.assert_array_equal(updates != 0, there)


@pytest.mark.parametrize("name", ["sm3", "bcos"])
def test_gradients_of_0_and_of_1e30_and_no_elements_give_no_nan(name):
    updates, states = through_sizes(getattr(optimizers, name)(), [0, 0, 1, 1e30, 1, 0])
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(updates))
    assert not any(np.isnan(x).any() for x in jax.tree.leaves(states))


def test_a_huge_gradient_of_one_row_does_not_stop_the_others_in_sm3():
    tx, p = optimizers.sm3(momentum=0.0), jnp.ones((2, 3))
    _, state = tx.update(jnp.ones((2, 3)).at[0, 0].set(1e30), tx.init(p), p)
    updates, _ = tx.update(jnp.ones((2, 3)), state, p)
    assert (np.asarray(updates) < 0).tolist() == [[False, True, True], [True, True, True]]
