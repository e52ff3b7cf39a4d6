"""Rules with a factor for each side of a matrix: identities, rotations, spikes, and a refresh that stays a branch."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.extend.core import ClosedJaxpr, Jaxpr
from oracle_problem import through_sizes

from padl import optimizers
from padl.engine.operations import DECOMPOSITIONS
from padl.optimizers.transformation import readout_of
from padl.roles import ParameterRole

JAXPRS = (ClosedJaxpr, Jaxpr)
BY_POWERS = ("soap", "kl_shampoo", "kl_soap")  # which branch once more: eigh at first, and a power iteration later
ROLE = {"": ParameterRole("matrix", inputs=(1,), outputs=(0,))}
STACK = {"": ParameterRole("matrix", stacked=(0,), inputs=(1,), outputs=(2,))}
SMOOTH = {  # at which a rule turns with its problem, to rounding
    "soap": {"learning_rate": 0.1, "eps": 1e-2, "frequency": 2},
    "shampoo": {"learning_rate": 0.1, "frequency": 2},
    "one_sided_shampoo": {"learning_rate": 0.1, "frequency": 2},
    "kl_shampoo": {"learning_rate": 0.1, "eps": 1e-2, "frequency": 2},
    "kl_soap": {"learning_rate": 0.1, "eps": 1e-2, "frequency": 2},
}
EVERY = {name: {"frequency": 3} for name in (*SMOOTH, "splus", "galore", "conda")} | {
    "kron": {"frequency": 3, "anneal_from": 0}
}


def walk(tx, start, grads):
    """The parameters of one array after each step."""

    def step(carry, g):
        params, state = carry
        updates, state = tx.update(g, state, params)
        params = optax.apply_updates(params, updates)
        return (params, state), params

    start, grads = jnp.asarray(start), jnp.asarray(grads)
    return np.asarray(jax.jit(lambda: jax.lax.scan(step, (start, tx.init(start)), grads)[1])())


def matrix_problem(shape=(3, 4), steps=8):
    rng = np.random.default_rng(1)
    return rng.normal(size=shape), rng.normal(size=(steps, *shape))


@pytest.mark.parametrize("name", SMOOTH)
def test_a_problem_that_is_turned_has_the_path_turned(name, x64):
    start, grads = matrix_problem((3, 3))
    rng = np.random.default_rng(2)
    U, V = (np.linalg.qr(rng.normal(size=(3, 3)))[0] for _ in range(2))
    tx = getattr(optimizers, name)(**SMOOTH[name], roles=ROLE)
    np.testing.assert_allclose(walk(tx, U @ start @ V, U @ grads @ V), U @ walk(tx, start, grads) @ V, rtol=1e-8)


@pytest.mark.parametrize("name", EVERY)
def test_gradients_of_0_a_spike_and_one_of_rank_1_give_no_nan(name):
    shapes = ((3,), (2, 3), (3, 1), (1, 1), (0, 3), (0, 0))
    roles = {str(shape): ROLE[""] if len(shape) > 1 else ParameterRole("bias", outputs=(0,)) for shape in shapes}
    tx = getattr(optimizers, name)(**EVERY[name], roles=roles)
    updates, states = through_sizes(tx, [0, 1, 1, 1e4, 1, 1e30, 1, 1e-30, 0, 1], shapes=shapes)
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(updates))
    assert not any(np.isnan(x).any() for x in jax.tree.leaves(states))


def decompositions(jaxpr, branches=0):
    """Of each decomposition in a program: the axes of what it takes, and how many branches it is in."""
    for equation in jaxpr.eqns:
        name = equation.primitive.name
        if name in DECOMPOSITIONS:
            yield equation.invars[0].aval.ndim, branches
        for inner in jax.tree.leaves(list(equation.params.values()), is_leaf=lambda x: isinstance(x, JAXPRS)):
            if isinstance(inner, JAXPRS):
                yield from decompositions(getattr(inner, "jaxpr", inner), branches + (name == "cond"))


@pytest.mark.parametrize("name", EVERY)
def test_the_refresh_stays_a_branch_for_a_stack_and_for_many_members(name):
    tx = getattr(optimizers, name)(**EVERY[name], roles=STACK)
    params = jnp.ones((2, 3, 2))
    state = tx.init(params)
    member = lambda scale, state: tx.update(scale * params, state, params, key=jax.random.key(0))  # noqa: E731

    def of_many(scales, state):  # as a sweep: the counts are shared
        axes = jax.tree.map(lambda x: 0 if x.ndim else None, state)
        return jax.vmap(member, (0, axes))(scales, state)  # slots too: what is read by none is not computed

    many = jax.tree.map(lambda x: jnp.stack([x, x]) if x.ndim else x, state)
    alone = [within for _, within in decompositions(jax.make_jaxpr(member)(1.0, state).jaxpr)]
    together = jax.jit(of_many).trace(jnp.ones(2), many)
    assert [within for _, within in decompositions(together.jaxpr.jaxpr)] == alone
    assert min(alone) == (2 if name in BY_POWERS else 1)
    assert " conditional(" in together.lower().compile().as_text()


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_the_state_keeps_its_dtypes_and_none_is_promoted_in_silence(name, dtype):
    tx = getattr(optimizers, name)(**EVERY[name], roles=STACK)
    params, grads = jnp.ones((2, 3, 2), dtype), jnp.ones((2, 3, 2), jnp.float16)
    state = jax.eval_shape(tx.init, params)
    with jax.numpy_dtype_promotion("strict"):
        update = lambda g, s, p: tx.update(g, s, p, key=jax.random.key(0))  # noqa: E731
        updates, after = jax.eval_shape(update, grads, state, params)
    assert updates.dtype == dtype
    types = lambda tree: jax.tree.map(lambda x: (x.shape, x.dtype, x.weak_type), tree)  # noqa: E731
    assert types(after) == types(state)


@pytest.mark.parametrize("name", [*EVERY, "muon", "scion"])
def test_matrices_of_a_stack_are_decomposed_one_at_a_time(name):
    exact = {"polar": "exact"} if name in ("muon", "scion") else {}
    tx, params = getattr(optimizers, name)(**exact, roles=STACK), jnp.ones((2, 3, 2))
    update = lambda g, s: tx.update(g, s, g, key=jax.random.key(0))  # noqa: E731
    found = [*decompositions(jax.make_jaxpr(update)(params, tx.init(params)).jaxpr)]
    assert {axes for axes, _ in found} == {2}


def test_soap_without_bases_is_adam_a_step_late(x64):
    start, grads = matrix_problem()
    numbers = {"learning_rate": 0.1, "b1": 0.8, "b2": 0.95, "weight_decay": 0.0}
    soap = walk(optimizers.soap(**numbers, eps=1e-30, max_dim=1, roles=ROLE), start, grads)
    np.testing.assert_allclose(soap[0], start, rtol=0)
    del numbers["weight_decay"]
    adam = walk(optimizers.adam(**numbers, eps=1e-30), start, grads[1:])
    np.testing.assert_allclose(soap[1:], adam, rtol=1e-12)


def test_soap_of_matrices_of_one_number_is_adam_a_step_late(x64):
    start, grads = matrix_problem((4, 1, 1))
    soap = walk(optimizers.soap(0.1, 0.8, 0.95, 1e-30, 0.0, roles=STACK), start, grads)
    np.testing.assert_allclose(soap[1:], walk(optimizers.adam(0.1, 0.8, 0.95, 1e-30), start, grads[1:]), rtol=1e-12)


def test_kl_soap_in_the_basis_of_a_diagonal_gradient_is_adam_without_corrections_a_step_late(x64):
    start, grads = matrix_problem((3, 3))
    grads[0] = np.diag([3.0, 2.0, 1.0])
    tx = optimizers.kl_soap(0.1, 0.8, 0.95, 1e-3, 0.0, frequency=100, roles=ROLE)
    walked, w, m, v = walk(tx, start, grads), start, 0, 0
    for g, now in zip(grads[1:], walked[1:], strict=True):
        m, v = 0.8 * m + 0.2 * g, 0.95 * v + 0.05 * g**2
        w = w - 0.1 * m / (np.sqrt(v) + 1e-3)
        np.testing.assert_allclose(now, w, rtol=1e-10)


def test_kl_shampoo_of_matrices_of_one_number_divides_by_the_root_of_two_variances(x64):
    start, grads = matrix_problem((4, 1, 1))
    walked = walk(optimizers.kl_shampoo(0.1, 0.0, 0.8, 1e-3, 0.0, roles=STACK), start, grads)
    d, w = np.full((4, 1, 1), 0.1), start
    for g, now in zip(grads[1:], walked[1:], strict=True):
        w = w - 0.1 * g / (d + 1e-3)  # √(d d), as both are one
        d = np.maximum(0.8 * d + 0.2 * g**2 / d, 0.01)
        np.testing.assert_allclose(now, w, rtol=1e-10)


def test_the_factors_of_kl_shampoo_find_a_variance_that_is_a_product():
    rng = np.random.default_rng(0)
    left, right = np.array([3.0, 1.0, 0.5]), np.array([2.0, 0.3])  # of the rows and of the columns
    grads = rng.normal(size=(3000, 3, 2)) * np.sqrt(np.outer(left, right))
    tx = optimizers.kl_shampoo(b2=0.998, frequency=100, roles=ROLE)
    step = lambda state, g: (tx.update(g, state, jnp.zeros((3, 2)))[1], None)  # noqa: E731
    grads = jnp.asarray(grads, jnp.float32)
    state = jax.jit(lambda: jax.lax.scan(step, tx.init(grads[0]), grads)[0])()
    slots = state.groups["matrices"].slots
    found = np.kron(*(np.asarray(jax.tree.leaves(getattr(slots, name))[0][0]) for name in ("L", "R")))
    np.testing.assert_allclose(found, np.diag(np.outer(left, right).ravel()), atol=0.6)  # 500 are remembered


def test_splus_of_matrices_of_one_number_is_signum(x64):
    start, grads = matrix_problem((4, 1, 1))
    walked = walk(optimizers.splus(0.1, 0.8, weight_decay=0.0, frequency=2, roles=STACK), start, grads)
    np.testing.assert_allclose(walked, walk(optimizers.signum(0.1, momentum=0.8), start, grads), rtol=1e-12)


def test_a_step_of_splus_has_one_length_however_old_its_bases_are(x64):
    start, grads = matrix_problem((3, 4))
    grads *= 10.0 ** np.arange(-4, 4)[:, None, None]
    path = walk(optimizers.splus(0.7, weight_decay=0.0, frequency=100, roles=ROLE), start, grads)
    steps = np.linalg.norm(np.diff([start, *path], axis=0), axis=(1, 2))
    np.testing.assert_allclose(steps, 0.7 * 2 / 7 * np.sqrt(12), rtol=1e-10)


def test_splus_judges_what_an_average_around_it_would(x64):
    start, grads = (jnp.asarray(x) for x in matrix_problem((3, 4)))
    numbers = {"learning_rate": 0.5, "frequency": 2, "roles": ROLE}

    def judged(tx):
        walked, state = start, tx.init(start)
        for g in grads[:3]:
            updates, state = jax.jit(tx.update)(g, state, walked)
            walked = walked + updates
        return readout_of(tx)(state, walked), walked

    inside, walked = judged(optimizers.splus(**numbers, ema_decay=0.7))
    around, _ = judged(optimizers.ema(optimizers.splus(**numbers, ema_decay=0.0), decay=0.7))
    np.testing.assert_allclose(inside, around, rtol=1e-12)
    assert abs(inside - walked).max() > 0.01


def adagrad_of_a_full_matrix(w, grads, eps):
    """Duchi et al. 2011, figure 1: (Σ g gᵀ + ε I)^-½ g."""
    total = eps * np.eye(len(w))
    for g in grads:
        total = total + np.outer(g, g)
        lam, Q = np.linalg.eigh(total)
        w = w - 0.1 * Q @ (Q.T @ g / np.sqrt(lam))
        yield w


def test_one_sided_shampoo_of_one_input_is_adagrad_with_a_full_matrix(x64):
    start, grads = matrix_problem((4, 1))
    walked = walk(optimizers.one_sided_shampoo(0.1, 0.0, 1.0, 1e-12, roles=ROLE), start, grads)
    expected = [*adagrad_of_a_full_matrix(start[:, 0], grads[:, :, 0], 1e-12)]
    np.testing.assert_allclose(walked[:, :, 0], expected, rtol=1e-6)  # ε is outside of the root in the one


def test_one_sided_shampoo_of_the_shorter_side_is_that_of_the_outputs_of_the_matrix_or_of_its_transpose(x64):
    numbers = {"learning_rate": 0.1, "b2": 0.9, "frequency": 2, "roles": ROLE}
    shorter, outputs = (optimizers.one_sided_shampoo(**numbers, side=side) for side in ("shorter", "outputs"))
    start, grads = matrix_problem((3, 4))
    np.testing.assert_allclose(walk(shorter, start, grads), walk(outputs, start, grads), rtol=1e-12)
    turned = walk(shorter, start.T, grads.swapaxes(1, 2))
    np.testing.assert_allclose(turned.swapaxes(1, 2), walk(outputs, start, grads), rtol=1e-12)


@pytest.mark.parametrize("name", ["shampoo", "one_sided_shampoo"])
def test_with_a_graft_of_rms_a_step_is_as_long_as_a_usual_one_of_adamw(name, x64):
    start, grads = matrix_problem((3, 4))
    path = walk(getattr(optimizers, name)(0.1, graft="rms", roles=ROLE), start, grads)
    steps = np.diff([start, *path], axis=0)
    np.testing.assert_allclose(np.sqrt(np.mean(steps**2, (1, 2))), 0.1 * 0.2, rtol=1e-10)


@pytest.mark.parametrize("name", ["shampoo", "one_sided_shampoo"])
def test_of_matrices_of_one_number_it_is_adagrad(name, x64):
    start, grads = matrix_problem((4, 1, 1))
    walked = walk(getattr(optimizers, name)(0.1, 0.0, 1.0, 1e-3, roles=STACK), start, grads)
    root = np.sqrt(np.cumsum(grads**2, 0) + 1e-3) if name == "shampoo" else np.sqrt(np.cumsum(grads**2, 0)) + 1e-3
    np.testing.assert_allclose(walked, start - np.cumsum(0.1 * grads / root, 0))


def test_one_sided_shampoo_of_one_output_divides_by_one_norm(x64):
    start, grads = matrix_problem((1, 4))
    walked = walk(optimizers.one_sided_shampoo(0.1, 0.0, 1.0, 1e-3, roles=ROLE), start, grads)
    norms = np.sqrt(np.cumsum(np.sum(grads**2, (1, 2)), 0)) + 1e-3
    np.testing.assert_allclose(walked, start - np.cumsum(0.1 * grads / norms[:, None, None], 0))


def test_shampoo_of_one_input_has_one_fourth_of_the_power_from_the_matrix_and_one_from_its_trace(x64):
    start, grads = matrix_problem((4, 1))
    walked, w = walk(optimizers.shampoo(0.1, 0.0, 1.0, 1e-3, roles=ROLE), start, grads), start[:, 0]
    for k, now in enumerate(walked[:, :, 0], start=1):
        g = grads[:k, :, 0]
        lam, Q = np.linalg.eigh(g.T @ g + 1e-3 * np.eye(4))
        w = w - 0.1 * Q @ (Q.T @ g[-1] / lam**0.25) / (np.sum(g**2) + 1e-3) ** 0.25
        np.testing.assert_allclose(now, w, rtol=1e-10)


def test_shampoo_of_order_1_is_adagrad_with_a_full_matrix(x64):
    start, grads = matrix_problem((3, 2))
    walked, w = walk(optimizers.shampoo(0.1, 0.0, 1.0, 1e-3, order=1, roles=ROLE), start, grads), start.reshape(-1)
    for k, now in enumerate(walked, start=1):
        g = grads[:k].reshape(k, -1)
        lam, Q = np.linalg.eigh(g.T @ g + 1e-3 * np.eye(6))
        w = w - 0.1 * Q @ (Q.T @ g[-1] / lam**0.5)
        np.testing.assert_allclose(now.reshape(-1), w, rtol=1e-9)


def test_shampoo_of_order_1_does_not_care_how_the_numbers_of_a_matrix_lie(x64):
    start, grads = matrix_problem((3, 2))
    tx = optimizers.shampoo(0.1, order=1, frequency=2, roles=ROLE)
    turned = walk(tx, start.T, grads.swapaxes(1, 2)).swapaxes(1, 2)
    np.testing.assert_allclose(turned, walk(tx, start, grads), rtol=1e-9)


def test_shampoo_with_a_graft_of_sgd_steps_as_far_as_sgd_and_from_the_first_step_along_all_directions(x64):
    start, grads = matrix_problem((3, 3))
    tx = optimizers.shampoo(0.1, b1=0.0, eps=1e-12, graft="sgd", roles=ROLE)
    path = walk(tx, start, grads)
    steps = np.linalg.norm(np.diff([start, *path], axis=0), axis=(1, 2))
    np.testing.assert_allclose(steps, 0.1 * np.linalg.norm(grads, axis=(1, 2)), rtol=1e-10)
    first = np.linalg.svd(path[0] - start, compute_uv=False)
    np.testing.assert_allclose(
        first, first[0], rtol=1e-4
    )  # ε beside the smallest eigenvalue: of the order of 1e-12/1e-4
