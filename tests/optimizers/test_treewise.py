"""A rule over all parameters together: its scalars are sums over the tree; what it needs comes in its own form."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from padl.optimizers.descend import descend, move
from padl.optimizers.treewise import treewise
from padl.optimizers.vectors import Vector, dot, each, norm, total, zeros_like
from padl.types import PadlError

PARAMS = {"a": np.float32([[1.0, -2.0], [0.5, 3.0]]), "b": np.float32(0.25)}
GRADS = {"a": np.float32([[0.1, 0.2], [-0.3, 4.0]]), "b": np.float32(-1.0)}


class Far(NamedTuple):
    start: Vector
    far: jax.Array


def farthest(learning_rate=0.1, **options):
    """The direction is the gradient over its norm, as long as the longest way from the start, at least 1."""

    def direction(g, s, p, t):
        far = jnp.maximum(s.far, norm(p - s.start))
        return far * g / norm(g), Far(s.start, far)

    return descend(treewise(lambda p: Far(p, jnp.asarray(1.0)), direction, needs=("params",)), learning_rate, **options)


def flat(tree):
    return np.concatenate([np.ravel(x) for x in jax.tree.leaves(tree)])


def test_its_scalars_are_sums_over_all_arrays():
    tx = farthest()
    params, state = PARAMS, tx.init(PARAMS)
    x, start, far = flat(PARAMS).astype(np.float64), flat(PARAMS), 1.0
    for _ in range(3):
        updates, state = jax.jit(tx.update)(GRADS, state, params)
        params = optax.apply_updates(params, updates)
        far = max(far, np.linalg.norm(x - start))
        x = x - 0.1 * far * flat(GRADS) / np.linalg.norm(flat(GRADS))
        np.testing.assert_allclose(flat(params), x, rtol=1e-6)
    assert state.slots.start["a"].shape == (2, 2)
    assert state.slots.far.shape == ()


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_updates_come_in_the_dtype_of_the_parameters_and_the_state_keeps_its_own(dtype):
    tx = farthest(lambda count: 0.1)
    params = jax.tree.map(lambda x: jnp.asarray(x, dtype), PARAMS)
    step = lambda state: tx.update(GRADS, state, params)  # noqa: E731
    state = jax.eval_shape(tx.init, params)
    updates, after = jax.eval_shape(step, state)
    assert {x.dtype for x in jax.tree.leaves(updates)} == {jnp.dtype(dtype)}
    types = lambda tree: jax.tree.map(lambda x: (x.dtype, x.weak_type), tree)  # noqa: E731
    assert types(after) == types(state)


def test_a_function_that_it_needs_takes_and_gives_vectors():
    seen = []

    def update(g, s, p, t, grad_fn, value_fn, learning_rate):
        seen.append((type(grad_fn(p)), value_fn(p).shape))
        return -learning_rate * grad_fn(p + g), s

    tx = move(treewise(lambda p: (), update, needs=("params", "grad_fn", "value_fn", "learning_rate")), 0.1)
    loss = lambda p: sum(jnp.sum(x**2) for x in jax.tree.leaves(p))  # noqa: E731
    extras = {"grad_fn": jax.grad(loss), "value_fn": loss}
    updates, _ = tx.update(GRADS, tx.init(PARAMS), PARAMS, **extras)
    np.testing.assert_allclose(flat(updates), -0.2 * (flat(PARAMS) + flat(GRADS)), rtol=1e-6)
    assert seen == [(Vector, ())]
    assert tx.needs == {"grad_fn", "value_fn"}
    with pytest.raises(PadlError, match=r"reads grad_fn .* call update\(grads, state, params, grad_fn=...\)"):
        tx.update(GRADS, tx.init(PARAMS), PARAMS, value_fn=loss)
    with pytest.raises(PadlError, match=r"reads the parameters .* call update\(grads, state, params\)"):
        tx.update(GRADS, tx.init(PARAMS), **extras)


def test_a_slot_in_half_precision_is_computed_in_full():
    class Mean(NamedTuple):
        m: Vector

    def make(dtype):
        direction = lambda g, s, p, t: ((m := 0.9 * s.m + 0.1 * g), Mean(m))  # noqa: E731
        return descend(treewise(lambda p: Mean(zeros_like(p)), direction, dtypes={"m": dtype}), 0.1)

    for dtype in ("bfloat16", "bfloat16_stochastic"):
        tx = make(dtype)
        extras = {"key": jax.random.key(0)} if dtype != "bfloat16" else {}
        updates, state = tx.update(GRADS, tx.init(PARAMS), PARAMS, **extras)
        assert {x.dtype for x in jax.tree.leaves(state.slots)} == {jnp.dtype("bfloat16")}
        np.testing.assert_allclose(flat(updates), -0.01 * flat(GRADS), rtol=1e-6)
        np.testing.assert_allclose(flat(state.slots.m).astype(np.float32), 0.1 * flat(GRADS), rtol=2**-7)


def test_a_vector_computes_as_one_array_does():
    u, v = (Vector(jnp.asarray(x) for x in jax.tree.leaves(tree)) for tree in (PARAMS, GRADS))
    a, b = flat(PARAMS), flat(GRADS)
    pairs = [
        (u + v, a + b), (u - v, a - b), (u * v, a * b), (u / v, a / b), (2 - u, 2 - a), (2 / u, 2 / a), (3 * u, 3 * a),
        (u**2, a**2), (-u, -a), (abs(u), abs(a)), (each(jnp.sign, u), np.sign(a)), (u - 1.0, a - 1.0),
    ]  # fmt: skip
    for vector, expected in pairs:
        np.testing.assert_allclose(flat(vector.arrays), expected, rtol=1e-6)
    scalars = [(dot(u, v), a @ b), (norm(u), np.linalg.norm(a)), (total(u), a.sum())]
    for scalar, expected in scalars:
        np.testing.assert_allclose(scalar, expected, rtol=1e-6)
    assert float(norm(Vector(()))) == 0.0
