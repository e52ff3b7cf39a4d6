"""Schedule-free rules of their own: the wrapper where that is the same, what is judged, and weights by the peak."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from oracle_problem import follows, through_sizes, walked
from rules_averaged_descent import JUDGED, RULES

from padl import optimizers
from padl.optimizers.transformation import measures_of, readout_of

NAMES = ("schedule_free_sgd", "schedule_free_adamw")
RISING = lambda count: 0.02 * (1 + count)  # noqa: E731
FALLING = lambda count: 0.2 / (1 + count)  # noqa: E731


def same():
    return {
        "sgd": (optimizers.schedule_free_sgd(0.1, 0.8), optimizers.schedule_free(optimizers.sgd(0.1), 0.8)),
        "sgd, warming up": (
            optimizers.schedule_free_sgd(RISING, 0.8),
            optimizers.schedule_free(optimizers.sgd(RISING), 0.8),
        ),
        "adam without momentum": (
            optimizers.schedule_free_adamw(0.1, 0.8, b2=0.95, eps=1e-3),
            optimizers.schedule_free(optimizers.adam(0.1, b1=0.0, b2=0.95, eps=1e-3), 0.8),
        ),
        "adam, warming up": (
            optimizers.schedule_free_adamw(RISING, 0.8, b2=0.95, eps=1e-3),
            optimizers.schedule_free(optimizers.adam(RISING, b1=0.0, b2=0.95, eps=1e-3), 0.8),
        ),
    }


@pytest.mark.parametrize("reads", ["trained", "judged"])
@pytest.mark.parametrize("identity", same())
def test_without_decay_it_is_the_wrapper_around_its_rule(identity, reads, x64):
    one, other = (walked(tx, arrays=("vector",), judged=reads == "judged") for tx in same()[identity])
    np.testing.assert_allclose(one["vector"], other["vector"], rtol=1e-9, atol=1e-12)  # x by a quotient: 1/β roundings


@pytest.mark.parametrize("name", JUDGED)
def test_what_is_judged_is_the_average_of_the_paper(name, x64):
    follows(name, JUDGED[name], RULES[name][1], judged=True)


def test_steps_behind_the_peak_of_the_rate_weigh_as_those_at_it(x64):
    """Where the wrapper weighs them by their own rate, as algorithm 1 of the paper has no rate that falls."""
    tx = optimizers.schedule_free_sgd(FALLING, 0.8)
    p, z, x, state = jnp.ones(()), 1.0, 1.0, tx.init(jnp.ones(()))
    for t in range(5):
        z -= 0.2 / (1 + t) * 2.0
        x += (z - x) / (1 + t)  # each by 0.2²
        updates, state = tx.update(jnp.float64(2.0), state, p)
        p = optax.apply_updates(p, updates)
        np.testing.assert_allclose([p, readout_of(tx)(state, p)], [0.2 * z + 0.8 * x, x], rtol=1e-7)  # float32 rates


@pytest.mark.parametrize("name", NAMES)
def test_a_first_rate_of_0_and_gradients_of_0_or_1e30_leave_all_finite(name):
    tx = getattr(optimizers, name)(lambda count: jnp.minimum(count / 3, 1) * 1e-3)
    updates, states = through_sizes(tx, [1, 0, 1, 1e30, 0])
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(updates))
    assert not any(np.isnan(x).any() for x in jax.tree.leaves(states))
    assert not updates["(3,)"][0].any()


@pytest.mark.parametrize("name", NAMES)
def test_of_parameters_in_half_precision_the_average_is_theirs(name):
    tx, p = getattr(optimizers, name)(0.1), jnp.ones(3, jnp.bfloat16)
    updates, state = tx.update(p, tx.init(p), p)
    judged = readout_of(tx)(state, optax.apply_updates(p, updates))
    assert (updates.dtype, judged.dtype, state.slots.z.dtype) == (jnp.bfloat16, jnp.bfloat16, jnp.float32)


def plus(**settings):
    return optimizers.schedule_free_plus(b1=0.8, b2=0.9, eps=0.1, **settings)


def test_plus_whose_average_is_its_point_and_whose_step_is_known_is_adam_at_polyaks_step(x64):
    """While x is z, y is z: α is f / (√(π/2) ‖g‖₁), at the point itself."""
    p, tx, other = jnp.array([3.0, -1.0]), plus(average_from=100.0), optimizers.adam(1.0, 0.8, 0.9, 0.1)
    state, inner, q = tx.init(p), other.init(p), p
    for _ in range(6):
        value, g = jnp.sum(p**2), 2 * p
        updates, state = tx.update(g, state, p, value=value)
        adams, inner = other.update(2 * q, inner, q)
        q = q + jnp.sum(q**2) / (np.sqrt(np.pi / 2) * jnp.sum(abs(2 * q))) * adams
        p = p + updates
        np.testing.assert_allclose(p, q, rtol=1e-12)
        np.testing.assert_allclose(readout_of(tx)(state, p), q, rtol=1e-12)


def test_plus_measures_its_step_and_stays_finite_where_gradients_or_the_loss_are_0():
    tx, p = optimizers.schedule_free_plus(), jnp.ones(2)
    _, state = tx.update(jnp.zeros(2), tx.init(p), p, value=1.0)
    for value in (-1.0, 0.0, 2.0):
        updates, after = tx.update(jnp.ones(2), state, p, value=value)
        measured = float(measures_of(tx)(after, updates, p)["step_size"])
        assert measured == pytest.approx(max(0.0, value) / (np.sqrt(np.pi / 2) * 2), rel=1e-6)
        assert all(jnp.isfinite(x).all() for x in jax.tree.leaves((updates, after)))
