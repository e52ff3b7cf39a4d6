"""Rules with a first and a second moment beyond adam: cases of one another, Optax, zero and infinite squares."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from numpy_rules import MOMENTS as M
from same_path import agree, shaken

from padl import optimizers
from padl.optimizers.variance import rectification
from padl.types import PadlError

SAME = {
    "adamc(constant learning_rate) = adamw": lambda: (
        optimizers.adamc(0.1, **M, weight_decay=0.3),
        optimizers.adamw(0.1, **M, weight_decay=0.3),
    ),
    "adamw(decay_kind=corrected) = adamc": lambda: (
        optimizers.adamw(0.1, **M, weight_decay=0.3, decay_kind="corrected"),
        optimizers.adamc(0.1, **M, weight_decay=0.3),
    ),
    "adamax(b2=0) = adam(b2=0)": lambda: (  # u is |g|
        optimizers.adamax(0.1, 0.8, 0.0, 1e-3, convention="keras"),
        optimizers.adam(0.1, 0.8, 0.0, 1e-3),
    ),
    "amsgrad(b1=0, b2=0, convention=torch) = amsgrad(convention=optax)": lambda: (  # nothing to correct
        optimizers.amsgrad(0.1, 0.0, 0.0, 1e-3, convention="torch"),
        optimizers.amsgrad(0.1, 0.0, 0.0, 1e-3, convention="optax"),
    ),
    "nadamw(weight_decay=0) = nadam": lambda: (
        optimizers.nadamw(0.1, **M, weight_decay=0.0),
        optimizers.nadam(0.1, **M),
    ),
    "nadam(momentum_decay -> infinity) = nadam(convention=optax)": lambda: (
        optimizers.nadam(0.1, **M, momentum_decay=1e6),
        optimizers.nadam(0.1, **M, convention="optax"),
    ),
    "nadam(b1=0) = adam(b1=0)": lambda: (
        optimizers.nadam(0.1, 0.0, 0.95, 1e-3),
        optimizers.adam(0.1, 0.0, 0.95, 1e-3),
    ),
    "adan(b2=0, weight_decay=0) = adam(b2=b3)": lambda: (  # the change of the gradient has the weight b2
        optimizers.adan(0.1, 0.8, 0.0, 0.95, 1e-3, weight_decay=0.0),
        optimizers.adam(0.1, 0.8, 0.95, 1e-3),
    ),
    "laprop(b1=0) = adam(b1=0)": lambda: (
        optimizers.laprop(0.1, 0.0, 0.95, 1e-3),
        optimizers.adam(0.1, 0.0, 0.95, 1e-3),
    ),
    "radam(b1=0, b2=0.5) = sgd": lambda: (optimizers.radam(0.1, 0.0, 0.5), optimizers.sgd(0.1)),  # ρ∞ is 3
    "stableadamw(eps > |g|) = adamw": lambda: (  # nothing to shorten
        optimizers.stableadamw(0.1, 0.8, 0.95, 1e4, weight_decay=0.3),
        optimizers.adamw(0.1, 0.8, 0.95, 1e4, weight_decay=0.3),
    ),
    "adopt(b1=0, eps > |g|) = sgd from the second step on": lambda: (
        optimizers.adopt(1e4, 0.0, 0.95, 1e5),
        optimizers.sgd(lambda count: jnp.where(count == 0, 0.0, 0.1)),
    ),
}


@pytest.mark.parametrize("identity", SAME)
def test_one_moment_rule_is_a_case_of_another(identity, x64):
    agree(*SAME[identity]())


ONE = 1 - 1e-12  # as float32 it is 1, which is no decay rate: as an array it may come near
LIMITS = {  # one of which is near another, with what is left between them
    "adabelief(b1 -> 1) = adam(b1 -> 1)": lambda: (  # m is 0, and g - m is g
        optimizers.adabelief(0.1, jnp.asarray(ONE), 0.95, 1e-30),
        optimizers.adam(0.1, jnp.asarray(ONE), 0.95, 1e-30),
        1e-9,
    ),
    "yogi(b2 -> 1) = momentum": lambda: (  # v stays what it was
        optimizers.yogi(0.1, 0.8, jnp.asarray(ONE), 1e-3, initial=9.0),
        optimizers.momentum(0.1 * (1 - 0.8) / (3.0 + 1e-3), 0.8),
        1e-5,  # 20 × 1e-12 × g² = 1e-5 of v
    ),
    "adam_atan2(a = b -> infinity) = adam(eps -> 0)": lambda: (  # the square of 1/b
        optimizers.adam_atan2(0.1, 0.8, 0.95, a=1e6, b=1e6),
        optimizers.adam(0.1, 0.8, 0.95, 1e-30),
        1e-10,
    ),
}


@pytest.mark.parametrize("limit", LIMITS)
def test_one_moment_rule_becomes_another(limit, x64):
    one, other, apart = LIMITS[limit]()
    agree(one, other, rtol=apart, atol=apart)


def test_radam_becomes_adam_when_many_gradients_are_in_its_mean(x64):
    rules = [make(0.1, 0.8, 0.9, 1e-3) for make in (optimizers.radam, optimizers.adam)]
    gradients = jnp.asarray(np.random.default_rng(0).normal(size=(400, 3)))

    def step(states, g):
        both = [tx.update(g, state, g) for tx, state in zip(rules, states, strict=True)]
        return [state for _, state in both], jnp.stack([update for update, _ in both])

    updates = jax.jit(lambda s: jax.lax.scan(step, s, gradients)[1])([tx.init(gradients[0]) for tx in rules])
    assert abs(updates[10, 0] / updates[10, 1] - 1).min() > 0.1
    np.testing.assert_allclose(updates[-1, 0], updates[-1, 1], rtol=1e-12)  # 0.9^400 is 5e-19


# Optax

IN_OPTAX = {
    "amsgrad": lambda: (optimizers.amsgrad(0.1, **M, convention="optax"), optax.amsgrad(0.1, **M)),
    "amsgrad of the paper": lambda: (
        optimizers.amsgrad(0.1, **M),
        optax.amsgrad(0.1, **M, bias_correction_mu=False, bias_correction_nu=False),
    ),
    "adamax": lambda: (optimizers.adamax(0.1, **M), optax.adamax(0.1, **M)),
    "nadam": lambda: (optimizers.nadam(0.1, **M, convention="optax"), optax.nadam(0.1, **M)),
    "nadamw": lambda: (
        optimizers.nadamw(0.1, **M, weight_decay=0.3, convention="optax"),
        optax.nadamw(0.1, **M, weight_decay=0.3),
    ),
    "adabelief": lambda: (optimizers.adabelief(0.1, **M), optax.adabelief(0.1, **M, eps_root=M["eps"])),
    "yogi": lambda: (
        optimizers.yogi(0.1, **M, initial=0.1, convention="optax"),
        optax.chain(optax.scale_by_yogi(**M, initial_accumulator_value=0.1), optax.scale(-0.1)),
    ),
    "radam": lambda: (optimizers.radam(0.1, **M, convention="optax"), optax.radam(0.1, **M)),
    "adopt": lambda: (optimizers.adopt(0.1, **M), optax.contrib.adopt(0.1, **M)),
}


@pytest.mark.parametrize("name", IN_OPTAX)
def test_optax_takes_the_path_of_a_moment_rule(name, x64):
    agree(*IN_OPTAX[name]())


def test_the_second_step_of_adan_is_the_papers_and_not_optaxs(x64):
    # Optax 0.2.8 has 1 - b2 in the place of b2, before the change in n and before v̂.
    b1, b2, b3 = 0.98, 0.92, 0.99
    first, second = 1.0, 3.0
    m = b1 * (1 - b1) * first + (1 - b1) * second
    v = (1 - b2) * (second - first)  # 0 at the first step
    n = b3 * (1 - b3) * first**2 + (1 - b3) * (second + b2 * (second - first)) ** 2
    by_hand = (m / (1 - b1**2) + b2 * v / (1 - b2**2)) / np.sqrt(n / (1 - b3**2))

    def second_update(tx):
        p = jnp.zeros(())
        _, state = tx.update(jnp.asarray(first), tx.init(p), p)
        return float(tx.update(jnp.asarray(second), state, p)[0])

    ours = second_update(optimizers.adan(1.0, b1, b2, b3, eps=1e-30, weight_decay=0.0))
    np.testing.assert_allclose(ours, -by_hand, rtol=1e-12)
    assert abs(second_update(optax.adan(1.0, b1, b2, b3, eps=0.0, eps_root=0.0)) + by_hand) > 0.04


def test_yogi_does_not_move_what_never_had_a_gradient():
    # Optax 0.2.8 begins m, and not v alone, at 1e-6, and divides it by 1 - b1 at the first step.
    zero = jnp.zeros(2)
    ours, theirs = (tx.update(zero, tx.init(zero))[0] for tx in (optimizers.yogi(1.0), optax.yogi(1.0)))
    np.testing.assert_array_equal(ours, zero)
    m_hat, v_hat = 0.9 * 1e-6 / (1 - 0.9), 1e-6 / (1 - 0.999)
    np.testing.assert_allclose(theirs, -m_hat / (np.sqrt(v_hat) + 1e-3), rtol=1e-4)  # -2.76e-4; float32's 1 - 0.999


# What breaks easily

STEPS_OF_RADAM = np.array([*range(1, 30), 100, 1_000, 10_000, 100_000])


@pytest.mark.parametrize("b2", [0.9, 0.99, 0.999, 0.9999, 0.99999])
def test_radam_is_rectified_in_float32_from_the_step_on_that_its_formula_says(b2):
    # Written as in the paper float32 has ρ = 5 at step 3 for b2 = 0.9999, in Optax 0.2.8 too; it is 3.
    b2 = np.float32(b2)
    t, b = STEPS_OF_RADAM.astype(np.float64), np.float64(b2)
    rho_inf = 2 / (1 - b) - 1
    rho = rho_inf - 2 * t * b**t / (1 - b**t)
    known, r = jax.jit(jax.vmap(lambda t: rectification(t, jnp.asarray(b2), 5.0)))(jnp.float32(STEPS_OF_RADAM))
    np.testing.assert_array_equal(known, rho > 5)
    last = rho[rho > 5]
    expected = np.sqrt((last - 4) * (last - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * last))
    np.testing.assert_allclose(r[rho > 5], expected, rtol=1e-5)


INFINITE = {  # how many slots a square overflows
    **{"adamax": 0, "amsgrad": 2, "adamc": 1, "nadamw": 1, "adan": 1},
    **{"adabelief": 1, "yogi": 1, "radam": 1, "laprop": 1, "adopt": 1, "stableadamw": 1, "adam_atan2": 1},
}


@pytest.mark.parametrize("name", INFINITE)
def test_a_gradient_whose_square_is_infinite_leaves_all_finite_but_the_means_of_squares(name):
    updates, state = shaken(getattr(optimizers, name)(learning_rate=1.0))
    assert np.isfinite(updates).all()
    assert [bool(np.isinf(slot).any()) for slot in state.slots].count(True) == INFINITE[name]
    assert not any(np.isnan(slot).any() for slot in state.slots)
    assert all(np.isfinite(slot[1]) for slot in state.slots)


def test_the_momentum_decay_of_a_convention_without_one_is_refused():
    with pytest.raises(PadlError, match="convention=optax has the momentum b1 at every step"):
        optimizers.nadam(momentum_decay=0.5, convention="optax")


@pytest.mark.parametrize("name", ["adam", "adam_atan2"])
def test_adam_atan2_has_one_step_for_a_gradient_and_a_thousand_times_it(name):
    tx = getattr(optimizers, name)(0.01)
    g = jnp.array([3e-12, -2e-11])
    moves = [tx.update(scale * g, tx.init(g), g)[0] for scale in (1.0, 1000.0)]
    is_same = np.allclose(*moves, rtol=1e-5)  # float32
    assert is_same == (name == "adam_atan2")  # adam's eps is 1e-8


def test_the_step_of_stableadamw_is_shortened_by_the_root_mean_square_of_one_array(x64):
    tx = optimizers.stableadamw(1.0, b1=0.0, b2=0.99, eps=1e-30, weight_decay=0.5)
    params = {"calm": jnp.full(2, 2.0), "wild": jnp.full(2, 2.0)}
    grads = [{"calm": jnp.ones(2), "wild": jnp.ones(2)}, {"calm": jnp.ones(2), "wild": jnp.array([1.0, 10.0])}]
    _, state = tx.update(grads[0], tx.init(params), params)
    updates, _ = tx.update(grads[1], state, params)
    v_hat = (0.99 * 0.01 + 0.01 * np.array([1.0, 100.0])) / (1 - 0.99**2)
    quotient = np.array([1.0, 10.0]) / np.sqrt(v_hat)
    rms = np.sqrt(np.mean(quotient**2))
    assert rms > 1.2
    np.testing.assert_allclose(updates["calm"], [-2.0, -2.0], rtol=1e-12)  # 1 + 0.5 × 2
    np.testing.assert_allclose(updates["wild"], -(quotient + 0.5 * 2) / rms, rtol=1e-12)


def test_the_first_gradient_of_adopt_moves_nothing_and_is_what_the_second_is_divided_by(x64):
    tx, params = optimizers.adopt(1.0, b1=0.9), jnp.zeros(3)
    first, state = tx.update(jnp.array([2.0, 0.0, 1e30]), tx.init(params), params)
    np.testing.assert_array_equal(first, np.zeros(3))
    second, _ = tx.update(jnp.array([1.0, 1e-3, 1.0]), state, params)
    np.testing.assert_allclose(second, [-0.1 * 0.5, -0.1, -1e-31], rtol=1e-12)  # the second was clipped at 1
