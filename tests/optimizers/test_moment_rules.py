"""Rules with a first and a second moment beyond adam: cases of one another, Optax, zero and infinite squares."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from oracle_problem import problem

from padl import optimizers
from padl.types import PadlError


@pytest.fixture
def x64():
    with jax.enable_x64(True):
        yield


def paths(*optimizers):
    """The path of each along the random gradients of one vector, in one program: (optimizers, steps, 7)."""
    start, gradients = (jnp.asarray(each["vector"]) for each in problem())

    def step(carry, g):
        moved = []
        for tx, (params, state) in zip(optimizers, carry, strict=True):
            updates, state = tx.update(g, state, params)
            moved.append((optax.apply_updates(params, updates), state))
        return moved, jnp.stack([params for params, _ in moved])

    begun = [(start, tx.init(start)) for tx in optimizers]
    return np.moveaxis(jax.jit(lambda carry: jax.lax.scan(step, carry, gradients)[1])(begun), 1, 0)


def agree(one, other, rtol=1e-10, atol=1e-13):
    """Assert that two optimizers take the same path, in float64 over 20 steps."""
    ours, theirs = paths(one, other)
    np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=atol)


M = {"b1": 0.8, "b2": 0.95, "eps": 1e-3}
SAME = {
    "adamc(constant learning_rate) = adamw": lambda: (
        optimizers.adamc(0.1, **M, weight_decay=0.3),
        optimizers.adamw(0.1, **M, weight_decay=0.3),
    ),
    "adamw(decay_kind=corrected) = adamc": lambda: (
        optimizers.adamw(0.1, **M, weight_decay=0.3, decay_kind="corrected"),
        optimizers.adamc(0.1, **M, weight_decay=0.3),
    ),
    "adamax(b2=0) = adam(b2=0)": lambda: (  # u is |g|
        optimizers.adamax(0.1, 0.8, 0.0, 1e-3, convention="keras"),
        optimizers.adam(0.1, 0.8, 0.0, 1e-3),
    ),
    "amsgrad(b1=0, b2=0, convention=torch) = amsgrad(convention=optax)": lambda: (  # nothing to correct
        optimizers.amsgrad(0.1, 0.0, 0.0, 1e-3, convention="torch"),
        optimizers.amsgrad(0.1, 0.0, 0.0, 1e-3, convention="optax"),
    ),
    "nadamw(weight_decay=0) = nadam": lambda: (
        optimizers.nadamw(0.1, **M, weight_decay=0.0),
        optimizers.nadam(0.1, **M),
    ),
    "nadam(momentum_decay -> infinity) = nadam(convention=optax)": lambda: (
        optimizers.nadam(0.1, **M, momentum_decay=1e6),
        optimizers.nadam(0.1, **M, convention="optax"),
    ),
    "nadam(b1=0) = adam(b1=0)": lambda: (
        optimizers.nadam(0.1, 0.0, 0.95, 1e-3),
        optimizers.adam(0.1, 0.0, 0.95, 1e-3),
    ),
    "adan(b2=0, weight_decay=0) = adam(b2=b3)": lambda: (  # the change of the gradient has the weight b2
        optimizers.adan(0.1, 0.8, 0.0, 0.95, 1e-3, weight_decay=0.0),
        optimizers.adam(0.1, 0.8, 0.95, 1e-3),
    ),
}


@pytest.mark.parametrize("identity", SAME)
def test_one_moment_rule_is_a_case_of_another(identity, x64):
    agree(*SAME[identity]())


# Optax

IN_OPTAX = {
    "amsgrad": lambda: (optimizers.amsgrad(0.1, **M, convention="optax"), optax.amsgrad(0.1, **M)),
    "amsgrad of the paper": lambda: (
        optimizers.amsgrad(0.1, **M),
        optax.amsgrad(0.1, **M, bias_correction_mu=False, bias_correction_nu=False),
    ),
    "adamax": lambda: (optimizers.adamax(0.1, **M), optax.adamax(0.1, **M)),
    "nadam": lambda: (optimizers.nadam(0.1, **M, convention="optax"), optax.nadam(0.1, **M)),
    "nadamw": lambda: (
        optimizers.nadamw(0.1, **M, weight_decay=0.3, convention="optax"),
        optax.nadamw(0.1, **M, weight_decay=0.3),
    ),
}


@pytest.mark.parametrize("name", IN_OPTAX)
def test_optax_takes_the_path_of_a_moment_rule(name, x64):
    agree(*IN_OPTAX[name]())


def test_the_second_step_of_adan_is_the_papers_and_not_optaxs(x64):
    # Optax 0.2.8 has 1 - b2 in the place of b2, before the change in n and before v̂.
    b1, b2, b3 = 0.98, 0.92, 0.99
    first, second = 1.0, 3.0
    m = b1 * (1 - b1) * first + (1 - b1) * second
    v = (1 - b2) * (second - first)  # 0 at the first step
    n = b3 * (1 - b3) * first**2 + (1 - b3) * (second + b2 * (second - first)) ** 2
    by_hand = (m / (1 - b1**2) + b2 * v / (1 - b2**2)) / np.sqrt(n / (1 - b3**2))

    def second_update(tx):
        p = jnp.zeros(())
        _, state = tx.update(jnp.asarray(first), tx.init(p), p)
        return float(tx.update(jnp.asarray(second), state, p)[0])

    ours = second_update(optimizers.adan(1.0, b1, b2, b3, eps=1e-30, weight_decay=0.0))
    np.testing.assert_allclose(ours, -by_hand, rtol=1e-12)
    assert abs(second_update(optax.adan(1.0, b1, b2, b3, eps=0.0, eps_root=0.0)) + by_hand) > 0.04


# What breaks easily

INFINITE = {"adamax": 0, "amsgrad": 2, "adamc": 1, "nadamw": 1, "adan": 1}  # slots that a square overflows


@pytest.mark.parametrize("name", INFINITE)
def test_a_gradient_whose_square_is_infinite_leaves_all_finite_but_the_means_of_squares(name):
    tx = getattr(optimizers, name)(learning_rate=1.0)
    params = jnp.ones(2)
    state = tx.init(params)
    for size in (1.0, 1.0, 1e30, 1.0, -1e30, 1.0, 1.0):
        updates, state = tx.update(jnp.array([size, 1.0]), state, params)
        assert np.isfinite(updates).all()
    assert [bool(jnp.isinf(slot).any()) for slot in state.slots].count(True) == INFINITE[name]
    assert not any(jnp.isnan(slot).any() for slot in state.slots)
    assert all(jnp.isfinite(slot[1]) for slot in state.slots)


def test_the_momentum_decay_of_a_convention_without_one_is_refused():
    with pytest.raises(PadlError, match="convention=optax has the momentum b1 at every step"):
        optimizers.nadam(momentum_decay=0.5, convention="optax")
