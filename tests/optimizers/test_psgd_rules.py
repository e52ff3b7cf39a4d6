"""PSGD-Kron: what its factors learn, when, and when not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from padl import optimizers
from padl.engine.counters import common_scalars
from padl.roles import ParameterRole

ROLE = {"": ParameterRole("matrix", inputs=(1,), outputs=(0,))}
RNG = np.random.default_rng(0)


def followed(tx, grads):
    """The updates of each step, and the state after the last, of one matrix of zeros."""
    grads, keys = jnp.asarray(grads, jnp.float32), jax.random.split(jax.random.key(1), len(grads))

    def step(state, each):
        g, key = each
        updates, state = tx.update(g, state, jnp.zeros_like(g), key=key)
        return state, (updates, state)

    updates, states = jax.jit(lambda: jax.lax.scan(step, tx.init(grads[0]), (grads, keys))[1])()
    of_matrices = states.groups["matrices"]
    slots = {name: np.asarray(x[""])[:, 0] for name, x in of_matrices.slots._asdict().items() if name != "M"}
    return np.asarray(updates), slots, np.asarray(of_matrices.shared.due)


def test_factors_learn_to_make_a_stream_white():
    left, right = np.array([3.0, 1.0, 0.5]), np.array([2.0, 0.3])  # variances of rows and of columns
    U, _ = np.linalg.qr(RNG.normal(size=(3, 3)))
    grads = np.einsum("ij,sjk->sik", U * np.sqrt(left), RNG.normal(size=(6000, 3, 2))) * np.sqrt(right)
    _, slots, _ = followed(optimizers.kron(b1=0.0, factor_rate=0.03, anneal_from=10**6, roles=ROLE), grads)
    assert not np.tril(slots["QL"][-1], -1).any()
    late = [np.kron(QL.T @ QL, QR.T @ QR) for QL, QR in zip(slots["QL"], slots["QR"], strict=True)][2000::10]
    P = np.mean(late, 0)
    variance = np.kron(U * left @ U.T, np.diag(right))
    np.testing.assert_allclose(P @ variance @ P, np.eye(6), atol=0.15)  # of noise: it falls with the rate


def test_factors_that_do_not_learn_leave_the_corrected_mean_up_to_a_length():
    grads = RNG.normal(size=(6, 3, 2)) * np.array([0.1, 1, 10, 0.1, 1, 10])[:, None, None]
    updates, _, _ = followed(optimizers.kron(0.1, 0.8, 0.0, roles=ROLE), grads)
    m = 0
    for t, (g, u) in enumerate(zip(grads, updates, strict=True), start=1):
        m = 0.8 * m + 0.2 * g
        mean = m / (1 - 0.8**t)
        np.testing.assert_allclose(u, -0.1 * mean / max(1, np.sqrt(np.mean(mean**2)) / 1.1), rtol=1e-5)


def test_they_learn_at_every_step_at_first_and_at_one_in_frequency_in_the_end():
    _, slots, due = followed(optimizers.kron(anneal_from=4, frequency=3, roles=ROLE), RNG.normal(size=(2500, 3, 2)))
    moved = (np.diff(slots["QL"], axis=0) != 0).any((1, 2))
    np.testing.assert_array_equal(moved, due[1:] == 1)
    turns = np.flatnonzero(due) + 1
    np.testing.assert_array_equal(turns[:7], [1, 2, 3, 4, 6, 8, 10])
    assert set(np.diff(turns[-100:])) == {3}


def test_the_members_of_a_sweep_share_when_they_learn():
    made = lambda m: optimizers.kron(m["rate"], factor_rate=m["rate"], roles=ROLE)  # noqa: E731
    init = lambda m: made(m).init(jnp.zeros((2, 3)))  # noqa: E731
    step = lambda state, g, m: made(m).update(g, state, g, key=jax.random.key(m["seed"]))[1]  # noqa: E731
    of_many = lambda shape, dtype: jax.ShapeDtypeStruct((1, *shape), dtype)  # noqa: E731
    members = {"rate": of_many((), jnp.float32), "seed": of_many((), jnp.uint32)}
    shared = common_scalars(init, step, of_many((2, 3), jnp.float32), members, dict.fromkeys(members, True))
    assert all(jax.tree.leaves(shared.groups["matrices"].shared))
    assert not any(jax.tree.leaves(shared.groups["matrices"].slots))


@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_a_size_of_all_gradients_is_learned_and_gradients_of_0_leave_the_factors(size):
    grads = size * RNG.normal(size=(700, 3, 2))
    grads[5:10] = 0
    updates, slots, _ = followed(optimizers.kron(1.0, b1=0.0, anneal_from=1000, roles=ROLE), grads)
    assert np.isfinite(updates).all()
    assert (slots["QL"][5:10] == slots["QL"][4]).all()
    assert 0.5 < np.sqrt(np.mean(updates[-50:] ** 2)) < 1.2
