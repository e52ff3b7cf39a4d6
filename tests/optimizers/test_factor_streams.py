"""Rules with factors along gradients whose largest eigenvalues cross, repeat and vanish.

Where eigenvectors are open, as those of an eigenvalue that repeats, what does not depend on them is compared.
"""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from rules_kronecker import numpy_kl, numpy_soap, numpy_splus
from rules_projected import numpy_conda, numpy_galore, on_the_shorter_side

from padl import optimizers
from padl.roles import ParameterRole

ROLE = {"": ParameterRole("matrix", inputs=(1,), outputs=(0,))}
STEPS, SIDE = 24, 3
MOMENTS = {"learning_rate": 0.1, "b1": 0.8, "b2": 0.7, "eps": 1e-3}
STEADY = {**MOMENTS, "weight_decay": 0.0, "frequency": 2}
NUMBERS = {
    "soap": STEADY,
    "shampoo": {**MOMENTS, "frequency": 2},
    "one_sided_shampoo": {**MOMENTS, "frequency": 2},
    "splus": {**{k: v for k, v in STEADY.items() if k != "eps"}, "ema_decay": 0.0},
    "kl_shampoo": STEADY,
    "kl_soap": STEADY,
    "kron": {"learning_rate": 0.1, "b1": 0.8, "weight_decay": 0.0},
    "galore": {**STEADY, "rank": 2, "alpha": 1.0},
    "conda": {**STEADY, "alpha": 1.0},
}
SLOW = {
    "soap": partial(numpy_soap, max_dim=SIDE),
    "splus": numpy_splus,
    "kl_shampoo": partial(numpy_kl, soap=False),
    "kl_soap": partial(numpy_kl, soap=True),
    "galore": on_the_shorter_side(numpy_galore),
    "conda": on_the_shorter_side(numpy_conda),
}
BASES = ("QL", "QR", "P")  # of which columns are orthonormal


def streams():
    """By name: gradients along singular vectors that stay, of lengths that cross or vanish, with a little of all others
    until then; and orthogonal ones, whose singular values are all 1."""
    rng = np.random.default_rng(0)
    U, V = (np.linalg.qr(rng.normal(size=(SIDE, SIDE)))[0] for _ in range(2))
    t = np.arange(STEPS)
    lengths = {
        "cross": np.stack([10.0 ** (1 - t / 8), 10.0 ** (t / 8 - 1), np.full(STEPS, 0.1)], 1),
        "vanish": np.where(t[:, None] < 8, [[3.0, 1.0, 0.3]], [[0.0, 1.0, 0.0]]),
    }
    along = rng.normal(size=(STEPS, SIDE)), 0.1 * rng.normal(size=(STEPS, SIDE, SIDE))
    made = {name: np.einsum("ij,sj,kj->sik", U, along[0] * x, V) for name, x in lengths.items()}
    made["cross"] += along[1]
    made["vanish"][:8] += along[1][:8]
    made["repeat"] = np.stack([np.linalg.qr(x)[0] for x in rng.normal(size=(STEPS, SIDE, SIDE))])
    return made


@cache
def walked(name, dtype):
    """Of each stream: the parameters, and the slots after each step, of one program."""
    tx, made = getattr(optimizers, name)(**NUMBERS[name], roles=ROLE), streams()
    start = jnp.zeros((SIDE, SIDE), dtype)

    def step(carry, g):
        params, state = carry
        updates, state = tx.update(g, state, params, key=jax.random.key(0))
        return (params + updates, state), (params + updates, state)

    along = lambda grads: jax.lax.scan(step, (start, tx.init(start)), grads)[1]  # noqa: E731
    path, states = jax.jit(partial(jax.lax.map, along))(jnp.asarray(np.stack([*made.values()]), dtype))
    states = states.inner if name == "splus" else states
    slots = states.groups["matrices"].slots._asdict()
    of_each = lambda x, i: np.asarray(x[i], np.float64).reshape(STEPS, *x.shape[-2:])  # noqa: E731
    return {
        stream: (of_each(path, i), {slot: of_each(x[""], i) for slot, x in slots.items()})
        for i, stream in enumerate(made)
    }


def test_the_streams_cross_vanish_and_repeat():
    means = {}
    for name, grads in streams().items():
        A = [np.zeros((SIDE, SIDE))]
        for G in grads:
            A.append(0.7 * A[-1] + 0.3 * G @ G.T)
        means[name] = np.linalg.eigh(A[8]), np.linalg.eigh(A[-1])
    (_, before), (_, after) = means["cross"]
    assert abs(before[:, -1] @ after[:, -1]) < 0.1 < 0.9 < abs(before[:, -1] @ after[:, -2])
    assert means["vanish"][1][0][1] < 1e-2 * means["vanish"][0][0][-1]
    np.testing.assert_allclose(means["repeat"][1][0], means["repeat"][1][0][0], rtol=1e-12)


@pytest.mark.parametrize("name", NUMBERS)
def test_every_step_is_finite_and_bases_stay_orthonormal_in_float32(name):
    for stream, (path, slots) in walked(name, "float32").items():
        assert np.isfinite(path).all(), stream
        for slot in set(BASES) & slots.keys() if name in SLOW else ():
            Q = slots[slot][2:]  # soap and its like find them behind the first step
            eye = np.broadcast_to(np.eye(Q.shape[-1]), (len(Q), *[Q.shape[-1]] * 2))
            np.testing.assert_allclose(np.swapaxes(Q, 1, 2) @ Q, eye, atol=1e-5, err_msg=stream)  # 3 columns of float32


# without splus where a direction vanishes: the sign along it is that of rounding then
DEFINITE = [(name, stream) for name in SLOW for stream in ("cross", "vanish") if (name, stream) != ("splus", "vanish")]


@pytest.mark.parametrize(("name", "stream"), DEFINITE)
def test_a_path_through_eigenvalues_that_cross_or_vanish_is_that_of_the_slow_rule(name, stream, x64):
    slow = np.stack([*SLOW[name](np.zeros((SIDE, SIDE)), streams()[stream], **NUMBERS[name])])
    np.testing.assert_allclose(walked(name, "float64")[stream][0], slow, rtol=1e-7, atol=1e-9)


def power(factor, exponent, eps_before=0.0, eps_after=0.0):
    """A power of Σ F Fᵀ, from the singular values of the F side by side, whose squares are never taken."""
    U, s, _ = np.linalg.svd(factor)
    return U @ np.diag(1 / ((s**2 + eps_before) ** exponent + eps_after)) @ U.T


@pytest.mark.parametrize("stream", ["cross", "vanish", "repeat"])
def test_the_roots_of_shampoo_are_those_of_all_gradients_side_by_side(stream, x64):
    grads, b1, b2, eps = streams()[stream], 0.8, 0.7, 1e-3
    W, V, M = np.zeros((SIDE, SIDE)), np.zeros((SIDE, SIDE)), 0
    for k, G in enumerate(grads):
        M = b1 * M + (1 - b1) * G
        if k % 2 == 0:
            weighted = [np.sqrt((1 - b2) * b2 ** (k - i)) * grads[i] for i in range(k + 1)]
            rows, columns = np.hstack(weighted), np.hstack([G.T for G in weighted])
            PL, PR, P = power(rows, 1 / 4, eps), power(columns, 1 / 4, eps), power(rows, 1 / 2, 0, eps)
        W, V = W - 0.1 * PL @ M @ PR, V - 0.1 * P @ M
        np.testing.assert_allclose(walked("shampoo", "float64")[stream][0][k], W, rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(walked("one_sided_shampoo", "float64")[stream][0][k], V, rtol=1e-6, atol=1e-8)


def test_where_all_eigenvalues_are_one_kl_shampoo_divides_by_a_number_whatever_the_bases_are(x64):
    W, M, d = np.zeros((SIDE, SIDE)), 0, 0.1  # of both sides
    path, _ = walked("kl_shampoo", "float64")["repeat"]
    for G, now in zip(streams()["repeat"][1:], path[1:], strict=True):
        M = 0.8 * M + 0.2 * G
        W, d = W - 0.1 * M / (d + 1e-3), 0.7 * d + 0.3 / (3 * d)  # the mean square of a row of 3 numbers is 1/3
        np.testing.assert_allclose(now, W, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", NUMBERS)
def test_when_a_spike_of_ten_thousand_is_forgotten_steps_are_as_long_as_before(name):
    grads = np.random.default_rng(3).normal(size=(150, 4, SIDE)).astype(np.float32)
    grads[30] *= 1e4
    tx = getattr(optimizers, name)(**NUMBERS[name], roles=ROLE)
    update = lambda state, g: tx.update(g, state, jnp.zeros_like(g), key=jax.random.key(0))[::-1]  # noqa: E731
    updates = jax.jit(lambda: jax.lax.scan(update, tx.init(jnp.asarray(grads[0])), jnp.asarray(grads))[1])()
    lengths = np.linalg.norm(updates, axis=(1, 2))
    assert np.isfinite(lengths).all()
    assert 0.5 < lengths[-20:].mean() / lengths[10:30].mean() < 2  # 0.7¹²⁰ of 1e8 is nothing
