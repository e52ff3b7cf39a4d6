"""ademamix, simplified_ademamix, mars and adam_mini: cases of other rules, Optax, warm-ups, clips, blocks."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from numpy_rules import MOMENTS as M
from oracle_problem import follows
from rules_mixtures import MOMENTS, numpy_adam_mini
from same_path import agree, shaken

from padl import optimizers
from padl.optimizers.mixtures import half_life_ramp
from padl.roles import ParameterRole, usual

SAME = {
    "ademamix(alpha=0) = adamw": lambda: (
        optimizers.ademamix(0.1, **M, b3=0.97, alpha=0.0, weight_decay=0.3),
        optimizers.adamw(0.1, **M, weight_decay=0.3),
    ),
    "ademamix(b1=0) = simplified_ademamix": lambda: (  # of α m₂ = α (1-b3) Σ, all divided by α (1-b3)
        optimizers.ademamix(0.1, 0.0, 0.95, b3=0.9, alpha=5.0, eps=1e-3, weight_decay=0.3),
        optimizers.simplified_ademamix(0.05, 0.9, 0.95, alpha=2.0, eps=1e-3, weight_decay=0.6),
    ),
    "simplified_ademamix(b1=0, alpha=2) = adam(b1=0) at three times the rate": lambda: (
        optimizers.simplified_ademamix(0.1, 0.0, 0.95, alpha=2.0, eps=1e-3),
        optimizers.adam(0.3, 0.0, 0.95, 1e-3),
    ),
    "mars(gamma=0) = adamw on clipped gradients": lambda: (
        optimizers.mars(0.1, 0.8, 0.95, gamma=0.0, eps=1e-3, weight_decay=0.3),
        optax.chain(optax.clip_by_global_norm(1.0), optimizers.adamw(0.1, **M, weight_decay=0.3)),
    ),
    "mars(b1=0) = adamw on clipped gradients": lambda: (
        optimizers.mars(0.1, 0.0, 0.95, gamma=0.5, eps=1e-3, weight_decay=0.3),
        optax.chain(optax.clip_by_global_norm(1.0), optimizers.adamw(0.1, 0.0, 0.95, 1e-3, weight_decay=0.3)),
    ),
    "adam_mini(partition=rows) of a vector = adam": lambda: (
        optimizers.adam_mini(0.1, **M, partition="rows"),
        optimizers.adam(0.1, **M),
    ),
    "adam_mini(partition=columns) of a vector = adamw": lambda: (
        optimizers.adam_mini(0.1, **M, weight_decay=0.3, partition="columns"),
        optimizers.adamw(0.1, **M, weight_decay=0.3),
    ),
}
IN_OPTAX = {
    "ademamix": lambda: (
        optimizers.ademamix(0.1, **M, b3=0.97, alpha=3.0, weight_decay=0.3),
        optax.contrib.ademamix(0.1, 0.8, 0.95, 0.97, 3.0, 1e-3, weight_decay=0.3),
    ),
    "simplified_ademamix": lambda: (
        optimizers.simplified_ademamix(0.02, 0.97, 0.95, alpha=3.0, eps=1e-3, weight_decay=0.3),
        optax.contrib.simplified_ademamix(0.02, 0.97, 0.95, 3.0, 1e-3, weight_decay=0.3),
    ),
}


@pytest.mark.parametrize("identity", SAME)
def test_one_mixture_is_a_case_of_another_rule(identity, x64):
    agree(*SAME[identity]())


def test_adam_mini_of_a_scalar_is_adam(x64):
    agree(optimizers.adam_mini(0.1, **M), optimizers.adam(0.1, **M), array="scalar")


@pytest.mark.parametrize("name", IN_OPTAX)
def test_optax_takes_the_path_of_a_mixture(name, x64):
    agree(*IN_OPTAX[name]())


# Warm-ups


def test_a_ramp_of_a_decay_rate_has_its_half_life_on_a_line():
    half_life = lambda beta: np.log(0.5) / np.log(beta)  # noqa: E731
    rates = half_life_ramp(jnp.array([0.0, 25.0, 50.0, 100.0, 1e6]), 0.9, 0.999, 100.0)
    low, high = half_life(0.9), half_life(0.999)
    expected = [low, 0.75 * low + 0.25 * high, (low + high) / 2, high, high]
    np.testing.assert_allclose(half_life(np.asarray(rates)), expected, rtol=1e-4)  # 1 - 0.999 in float32
    assert float(rates[-1]) == np.float32(0.999)


@pytest.mark.parametrize(("start", "end"), [(0.0, 0.99), (0.9, 0.0), (0.0, 0.0)])
def test_a_ramp_from_or_to_a_rate_of_0_is_finite(start, end):
    rates = np.asarray(half_life_ramp(jnp.arange(1.0, 6.0), start, end, 4.0))
    assert ((rates >= 0) & (rates < 1)).all()
    assert rates[-1] == np.float32(end)


# mars


def test_mars_clips_each_array_and_begins_as_if_the_gradient_had_been_0(x64):
    # m̂ / (√v̂ + eps) hides the length of c but for eps, which is large here; timm 1.0.31 begins with c = g.
    tx = optimizers.mars(1.0, b1=0.5, b2=0.5, gamma=1.0, eps=1.0)
    params = {"short": jnp.zeros(1), "long": jnp.zeros(2)}
    updates, _ = tx.update({"short": jnp.array([0.25]), "long": jnp.array([30.0, 40.0])}, tx.init(params), params)
    np.testing.assert_allclose(updates["short"], [-0.5 / 1.5], rtol=1e-12)  # c = 0.25 + 1 × 0.25
    np.testing.assert_allclose(updates["long"], [-0.6 / 1.6, -0.8 / 1.8], rtol=1e-12)  # 100 is shortened to 1


def test_the_clip_of_mars_holds_where_the_square_of_a_gradient_overflows():
    tx = optimizers.mars(1.0, eps=1e-3)
    params = jnp.zeros(2)
    updates, state = tx.update(jnp.array([3e30, 4e30]), tx.init(params), params)
    np.testing.assert_allclose(updates, [-0.6 / 0.601, -0.8 / 0.801], rtol=1e-4)  # float32
    for g in (1.0, -1e30, 0.0):
        updates, state = tx.update(jnp.full(2, g), state, params)
        assert np.isfinite(updates).all()
    assert all(np.isfinite(slot).all() for slot in state.slots)


# Blocks


@pytest.mark.parametrize("partition", ["rows", "columns"])
def test_a_partition_of_adam_mini_is_the_papers_block_by_block(partition, x64):
    follows("adam_mini", numpy_adam_mini, {**MOMENTS, "partition": partition})


@pytest.mark.parametrize(
    ("partition", "shapes"),
    [("arrays", [(1, 1), (1,), ()]), ("rows", [(4, 1), (3,), ()]), ("columns", [(1, 5), (3,), ()])],
)
def test_adam_mini_keeps_one_number_for_a_block(partition, shapes):
    params = [jnp.zeros((4, 5)), jnp.zeros(3), jnp.zeros(())]
    state = optimizers.adam_mini(partition=partition).init(params)
    assert [nu.shape for nu in state.slots.nu] == shapes


WHOLE = lambda shape: [...]  # noqa: E731
OUTPUTS = lambda shape: [(..., i) for i in range(shape[-1])]  # noqa: E731
EACH = lambda shape: list(np.ndindex(shape))  # noqa: E731
BLOCKS = {  # {path: (shape, role, blocks)}
    "embed.embedding": ((5, 3), usual("embedding", 2), lambda shape: [*range(shape[0])]),
    "head.kernel": ((3, 5), usual("head", 2), OUTPUTS),
    "mlp.kernel": ((3, 4), usual("matrix", 2), OUTPUTS),
    "torch.weight": ((4, 3), ParameterRole("matrix", (1,), (0,)), lambda shape: [*range(shape[0])]),
    "attention.query.kernel": (
        (3, 2, 4),
        ParameterRole("matrix", (0,), (1, 2)),
        lambda shape: [np.s_[:, 0], np.s_[:, 1]],
    ),
    "attention.key.kernel": (
        (3, 2, 4),
        ParameterRole("matrix", (0,), (1, 2)),
        lambda shape: [np.s_[:, 0], np.s_[:, 1]],
    ),
    "attention.value.kernel": (
        (3, 2, 4),
        ParameterRole("matrix", (0,), (1, 2)),
        lambda shape: [np.s_[:, i, j] for i in range(2) for j in range(4)],
    ),
    "attention.out.kernel": ((2, 4, 3), ParameterRole("matrix", (0, 1), (2,)), OUTPUTS),
    "q_proj.kernel": ((3, 8), usual("matrix", 2), OUTPUTS),  # its heads lie in one axis with their features
    "scanned.kernel": (
        (2, 3, 4),
        usual("matrix", 3),
        lambda shape: [np.s_[i, :, j] for i in range(2) for j in range(4)],
    ),
    "scanned.bias": ((2, 4), ParameterRole("bias", (), (1,), (0,)), EACH),
    "conv.kernel": ((3, 3, 2, 4), usual("convolution", 4), OUTPUTS),
    "mlp.bias": ((4,), usual("bias", 1), EACH),
    "attention.query.bias": ((2, 4), usual("bias", 2), EACH),
    "norm.scale": ((3,), usual("norm", 1), WHOLE),
    "temperature": ((2, 2), usual("other", 2), WHOLE),
}


@pytest.mark.parametrize("path", BLOCKS)
def test_the_blocks_of_adam_mini_are_those_of_the_role(path, x64):
    shape, role, blocks = BLOCKS[path]
    rng = np.random.default_rng(0)
    start, grads = rng.normal(size=shape), rng.normal(size=(4, *shape)) * 10.0 ** rng.integers(-2, 2, size=shape)
    tx, params = optimizers.adam_mini(**MOMENTS, roles={path: role}), {path: jnp.asarray(start)}
    state = tx.init(params)
    assert state.slots.nu[path].size == len(blocks(shape))
    for g, expected in zip(grads, numpy_adam_mini(start, grads, **MOMENTS, partition=blocks(shape)), strict=True):
        updates, state = tx.update({path: jnp.asarray(g)}, state, params)
        params = optax.apply_updates(params, updates)
        np.testing.assert_allclose(params[path], expected, rtol=1e-12)


def test_adam_mini_infers_roles_from_names_and_takes_what_they_do_not_say_whole():
    names = {"embed": {"embedding": (5, 3)}, "layer": {"kernel": (3, 4), "bias": (4,)}, "x": (3, 4)}
    params = jax.tree.map(jnp.zeros, names, is_leaf=lambda x: isinstance(x, tuple))
    nu = optimizers.adam_mini().init(params).slots.nu
    shapes = jax.tree.map(jnp.shape, nu)
    assert shapes == {"embed": {"embedding": (5, 1)}, "layer": {"kernel": (1, 4), "bias": (4,)}, "x": (1, 1)}


@pytest.mark.parametrize("name", ["ademamix", "simplified_ademamix", "adam_mini"])
def test_a_mixture_stays_finite_behind_a_gradient_whose_square_is_infinite(name):
    updates, state = shaken(getattr(optimizers, name)(learning_rate=1.0))
    assert np.isfinite(updates).all()
    assert not any(np.isnan(slot).any() for slot in state.slots)
    assert [bool(np.isinf(slot).any()) for slot in state.slots].count(True) == 1


@pytest.mark.parametrize("name", ["mars", "adam_mini", "stableadamw"])
def test_a_rule_with_a_sum_over_an_array_takes_one_without_elements(name):
    tx = getattr(optimizers, name)()
    params = {"none": jnp.zeros((0, 3)), "some": jnp.ones(2)}
    updates, state = tx.update(params, tx.init(params), params)
    assert np.isfinite(updates["some"]).all()
    assert all(np.isfinite(slot).all() for slot in jax.tree.leaves(state.slots))
