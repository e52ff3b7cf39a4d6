"""Rules that find their learning rate from a distance: identities, hand-made paths, Optax, and gradients of 0."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from oracle_problem import through_sizes, walked
from same_path import agree

from padl import optimizers
from padl.optimizers.transformation import measures_of, rates_of
from padl.roles import ParameterRole

OTHER = ParameterRole("other")
NAMES = ("dog", "dowg", "prodigy", "dadapt_adam")
MOMENTS = {"b1": 0.8, "b2": 0.95, "eps": 1e-3}
SAME = {
    "prodigy whose d stays = adam at the rate d": (
        optimizers.prodigy(**MOMENTS, d0=0.01, d_coef=1e-12, bias_correction=True),
        optimizers.adam(0.01, **MOMENTS, convention="keras"),  # whose eps is before the correction too
    ),
    "dadapt_adam whose d stays = prodigy whose d stays, not corrected": (
        optimizers.dadapt_adam(0.5, **MOMENTS, d0=0.01, growth=1.0, bias_correction=False, weight_decay=0.3),
        optimizers.prodigy(0.5, **MOMENTS, d0=0.01, d_coef=1e-12, weight_decay=0.3),
    ),
    "prodigy = optax": (
        optimizers.prodigy(0.7, **MOMENTS, d0=0.01, weight_decay=0.3, bias_correction=True),
        optax.contrib.prodigy(0.7, betas=(0.8, 0.95), eps=1e-3, estim_lr0=0.01, weight_decay=0.3),
    ),
    "prodigy with a safe warm-up = optax": (
        optimizers.prodigy(0.7, **MOMENTS, d0=0.01, bias_correction=True, safeguard_warmup=True),
        optax.contrib.prodigy(0.7, betas=(0.8, 0.95), eps=1e-3, estim_lr0=0.01, safeguard_warmup=True),
    ),
    "dadapt_adam = optax": (
        optimizers.dadapt_adam(0.7, **MOMENTS, d0=0.01, weight_decay=0.3),
        optax.contrib.dadapt_adamw(0.7, betas=(0.8, 0.95), eps=1e-3, estim_lr0=0.01, weight_decay=0.3),
    ),
    "dog = optax": (optimizers.dog(0.7, r0=0.1, eps=30.0), optax.contrib.dog(0.7, ("heuristic", 0.1), eps=30.0)),
    "dowg = optax": (
        optimizers.dowg(0.7, r0=0.3, eps=2.0),
        optax.contrib.dowg(0.7, init_estim_sq_dist=0.09, eps=2.0),
    ),
}


@pytest.mark.parametrize("identity", SAME)
def test_one_rule_is_a_case_of_another(identity, x64):
    agree(*SAME[identity], rtol=1e-9)


def test_dog_and_dowg_of_one_number_go_as_by_hand(x64):
    """|θ|, of slope 1, from 1: DoG's step is r/√t; r is the way so far, at first 0.1. DoWG's is r²/√Σr²."""
    for name, expected in {"dog": dog_by_hand(), "dowg": dowg_by_hand()}.items():
        tx = optimizers.dog(r0=0.05, eps=1e-30) if name == "dog" else optimizers.dowg(r0=0.1, eps=1e-30)
        p, points = jnp.array(1.0), []
        state = tx.init(p)
        for _ in range(4):
            updates, state = tx.update(jnp.ones(()), state, p)
            p = p + updates
            points.append(float(p))
        np.testing.assert_allclose(points, expected, rtol=1e-12)


def dog_by_hand():
    first = 1 - 0.1  # r = 0.05 (1 + |1|)
    second = first - 0.1 / 2**0.5
    third = second - (1 - second) / 3**0.5
    return [first, second, third, third - (1 - third) / 4**0.5]


def dowg_by_hand():
    first = 1 - 0.1  # r²/√r² = r
    second = first - 0.01 / 0.02**0.5
    third = second - (1 - second) ** 2 / (0.02 + (1 - second) ** 2) ** 0.5
    return [first, second, third, third - (1 - third) ** 2 / (0.02 + (1 - second) ** 2 + (1 - third) ** 2) ** 0.5]


@pytest.mark.parametrize("name", NAMES)
def test_gradients_of_0_at_first_and_any_later_leave_all_finite_and_it_moves_then(name):
    updates, states = through_sizes(getattr(optimizers, name)(), [0, 0, 1, 1e30, 1e-30, 1, 0])
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(updates))
    assert not any(np.isnan(x).any() for x in jax.tree.leaves(states))
    assert not updates["(3,)"][:2].any()
    assert (updates["(3,)"][2] < 0).all()


@pytest.mark.parametrize("theirs", [optax.contrib.prodigy, optax.contrib.dadapt_adamw], ids=lambda made: made.__name__)
def test_optax_0_2_8_is_nan_for_ever_behind_a_gradient_of_0(theirs):
    """If this fails Optax is mended: say so in docs/optimizers.md."""
    tx, p = theirs(), jnp.ones(2)
    _, state = tx.update(jnp.zeros(2), tx.init(p), p)
    assert jnp.isnan(tx.update(jnp.ones(2), state, p)[0]).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_bowl_is_walked_to_its_end_at_any_scale_without_a_learning_rate(name):
    """In float32: the minimum is 3 away, from a first estimate of 1e-2 at most."""
    tx = getattr(optimizers, name)()

    def end(scale):
        loss = lambda p: scale * jnp.sum((p - jnp.array([3.0, -1.0])) ** 2 * jnp.array([1.0, 0.1]))  # noqa: E731

        def step(carry, _):
            p, state = carry
            updates, state = tx.update(jax.grad(loss)(p), state, p)
            return (p + updates, state), None

        (p, _), _ = jax.lax.scan(step, (jnp.zeros(2), tx.init(jnp.zeros(2))), length=2000)
        return loss(p) / loss(jnp.zeros(2))

    assert (jax.jit(jax.vmap(end))(jnp.array([1e-2, 1.0, 1e2])) < 1e-3).all()


@pytest.mark.parametrize(("name", "what", "first"), [
    ("dog", "r", 1e-6 * (1 + 5**0.5)), ("dowg", "r", 1e-2), ("prodigy", "d", 1e-6), ("dadapt_adam", "d", 1e-6),
])  # fmt: skip
def test_what_is_measured_begins_as_it_is_told_and_only_grows(name, what, first):
    tx, p = getattr(optimizers, name)(), jnp.array([1.0, 2.0])
    state, seen = tx.init(p), []
    for _ in range(5):
        updates, state = tx.update(2 * p, state, p)
        seen.append(float(measures_of(tx)(state, updates, p)[what]))
        p = p + updates
    np.testing.assert_allclose(seen[0], first, rtol=1e-6)
    assert (np.diff(seen) >= 0).all()
    assert seen[-1] > seen[0]


def test_growth_bounds_each_step_of_d_and_for_prodigy_but_the_first():
    for name in ("prodigy", "dadapt_adam"):
        tx, p = getattr(optimizers, name)(growth=1.25), jnp.array([1.0, 2.0])
        state, seen = tx.init(p), []
        for _ in range(12):
            updates, state = tx.update(2 * p, state, p)
            seen.append(float(state.slots.d))
            p = p + updates
        grown = [b / a for a, b in pairwise(seen) if b > a]
        bounded = grown[1:] if name == "prodigy" else grown
        assert max(bounded) == pytest.approx(1.25, rel=1e-5)


def test_the_estimate_is_of_all_arrays_together(x64):
    together = walked(optimizers.prodigy(d0=0.01))
    alone = walked(optimizers.prodigy(d0=0.01), arrays=("matrix",))
    assert not np.allclose(together["matrix"], alone["matrix"], rtol=1e-3)


@pytest.mark.parametrize(("name", "larger"), [("dog", {"r0": 0.02}), ("prodigy", {"d0": 0.02})])
def test_parameters_in_half_precision_round_the_first_steps_away_and_need_a_larger_estimate(name, larger):
    """As the docstrings say: 1e-6 is below 1/256 of 1, so that the distance stays 0 and nothing ever moves."""

    def end(**settings):
        tx, p = getattr(optimizers, name)(**settings), jnp.ones(2, jnp.bfloat16)
        step = lambda carry, _: (moved(tx, *carry), None)  # noqa: E731
        return jax.lax.scan(step, (p, tx.init(p)), length=200)[0][0]

    def moved(tx, p, state):
        updates, state = tx.update(p - 3, state, p)
        return optax.apply_updates(p, updates), state

    still, walked = jax.jit(lambda: (end(), end(**larger)))()
    assert (still == 1).all()
    assert (abs(walked.astype(jnp.float32) - 3) < 0.2).all()


@pytest.mark.parametrize("name", ["prodigy", "dadapt_adam"])
def test_a_wrapper_that_decays_by_the_learning_rate_decays_by_the_estimate(name, x64):
    """And not by 1, the factor: around a rule it is the rule's own decay."""
    numbers = {**MOMENTS, "d0": 0.01, "bias_correction": False}
    rule = getattr(optimizers, name)
    around = optimizers.weight_decay(rule(0.7, **numbers), 0.3, applies_to=("other",), roles={"": OTHER})
    agree(rule(0.7, **numbers, weight_decay=0.3), around)


def test_what_is_around_dog_and_dowg_is_told_their_step_so_far(x64):
    """Theirs before the gradient of an update: what multiplied the gradient before it, but for a larger distance."""
    for tx in (optimizers.dog(0.5, r0=0.1), optimizers.dowg(0.5)):
        p, g = jnp.array([1.0, 2.0]), jnp.array([0.3, -0.4])
        updates, state = tx.update(g, tx.init(p), p)
        np.testing.assert_allclose(rates_of(tx, "")(state, p, None).now, -(updates / g)[0], rtol=1e-9)
