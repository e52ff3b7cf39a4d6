"""Adaptive rules: identities between them, Optax in its own convention, numbers at the end of float32."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from oracle_problem import walked

from padl import optimizers

RMS = {"learning_rate": 0.1, "decay": 0.8, "eps": 1e-3}
SAME = {
    "rmsprop(momentum=0) = rmsprop": (optimizers.rmsprop(**RMS, momentum=0.0), optimizers.rmsprop(**RMS)),
    "rmsprop@optax = rmsprop@keras": (
        optimizers.rmsprop(**RMS, momentum=0.6, convention="optax"),
        optimizers.rmsprop(**RMS, momentum=0.6, convention="keras"),
    ),
    "adagrad(initial_sum=1e30, η 1e15) = sgd": (
        optimizers.adagrad(1e14, initial_sum=1e30),
        optimizers.sgd(0.1),
    ),
    "optax.adagrad": (
        optimizers.adagrad(0.1, 1e-3, 0.2, "optax"),
        optax.adagrad(0.1, initial_accumulator_value=0.2, eps=1e-3),
    ),
    "optax.rmsprop": (optimizers.rmsprop(**RMS, convention="optax"), optax.rmsprop(0.1, 0.8, 1e-3)),
    "optax.rmsprop, momentum": (
        optimizers.rmsprop(**RMS, momentum=0.6, convention="optax"),
        optax.rmsprop(0.1, 0.8, 1e-3, momentum=0.6),
    ),
    "optax.rmsprop, centred": (
        optimizers.rmsprop(**RMS, momentum=0.6, centred=True, convention="optax"),
        optax.rmsprop(0.1, 0.8, 1e-3, centered=True, momentum=0.6),
    ),
    "optax.rmsprop, centred, eps outside": (
        optimizers.rmsprop(**RMS, centred=True),
        optax.rmsprop(0.1, 0.8, 1e-3, centered=True, eps_in_sqrt=False),
    ),
}


@pytest.mark.parametrize("identity", SAME)
def test_one_adaptive_rule_is_a_case_of_another(identity, x64):
    one, other = map(walked, SAME[identity])
    for array, points in one.items():
        np.testing.assert_allclose(points, other[array], rtol=1e-9, atol=1e-12, err_msg=array)  # s - m² cancels


def test_without_momentum_and_centre_rmsprop_keeps_one_number_for_each_of_the_parameters():
    p = jnp.ones(3)
    arrays = lambda **choices: len(jax.tree.leaves(optimizers.rmsprop(**choices).init(p).slots))  # noqa: E731
    assert [arrays(), arrays(centred=True), arrays(momentum=0.5), arrays(centred=True, momentum=0.5)] == [1, 2, 2, 3]


def updates_of(tx, gradients):
    """The updates of float32 parameters for these gradients, in turn."""
    p = jnp.ones_like(jnp.asarray(gradients[0], jnp.float32))
    state, updates = tx.init(p), []
    for g in gradients:
        u, state = tx.update(jnp.asarray(g, jnp.float32), state, p)
        updates.append(np.asarray(u))
    return np.stack(updates)


def test_the_variance_of_a_steady_gradient_is_never_below_zero():
    """In float32 s - m² falls to -1e-8 of s by rounding, and torch's root of it is NaN."""
    updates = updates_of(optimizers.rmsprop(1e-3, decay=0.5, centred=True), [[0.1, 1 / 3, 1e10]] * 60)
    assert np.isfinite(updates).all()


@pytest.mark.parametrize(
    "tx",
    [optimizers.adagrad(1.0), optimizers.rmsprop(1.0, centred=True, momentum=0.5), optimizers.madgrad(1.0)],
    ids=["adagrad", "rmsprop", "madgrad"],
)
def test_a_gradient_of_1e30_leaves_no_nan_behind(tx):
    updates = updates_of(tx, [[0.0, 0.0], [1.0, 1.0], [1e30, 1.0], [1.0, 1.0], [1.0, 1.0]])
    assert np.isfinite(updates).all()
    assert not updates[0].any()


def test_the_first_step_of_madgrad_by_hand(x64):
    """λ = 0.1, s = 0.1 g, ν = 0.1 g², z - θ = -(0.1 g) / ∛(0.1 g²), of which a tenth is moved."""
    p, g = jnp.array([2.0]), jnp.array([8.0])
    tx = optimizers.madgrad(0.1, eps=1e-30)
    updates, _ = tx.update(g, tx.init(p), p)
    np.testing.assert_allclose(updates, -0.1 * 0.8 / 6.4 ** (1 / 3), rtol=1e-14)
