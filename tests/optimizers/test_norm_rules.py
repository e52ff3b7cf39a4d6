"""Rules with a ratio of norms for each array: identities, limits, Optax, and norms that are 0."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from oracle_problem import problem, through_sizes, walked

from padl import optimizers
from padl.optimizers.transformation import measures_of

NAMES = ["novograd", "fromage", "lars", "lamb"]


LAMB = {"b1": 0.8, "b2": 0.95, "eps": 1e-3}
LARS = {"momentum": 0.7, "weight_decay": 0.3}
SAME = {
    "optax.fromage": (optimizers.fromage(0.3), optax.fromage(0.3)),
    "optax.lamb": (optimizers.lamb(0.1, **LAMB, weight_decay=0.3), optax.lamb(0.1, **LAMB, weight_decay=0.3)),
    "optax.lars": (
        optimizers.lars(0.5, **LARS, trust=0.1, convention="optax"),
        optax.lars(0.5, **LARS, trust_coefficient=0.1),
    ),
    "optax.novograd": (
        optimizers.novograd(0.1, 0.7, 0.8, 0.1, 0.3),
        optax.novograd(0.1, 0.7, 0.8, 0.1, weight_decay=0.3),
    ),
    "lars without decay and momentum: c and η are one number": (
        optimizers.lars(0.5, 0.0, 0.0, trust=0.1),
        optimizers.lars(0.1, 0.0, 0.0, trust=0.5),
    ),
    "lars@optax = lars, without decay": (
        optimizers.lars(0.5, 0.7, 0.0, 0.1, "optax"),
        optimizers.lars(0.5, 0.7, 0.0, 0.1),
    ),
    "fromage = lars, for a small η": (optimizers.fromage(1e-7), optimizers.lars(1e-7, 0.0, 0.0, trust=1.0)),
    "lamb(b1=b2=0, eps large) = lars": (
        optimizers.lamb(0.1, b1=0.0, b2=0.0, eps=1e12, weight_decay=0.0),
        optimizers.lars(0.1, 0.0, 0.0, trust=1.0),
    ),
}


@pytest.mark.parametrize("identity", SAME)
def test_one_ratio_of_norms_is_a_case_of_another(identity, x64):
    one, other = map(walked, SAME[identity])
    tolerance = 1e-8 if "large" in identity else 1e-10  # g / (|g| + 1e12) is 1e12 g but for |g| / 1e12
    for array, points in one.items():
        np.testing.assert_allclose(points, other[array], rtol=tolerance, atol=1e-12, err_msg=array)


@pytest.mark.parametrize("name", ["lamb", "lars"])
def test_a_step_of_each_array_is_the_same_share_of_its_norm(name, x64):
    numbers = {"lamb": {}, "lars": {"trust": 1.0}}[name]
    tx = getattr(optimizers, name)(0.01, weight_decay=0.0, **numbers)
    start, grads = problem()
    first = jax.tree.map(lambda g: g[0], grads)
    updates, _ = tx.update(first, tx.init(start), start)
    for array, p in start.items():
        np.testing.assert_allclose(np.linalg.norm(updates[array]), 0.01 * np.linalg.norm(p), rtol=1e-12)


def test_fromage_turns_by_an_angle_and_keeps_the_norm_where_the_gradient_is_at_a_right_angle(x64):
    p, g = jnp.array([3.0, 0.0]), jnp.array([0.0, -7.0])
    tx = optimizers.fromage(0.5)
    updates, _ = tx.update(g, tx.init(p), p)
    np.testing.assert_allclose(jnp.linalg.norm(p + updates), 3.0, rtol=1e-14)
    np.testing.assert_allclose((p + updates)[1] / (p + updates)[0], 0.5, rtol=1e-14)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_of_0_and_of_1e30_and_no_elements_give_no_nan(name):
    updates, states = through_sizes(getattr(optimizers, name)(), [0, 1, 1e30, 1, 0])
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(updates))
    assert not any(np.isnan(x).any() for x in jax.tree.leaves(states))


@pytest.mark.parametrize("name", NAMES)
def test_an_array_of_zeros_can_move_and_has_a_ratio_of_its_own(name):
    tx, p = getattr(optimizers, name)(0.1), {"zeros": jnp.zeros(2), "alone": jnp.array([3.0, -4.0])}
    grads = {"zeros": jnp.ones(2), "alone": jnp.array([0.2, 7.0])}
    updates, _ = jax.jit(tx.update)(grads, tx.init(p), p)
    assert (updates["zeros"] < 0).all()
    alone, _ = jax.jit(tx.update)({"alone": grads["alone"]}, tx.init({"alone": p["alone"]}), {"alone": p["alone"]})
    np.testing.assert_allclose(alone["alone"], updates["alone"], rtol=1e-6)  # float32, fused or not


def test_novograd_waits_for_the_first_gradient_to_know_its_size():
    """A gradient of 0 at first, of a layer that is not reached: the next is not 7 times too long, as 1/√(1-b2)."""
    tx, p = optimizers.novograd(1.0, weight_decay=0.0), jnp.ones(2)
    _, state = tx.update(jnp.zeros(2), tx.init(p), p)
    updates, _ = tx.update(jnp.array([3.0, 4.0]), state, p)
    np.testing.assert_allclose(updates, [-0.6, -0.8], rtol=1e-6)  # float32


@pytest.mark.parametrize("name", ["lamb", "lars"])
def test_the_trust_ratio_is_the_mean_over_the_arrays_that_have_one(name, x64):
    tx, start, grads = measured_rule(name)
    state, points = tx.init(start), start
    v = m = {array: np.zeros(p.shape) for array, p in start.items()}
    for t in range(3):
        g = {array: np.asarray(x[t]) for array, x in grads.items()}
        m = {array: 0.8 * m[array] + 0.2 * x for array, x in g.items()}
        v = {array: 0.95 * v[array] + 0.05 * x**2 for array, x in g.items()}
        ratios = []
        for array, p in points.items():
            d = m[array] / (1 - 0.8 ** (t + 1)) / (np.sqrt(v[array] / (1 - 0.95 ** (t + 1))) + 1e-3) + 0.3 * p
            below = np.linalg.norm(d) if name == "lamb" else np.linalg.norm(g[array]) + 0.3 * np.linalg.norm(p)
            above = np.linalg.norm(p) * (1 if name == "lamb" else 0.1)
            ratios += [above / below] if above > 0 else []
        updates, state = tx.update(jax.tree.map(jnp.asarray, g), state, points)
        measured = measures_of(tx)(state, updates, points)
        np.testing.assert_allclose(measured["trust_ratio"], np.mean(ratios), rtol=1e-12)
        assert len(ratios) == len(start) - (t == 0)  # the array of zeros has one once it has moved
        points = optax.apply_updates(points, updates)


def measured_rule(name):
    """A rule, and a problem with an array of zeros beside."""
    made = {"lamb": optimizers.lamb(0.1, **LAMB, weight_decay=0.3), "lars": optimizers.lars(0.5, **LARS, trust=0.1)}
    start, grads = problem()
    return made[name], {**start, "zeros": jnp.zeros(2)}, {**grads, "zeros": jnp.ones((len(grads["matrix"]), 2))}


@pytest.mark.parametrize("name", ["lamb", "lars"])
def test_the_trust_ratio_is_1_where_no_array_has_one(name):
    tx, p = getattr(optimizers, name)(), {"zeros": jnp.zeros(2)}
    updates, state = tx.update({"zeros": jnp.ones(2)}, tx.init(p), p)
    assert measures_of(tx)(state, updates, p)["trust_ratio"] == 1
    assert measures_of(tx)(tx.init({}), {}, {})["trust_ratio"] == 1
