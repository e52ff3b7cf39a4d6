"""A rule for one matrix: parameters lie as their roles say, and each matrix of a stack is one for itself."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from padl.optimizers.descend import descend
from padl.optimizers.matrixwise import form_of, matrices_and_others, matrixwise
from padl.roles import ParameterRole
from padl.types import PadlError

RNG = np.random.default_rng(0)
ROLES = {
    "outputs first": ParameterRole("matrix", inputs=(1,), outputs=(0,)),
    "outputs last": ParameterRole("matrix", inputs=(0,), outputs=(1,)),
    "heads": ParameterRole("matrix", inputs=(0,), outputs=(1, 2)),
    "stack": ParameterRole("matrix", inputs=(1,), outputs=(2,), stacked=(0,)),
    "convolution": ParameterRole("convolution", inputs=(0, 1, 2), outputs=(3,)),
}
SHAPES = {
    "outputs first": (2, 3),
    "outputs last": (3, 2),
    "heads": (3, 2, 2),
    "stack": (4, 3, 2),
    "convolution": (2, 2, 3, 5),
}
SIZES = {
    "outputs first": (1, 2, 3),
    "outputs last": (1, 2, 3),
    "heads": (1, 4, 3),
    "stack": (4, 2, 3),
    "convolution": (1, 5, 12),
}
PARAMS = {name: jnp.asarray(RNG.standard_normal(shape), jnp.float32) for name, shape in SHAPES.items()}
GRADS = {name: jnp.asarray(RNG.standard_normal(shape), jnp.float32) for name, shape in SHAPES.items()}


class Slots(NamedTuple):
    m: jax.Array
    left: jax.Array


def whitened(decomposes=False, roles=ROLES):
    """M = M + G; L = L + G Gᵀ; D = L M: not the same for a matrix and its transpose."""

    def direction(g, s, p, t):
        m, left = s.m + g, s.left + g @ g.T
        return left @ m, Slots(m, left)

    init = lambda w: Slots(jnp.zeros_like(w), jnp.zeros((w.shape[0], w.shape[0]), w.dtype))  # noqa: E731
    return descend(matrixwise(init, direction, roles, mirrors=("m",), decomposes=decomposes), 1.0)


@pytest.mark.parametrize("name", SHAPES)
def test_a_parameter_is_matrices_of_outputs_by_inputs_and_comes_back(name):
    form = form_of(SHAPES[name], ROLES[name])
    assert (form.count, form.m, form.n) == SIZES[name]
    matrices = form.matrices(GRADS[name])
    assert matrices.shape == SIZES[name]
    np.testing.assert_array_equal(form.array(matrices), GRADS[name])


@pytest.mark.parametrize("decomposes", [False, True], ids=["all at once", "one after the other"])
def test_the_update_is_that_of_each_matrix_alone(decomposes):
    tx = whitened(decomposes)
    updates, state = GRADS, tx.init(PARAMS)
    for _ in range(2):
        updates, state = jax.jit(tx.update)(GRADS, state, PARAMS)
    for name in SHAPES:
        form = form_of(SHAPES[name], ROLES[name])
        expected = [-(2 * g @ g.T) @ (2 * g) for g in np.asarray(form.matrices(GRADS[name]), np.float64)]
        np.testing.assert_allclose(form.matrices(updates[name]), expected, rtol=1e-5, atol=1e-5)  # float32 products
        assert state.slots.m[name].shape == SHAPES[name]
        assert state.slots.left[name].shape == (form.count, form.m, form.m)


def test_a_kernel_and_its_transpose_move_alike():
    other = {name: ROLES[name] for name in ("outputs first", "outputs last")}
    params = {"outputs first": PARAMS["outputs first"], "outputs last": PARAMS["outputs first"].T}
    tx = whitened(roles=other)
    updates, _ = tx.update(params, tx.init(params), params)
    np.testing.assert_allclose(updates["outputs first"], updates["outputs last"].T, rtol=1e-6)


def test_a_parameter_that_is_no_matrix_is_refused_or_has_the_other_optimizer():
    params = {**PARAMS, "bias": jnp.ones(3)}
    roles = {**ROLES, "bias": ParameterRole("bias", outputs=(0,))}
    with pytest.raises(PadlError, match="a parameter of the role 'bias' is no matrix: give it another optimizer"):
        whitened(roles=roles).init(params)
    other = descend(matrixwise(lambda w: Slots(w, w), lambda g, s, p, t: (g, s), roles), 1.0)
    both = matrices_and_others(whitened(roles=roles), other, roles, ("matrix", "bias"))
    with pytest.raises(PadlError, match="role 'bias'"):
        both.init(params)
