"""What the wrappers compute: identities between them, Optax, laws that they keep, and what they refuse."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from oracle_problem import walked
from rules_wrappers import ROLES

import padl
from padl import optimizers
from padl.optimizers.groups import OptimizerGroup, grouped
from padl.optimizers.transformation import Transformation, measures_of, readout_of
from padl.roles import ROLES as ALL
from padl.roles import usual
from padl.types import PadlError

MOMENTUM = cache(partial(optimizers.momentum, 0.1, 0.7))  # one object, whose path is walked once
path_of = cache(walked)
ADAM = {"b1": 0.8, "b2": 0.95, "eps": 1e-3}
RISING = padl.schedules.over(lambda fraction: 0.1 + fraction, steps=30, peak=0.1)
KINDS = ("coupled", "decoupled", "independent", "corrected", "cautious", "proximal")


def decayed(kind):
    rule = optimizers.adam(RISING, **ADAM)
    around = optimizers.weight_decay(rule, 0.3, kind, applies_to=ALL, roles=ROLES)
    return around, optimizers.adamw(RISING, **ADAM, weight_decay=0.3, decay_kind=kind)


def same():
    slow = {"k": 3, "momentum": 0.0, "outer_rate": 0.4}
    return {
        "grokfast(0) = inner": (optimizers.grokfast(MOMENTUM(), amplification=0.0), MOMENTUM()),
        "snoo(momentum=0) = lookahead": (
            optimizers.snoo(MOMENTUM(), **slow),
            optimizers.lookahead(MOMENTUM(), k=3, alpha=0.4),
        ),
        "lookahead(alpha=1) = inner": (optimizers.lookahead(MOMENTUM(), k=3, alpha=1.0), MOMENTUM()),
        "ema = inner": (optimizers.ema(MOMENTUM()), MOMENTUM()),
        "ema_nesterov(0) = inner": (optimizers.ema_nesterov(MOMENTUM(), ahead=0.0), MOMENTUM()),
        "accumulate(1) = inner": (optimizers.accumulate(optimizers.adam(RISING), k=1), optimizers.adam(RISING)),
        "skip_nonfinite = inner": (optimizers.skip_nonfinite(optimizers.adam(RISING)), optimizers.adam(RISING)),
        "update_floor(0) = inner": (optimizers.update_floor(MOMENTUM(), 0.0, roles=ROLES), MOMENTUM()),
        "radial_brake(1, 1) = inner": (optimizers.radial_brake(MOMENTUM(), 1.0, 1.0, roles=ROLES), MOMENTUM()),
        "clip_norm(large) = inner": (optimizers.clip_norm(MOMENTUM(), 1e9), MOMENTUM()),
        "clip_norm within a sum of the same = optax": (
            optimizers.clip_norm(MOMENTUM(), 300.0),
            optax.chain(optax.clip_by_global_norm(300.0), optax.sgd(0.1, 0.7)),
        ),
        "clip_value = optax": (
            optimizers.clip_value(MOMENTUM(), 0.5),
            optax.chain(optax.clip(0.5), optax.sgd(0.1, 0.7)),
        ),
        "schedule_free(sgd) = optax": (
            optimizers.schedule_free(optimizers.sgd(0.1), momentum=0.8),
            optax.contrib.schedule_free(optax.sgd(0.1), 0.1, b1=0.8),
        ),
        **{f"weight_decay(adam, {kind}) = adamw": decayed(kind) for kind in KINDS},
    }


@pytest.mark.parametrize("identity", same())
def test_one_wrapper_is_a_case_of_another(identity, x64):
    one, other = map(path_of, same()[identity])
    for name, path in one.items():
        np.testing.assert_allclose(path, other[name], rtol=1e-10, atol=1e-12, err_msg=name)  # float64, 20 steps


def test_agc_is_optaxs_for_arrays_whose_axes_it_knows(x64):
    ours = optimizers.agc(MOMENTUM(), 0.3, 0.5, applies_to=ALL, roles=ROLES)
    theirs = optax.chain(optax.adaptive_grad_clip(0.3, 0.5), optax.sgd(0.1, 0.7))
    one, other = walked(ours), walked(theirs)
    for name in ("scalar", "vector", "matrix", "convolution"):  # it has no stacks of matrices
        np.testing.assert_allclose(one[name], other[name], rtol=1e-10, atol=1e-12)


def test_schedule_free_weighs_each_step_by_the_square_of_its_learning_rate(x64):
    tx, params = optimizers.schedule_free(optimizers.sgd(RISING), momentum=0.8), jnp.ones(())
    state, z, x, squares = tx.init(params), 1.0, 1.0, 0.0
    for t in range(5):
        rate = 0.1 * (0.1 + t / 30)
        squares += rate**2
        z -= rate * 2.0
        x += rate**2 / squares * (z - x)
        updates, state = tx.update(jnp.float64(2.0), state, params)
        params = optax.apply_updates(params, updates)
        judged = readout_of(tx)(state, params)
        np.testing.assert_allclose([params, judged], [0.2 * z + 0.8 * x, x], rtol=1e-7)  # rates are of float32


# Norms of matrices

WIDE = {"kernel": jnp.linspace(-1, 2, 24).reshape(2, 3, 4), "bias": jnp.ones(4)}
STACK = {"kernel": usual("matrix", 3), "bias": usual("bias", 1)}


def norms(x):
    return np.sqrt((np.asarray(x) ** 2).sum((1, 2)))


def test_hyperball_keeps_the_norm_of_each_matrix_of_a_stack_and_turns_it_by_the_learning_rate():
    tx, params = optimizers.hyperball(optimizers.adam(0.01), roles=STACK), WIDE
    state = tx.init(params)
    step = jax.jit(tx.update)
    for t in range(50):
        grads = jax.tree.map(lambda p, t=t: jnp.sin(p * 50 + t), params)
        updates, state = step(grads, state, params)
        moved = optax.apply_updates(params, updates)
        np.testing.assert_allclose(norms(moved["kernel"]), norms(WIDE["kernel"]), rtol=1e-5)  # 50 roundings
        turned = norms(moved["kernel"] - params["kernel"]) / norms(params["kernel"])
        assert (turned < 0.0101).all()  # the part of the step that is along the sphere
        assert (turned > 0.002).all()
        params = moved
    assert abs(params["bias"] - WIDE["bias"]).max() > 0.01


def test_a_matrix_of_zeros_takes_the_update_and_keeps_the_norm_that_it_gets():
    tx, params = optimizers.hyperball(optimizers.sgd(0.5)), {"kernel": jnp.zeros((2, 2))}
    state, lengths = tx.init(params), []
    for _ in range(3):
        updates, state = tx.update({"kernel": jnp.ones((2, 2))}, state, params)
        params = optax.apply_updates(params, updates)
        lengths.append(float(jnp.linalg.norm(params["kernel"])))
    np.testing.assert_allclose(lengths, 1.0, rtol=1e-6)


def test_radial_brake_at_zero_holds_the_norm_too_and_update_floor_lengthens_short_updates_alone():
    brake = optimizers.radial_brake(optimizers.sgd(0.1), 0.0, 0.0, roles=STACK)
    grads = jax.tree.map(jnp.cos, WIDE)
    updates, _ = brake.update(grads, brake.init(WIDE), WIDE)
    np.testing.assert_allclose(norms(WIDE["kernel"] + updates["kernel"]), norms(WIDE["kernel"]), rtol=1e-6)
    floor = optimizers.update_floor(optimizers.sgd(0.1), 0.35, roles=STACK)
    short = {**grads, "kernel": grads["kernel"].at[0].multiply(1e-6)}
    updates, _ = floor.update(short, floor.init(WIDE), WIDE)
    ratios = norms(updates["kernel"]) / norms(WIDE["kernel"])
    np.testing.assert_allclose(ratios[0], 0.1 * 0.35, rtol=1e-6)
    np.testing.assert_allclose(updates["kernel"][1], -0.1 * grads["kernel"][1], rtol=1e-6)  # which was long enough


def test_a_centred_gradient_has_no_mean_over_the_inputs_of_an_output_and_no_other_array_changes():
    seen = optimizers.gradient_centralisation(optimizers.sgd(1.0), roles=STACK)
    grads = jax.tree.map(jnp.cos, WIDE)
    updates, _ = seen.update(grads, seen.init(WIDE), WIDE)
    np.testing.assert_allclose(updates["kernel"].mean(1), 0.0, atol=1e-7)
    np.testing.assert_array_equal(updates["bias"], -grads["bias"])


# When an update is made


def test_accumulate_makes_one_update_from_the_mean_and_its_schedule_goes_by_calls():
    rates = padl.schedules.over(lambda fraction: 1 - fraction, steps=8, peak=1.0)
    tx, params = optimizers.accumulate(optimizers.sgd(rates), k=4), jnp.zeros(2)
    state, steps = tx.init(params), []
    for t in range(8):
        updates, state = tx.update(jnp.array([1.0, t]), state, params)
        steps.append(np.asarray(updates))
    assert not np.any(steps[:3] + steps[4:7])
    np.testing.assert_allclose(steps[3], -(1 - 3 / 8) * np.array([1.0, 1.5]), rtol=1e-6)
    np.testing.assert_allclose(steps[7], -(1 - 7 / 8) * np.array([1.0, 5.5]), rtol=1e-6)


def test_a_group_that_moves_at_every_so_manieth_step_has_a_schedule_that_goes_by_steps_too():
    rates = padl.schedules.over(lambda fraction: 1 - fraction, steps=8, peak=1.0)
    tx = grouped({"a": OptimizerGroup(optimizers.sgd(rates), every=3)}, lambda params: dict.fromkeys(params, "a"))
    params, steps = {"x": jnp.zeros(())}, []
    state = tx.init(params)
    for _ in range(7):
        updates, state = tx.update({"x": jnp.ones(())}, state, params)
        steps.append(float(updates["x"]))
    np.testing.assert_allclose(steps, [-1, 0, 0, -5 / 8, 0, 0, -2 / 8], rtol=1e-6)


def test_what_is_around_groups_goes_by_the_learning_rate_of_each():
    groups = {"fast": OptimizerGroup(optimizers.sgd(0.5)), "slow": OptimizerGroup(optimizers.adam(0.1), every=2)}
    apart = grouped(groups, lambda params: {path: "fast" if path == "a" else "slow" for path in params})
    tx = optimizers.weight_decay(apart, 0.2, applies_to=ALL)
    params = {"a": jnp.ones(()), "b": jnp.ones(())}
    state, steps = tx.init(params), []
    for _ in range(2):
        updates, state = tx.update(jax.tree.map(jnp.zeros_like, params), state, params)
        steps.append([float(updates["a"]), float(updates["b"])])
    np.testing.assert_allclose(steps, [[-0.1, -0.02], [-0.1, 0.0]], rtol=1e-6, atol=1e-8)


def test_what_goes_by_the_learning_rate_is_still_where_an_optimizer_within_lets_a_call_pass():
    rates = padl.schedules.over(lambda fraction: 1 - fraction, steps=8, peak=1.0)
    tx, params = optimizers.weight_decay(optimizers.accumulate(optimizers.sgd(rates), k=4), 0.1, applies_to=ALL), 1.0
    state, steps = tx.init(params), []
    for _ in range(8):
        updates, state = tx.update(0.0, state, params)
        steps.append(float(updates))
    np.testing.assert_allclose(steps, [0, 0, 0, -0.1 * 5 / 8, 0, 0, 0, -0.1 * 1 / 8], rtol=1e-6)


def test_ema_nesterov_looks_ahead_by_the_share_of_the_peak_at_the_step_that_it_looks_to():
    rates = padl.schedules.over(lambda fraction: 1 - fraction, steps=10, peak=0.5)
    tx, y = optimizers.ema_nesterov(optimizers.sgd(rates), ahead=0.6, decay=0.8), jnp.ones(())
    state, theta, m = tx.init(y), 1.0, 0.0
    for t in range(5):
        np.testing.assert_allclose(y, theta + 0.6 * (1 - t / 10) * m, rtol=1e-5)
        np.testing.assert_allclose(readout_of(tx)(state, y), theta, rtol=1e-5)
        before, theta = theta, float(y) - 0.5 * (1 - t / 10) * 3 * float(y)
        m = 0.8 * m + 0.2 * (theta - before)
        updates, state = tx.update(3 * y, state, y)
        y = optax.apply_updates(y, updates)


def test_accumulate_refuses_what_asks_for_one_batch_and_is_asked_for_inside_of_it():
    with pytest.raises(PadlError, match="reads grad_fn, which would be of the last one"):
        optimizers.accumulate(optimizers.sam(optimizers.sgd()), k=2)
    optimizers.sam(optimizers.accumulate(optimizers.sgd(), k=2))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_gradient_that_is_not_finite_is_as_if_it_had_not_been(bad):
    tx, params = optimizers.skip_nonfinite(optimizers.adam(0.1)), {"a": jnp.ones(2), "b": jnp.ones(())}
    good = jax.tree.map(jnp.ones_like, params)
    _, state = tx.update(good, tx.init(params), params)
    updates, after = tx.update({**good, "b": jnp.asarray(bad)}, state, params)
    assert not any(np.any(u) for u in jax.tree.leaves(updates))
    jax.tree.map(np.testing.assert_array_equal, after.inner, state.inner)
    assert measures_of(tx)(after, updates, params) == {"skipped": 1.0}
    jax.tree.map(np.testing.assert_array_equal, tx.update(good, after, params)[0], tx.update(good, state, params)[0])


# Gradients elsewhere


def test_the_gradient_of_sam_is_that_of_the_point_up_the_slope_and_a_clip_around_it_clips_both(x64):
    h, x = jnp.array([1.0, 4.0]), jnp.array([3.0, -1.0])
    tx = optimizers.sam(optimizers.sgd(1.0), 0.5)
    updates, _ = tx.update(h * x, tx.init(x), x, grad_fn=lambda p: h * p)
    np.testing.assert_allclose(updates, -h * (x + 0.5 * h * x / np.linalg.norm(h * x)), rtol=1e-12)
    clipped = optimizers.clip_norm(tx, 0.1)
    updates, _ = clipped.update(h * x, clipped.init(x), x, grad_fn=lambda p: h * p)
    np.testing.assert_allclose(np.linalg.norm(updates), 0.1, rtol=1e-12)


def test_a_rule_within_sam_that_asks_for_gradients_itself_gets_those_up_the_slope(x64):
    def update(grads, state, params, grad_fn, **_):
        return grad_fn(params) - grads, state

    asking = Transformation(lambda params: (), update, needs=("grad_fn",))
    tx, x = optimizers.sam(asking), jnp.array([3.0, -1.0])
    updates, _ = tx.update(2 * x, tx.init(x), x, grad_fn=lambda p: 2 * p)
    np.testing.assert_array_equal(updates, 0.0)


# What they measure


def test_clips_and_masks_say_what_share_they_changed():
    params = {"a": jnp.ones(3), "b": jnp.ones(1)}
    grads = {"a": jnp.array([1.0, -3.0, 0.5]), "b": jnp.array([4.0])}
    shares = {}
    for name, tx in {
        "clip_value": optimizers.clip_value(optimizers.sgd(), 2.0),
        "clip_norm": optimizers.clip_norm(optimizers.sgd(), 2.0),
        "cautious": optimizers.cautious(optimizers.momentum(0.1, 0.9)),
    }.items():
        updates, state = tx.update(grads, tx.init(params), params)
        if name == "cautious":  # the second gradient turns two numbers round, of which momentum follows one
            turned = {"a": jnp.array([-0.1, 3.0, 0.5]), "b": jnp.array([4.0])}
            updates, state = tx.update(turned, state, params)
        shares |= {f"{name} {key}": float(x) for key, x in measures_of(tx)(state, updates, params).items()}
    assert shares == {"clip_value clipped": 0.5, "clip_norm clipped": 1.0, "cautious kept": 0.75}


def test_measures_of_two_wrappers_of_one_name_are_both_there():
    tx = optimizers.clip_value(optimizers.clip_norm(optimizers.lookahead(optimizers.sgd()), 0.1), 2.0)
    state = tx.init(jnp.ones(2))
    updates, state = tx.update(jnp.ones(2), state, jnp.ones(2))
    measured = {name: float(x) for name, x in measures_of(tx)(state, updates, jnp.ones(2)).items()}
    assert (measured["clipped"], measured["clipped.inner"]) == (0.0, 1.0)
    assert measured["lookahead_distance"] == pytest.approx(0.01 * 0.1, rel=1e-4)  # of 1 - 0.999 in float32


# What they refuse

BY_RATE = ("weight_decay", "hyperball", "update_floor", "schedule_free", "ema_nesterov")


@pytest.mark.parametrize("name", BY_RATE)
def test_what_goes_by_the_learning_rate_refuses_an_optimizer_that_does_not_say_its_own(name):
    with pytest.raises(PadlError, match=f"{name} moves by the learning rate of the optimizer within it"):
        getattr(optimizers, name)(optax.sgd(0.1))


@pytest.mark.parametrize("make", [optimizers.ema_nesterov, partial(optimizers.weight_decay, decay_kind="corrected")])
def test_what_goes_by_the_peak_refuses_a_schedule_without_one(make):
    tx, params = make(optimizers.sgd(lambda count: 0.1)), {"kernel": jnp.ones((2, 2))}
    with pytest.raises(PadlError, match="peak"):
        tx.update(params, tx.init(params), params)


def test_an_optimizer_that_takes_nothing_beside_can_be_accumulated_and_wrapped():
    strict = optax.GradientTransformationExtraArgs(lambda params: (), lambda grads, state, params: (grads, state))
    tx = optimizers.accumulate(optimizers.clip_norm(strict, 1.0), k=1)
    np.testing.assert_array_equal(tx.update(jnp.ones(1), tx.init(jnp.ones(1)), jnp.ones(1))[0], 1.0)


def test_an_optimizer_of_optax_can_be_wrapped_by_what_does_not_go_by_its_learning_rate():
    tx = optimizers.lookahead(optimizers.clip_norm(optax.adam(0.1), 1.0), k=2)
    params = jnp.ones(3)
    updates, state = tx.update(params, tx.init(params), params)
    np.testing.assert_allclose(updates, -0.1, rtol=1e-4)  # eps of Adam
    np.testing.assert_array_equal(readout_of(tx)(state, params), 1.0)
