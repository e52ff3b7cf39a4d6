"""Rules with a diagonal of the Hessian: what they estimate, identities, and a look that stays a branch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from padl import optimizers

NAMES = ["sophia", "adahessian"]
MATRIX = np.array([[3.0, 1.0, 0.0], [1.0, -2.0, 0.5], [0.0, 0.5, 4.0]])


def looked(name, hessian, keys=1):
    """The slot h after the first step, for many keys."""
    tx, p = getattr(optimizers, name)(b2=0.0), jnp.ones(3)
    grad_fn = lambda p: hessian @ p  # noqa: E731
    one = lambda key: tx.update(grad_fn(p), tx.init(p), p, grad_fn=grad_fn, key=key)[1].slots.h  # noqa: E731
    return np.asarray(jax.vmap(one)(jax.random.split(jax.random.key(0), keys)))


@pytest.mark.parametrize("name", NAMES)
def test_the_estimate_is_exact_for_a_diagonal_hessian_and_right_in_the_mean_for_any(name, x64):
    diagonal, off = np.diag(MATRIX), np.sum(MATRIX**2, 1) - np.diag(MATRIX) ** 2
    expected = {"sophia": (diagonal, diagonal), "adahessian": (diagonal**2, diagonal**2 + off)}[name]
    np.testing.assert_allclose(looked(name, jnp.diag(diagonal))[0], expected[0], rtol=1e-14)
    np.testing.assert_allclose(looked(name, jnp.asarray(MATRIX), 4000).mean(0), expected[1], atol=0.4)  # 4 deviations


def test_sophia_goes_by_the_sign_where_the_curvature_is_negative_or_small_and_by_newton_where_it_is_large(x64):
    tx = optimizers.sophia(0.1, b1=0.0, b2=0.0, gamma=1.0, weight_decay=0.0)
    p, h = jnp.array([3.0, 3.0, 3.0]), jnp.array([-2.0, 1e-3, 100.0])
    g = jnp.array([-6.0, 5.0, 7.0])
    updates, _ = tx.update(g, tx.init(p), p, grad_fn=lambda p: h * p, key=jax.random.key(0))
    np.testing.assert_allclose(updates, [0.1, -0.1, -0.1 * 0.07], rtol=1e-14)


def test_adahessian_of_power_0_is_descent_along_the_mean_and_of_power_1_newton(x64):
    p, h = jnp.array([3.0, -1.0]), jnp.array([2.0, 50.0])
    extras = {"grad_fn": lambda p: h * p, "key": jax.random.key(0)}
    for power, expected in {0.0: -h * p, 1.0: -p}.items():
        tx = optimizers.adahessian(1.0, eps=1e-30, power=power)
        updates, _ = tx.update(h * p, tx.init(p), p, **extras)
        np.testing.assert_allclose(updates, expected, rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_the_look_stays_a_branch_for_many_members(name):
    tx, p = getattr(optimizers, name)(frequency=3), jnp.ones(3)
    state = tx.init(p)
    axes = jax.tree.map(lambda x: 0 if x.ndim else None, state)
    many = jax.tree.map(lambda x: jnp.stack([x, x]) if x.ndim else x, state)
    member = lambda p, s: tx.update(p, s, p, grad_fn=jnp.sin, key=jax.random.key(0))  # noqa: E731
    run = jax.jit(jax.vmap(member, (0, axes)))
    assert " conditional(" in run.lower(jnp.ones((2, 3)), many).compile().as_text()
