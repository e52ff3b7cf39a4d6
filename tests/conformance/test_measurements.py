"""What is measured of an optimizer agrees with what mathematics says of it."""

import json
import math
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from padl.app import names
from padl.app.optimizer_card import known_rules, plain
from padl.cli.check_card import _of_equalities, lines_of
from padl.conformance.checked_optimizer import CheckedOptimizer
from padl.conformance.costs import costs, state_bytes
from padl.conformance.invariances import EXACT, NEARLY, invariances
from padl.conformance.known_rules import equalities
from padl.conformance.measurements import NotMeasured, card
from padl.conformance.problems import given
from padl.conformance.responses import LARGE, REMEMBERED, adamw, responses
from padl.conformance.rounded_products import Roundings, roundings, with_rounded_products


def transformed(label, make, **numbers):
    """An optimizer from a function that makes a transformation."""
    return CheckedOptimizer(label, lambda values: (make, {**numbers, **values}), {}, "import optax", f"{label}(")


@cache
def rule(name):
    if name in known_rules():
        return known_rules()[name]
    entry = names.find("optimizer", name)
    split = lambda values: entry.split({**entry.stand_ins, **values})  # noqa: E731
    return CheckedOptimizer(name, split, {}, "import padl", f"padl.optimizer({name!r}", entry.traits)


@cache
def apart(name):
    return {each.name: each.apart for each in invariances(rule(name))}


@cache
def response(name):
    return responses(rule(name))


GRADIENTS = ["gradients times one factor", "gradients times a factor for each number"]
ROTATIONS = ["rotation of rows", "rotation of columns"]


@pytest.mark.parametrize("change", GRADIENTS)
def test_adam_does_not_see_the_scale_of_gradients_but_for_its_eps(change):
    assert all(EXACT < x < NEARLY for x in apart("adam")[change].values())


def test_signsgd_does_not_see_the_scale_of_any_number_of_a_gradient():
    assert [apart("signsgd")[change] for change in GRADIENTS] == [{"vectors": 0.0, "matrices": 0.0}] * 2


def test_sgd_moves_in_proportion_to_gradients():
    one = invariances(rule("sgd"))[0]
    assert not one.holds("matrices")
    assert one.power == pytest.approx(1.0, abs=1e-9)  # float64
    assert apart("sgd")[GRADIENTS[0]]["matrices"] == pytest.approx(1023.0)  # 1,024 gradients for one


@pytest.mark.parametrize("change", [*ROTATIONS, "rotation of all numbers of an array", "permutation of numbers"])
def test_sgd_turns_as_its_problem_is_turned(change):
    assert max(apart("sgd")[change].values()) < EXACT


def test_adam_does_not_turn_with_its_problem_and_keeps_to_signs_and_orders():
    assert all(apart("adam")[change]["matrices"] > 0.1 for change in ROTATIONS)
    assert max(apart("adam")["rotation of all numbers of an array"].values()) > 0.1
    assert all(max(apart("adam")[each].values()) < EXACT for each in ("sign flips", "permutation of numbers"))


def test_muon_turns_with_the_rows_and_the_columns_of_a_matrix_and_not_with_its_numbers():
    assert all(apart("muon")[change]["matrices"] < EXACT for change in ROTATIONS)
    assert apart("muon")["rotation of all numbers of an array"]["matrices"] > 0.1
    assert apart("muon")["an array split in two"]["matrices"] > 0.1
    assert apart("muon")["an array split in two"]["vectors"] < EXACT


def test_a_step_in_the_units_of_its_parameter_takes_parameters_in_any_units():
    def update(grads, state, params):  # p g has no unit
        return jax.tree.map(lambda g, p: -0.01 * p * jnp.tanh(p * g), grads, params), state

    relative = transformed("relative", lambda: optax.GradientTransformation(lambda params: (), update))
    assert max({each.name: each.apart for each in invariances(relative)}["parameters in other units"].values()) < EXACT
    assert min(apart("sgd")["parameters in other units"].values()) > 0.5


def test_a_norm_of_all_arrays_together_sees_the_factor_of_each():
    clipped = transformed("clipped", lambda: optax.chain(optax.normalize_by_update_norm(), optax.scale(-0.1)))
    found = {each.name: each.apart for each in invariances(clipped)}
    assert max(found["gradients times one factor"].values()) < NEARLY  # Optax's eps is 1e-6
    assert max(found["gradients times a factor for each array"].values()) > 0.1
    assert max(found["an array split in two"].values()) < EXACT


# How it answers


def test_adamw_in_numpy_is_adamw():
    stream = given(LARGE, 5)
    numbers = {"learning_rate": 1e-3, "weight_decay": 0.0}
    there = rule("adamw").course(stream, numbers, start=LARGE).updates
    for one, other in zip(jax.tree.leaves(adamw(stream)), jax.tree.leaves(there), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9)  # float64


def test_adam_moves_as_far_as_adamw_and_signsgd_by_its_rate():
    assert response("adam").times_adamw_rate == pytest.approx(1.0)
    signsgd = response("signsgd")
    assert signsgd.rms == pytest.approx(signsgd.rate)
    # of m, a mean over normal numbers, the variance is (1 - b1)/(1 + b1) = 0.23²: within 10 % for 2,080 numbers
    assert signsgd.times_adamw_rate == pytest.approx(math.sqrt(0.1 / 1.9), rel=0.1)


def test_the_size_of_gradients_counts_for_sgd_alone():
    assert {name: response(name).sees_size for name in ("sgd", "adam", "signsgd")} == {
        "sgd": True,
        "adam": False,
        "signsgd": False,
    }
    assert response("sgd").tenfold_rms == pytest.approx(10 * response("sgd").rms)


def test_the_first_update_is_the_rate_for_rules_that_normalise():
    for name in ("adam", "signsgd", "sgd"):
        assert response(name).first == pytest.approx(1.0, rel=1e-6)  # an eps of 1e-8 beside 0.1


def test_sgd_remembers_nothing_momentum_as_long_as_its_powers_are_above_a_tenth_and_signum_for_ever():
    assert response("sgd").remembers == 0
    assert response("momentum").remembers == math.floor(math.log(0.1) / math.log(0.9))
    assert response("signum").remembers == REMEMBERED


def test_a_constant_gradient_gives_constant_updates_of_adam_and_growing_ones_of_momentum():
    assert response("adam").steady < EXACT
    assert response("momentum").grows == pytest.approx((1 - 0.9**12) / (1 - 0.9))


def test_a_nan_spreads_as_far_as_numbers_are_taken_together():
    assert response("sgd").nan_spreads == "that number"
    assert response("muon").nan_spreads == "that array"
    assert response("clip_norm").nan_spreads == "all arrays"
    assert response("skip_nonfinite").nan_spreads == "nothing"


# Products of matrices


def test_products_are_rounded_wherever_they_stand_and_nothing_else_is():
    def function(a, b):
        def turn(x, _):
            return jax.lax.cond(x[0, 0] > 0, lambda x: x @ b, lambda x: x + a, x), x.sum()

        return jax.jit(lambda x: jax.lax.scan(turn, x, None, 2))(a)

    a, b = (jnp.asarray(np.random.default_rng(k).normal(size=(3, 3)), jnp.float32) for k in range(2))
    closed = jax.make_jaxpr(function)(a, b)
    run = lambda digits: jax.extend.core.jaxpr_as_fun(with_rounded_products(closed, digits))(a, b)  # noqa: E731
    rounded = lambda x: jax.lax.reduce_precision(x, 8, 7)  # noqa: E731
    first = rounded(a) @ rounded(b) if a[0, 0] > 0 else a + a
    last = rounded(first) @ rounded(b) if first[0, 0] > 0 else first + a
    np.testing.assert_allclose(run(7)[0], last, rtol=1e-6)
    np.testing.assert_allclose(run(23)[0], function(a, b)[0], rtol=1e-6)


def test_muon_is_led_astray_a_little_by_rounded_products_and_adam_has_none():
    half, tf32 = roundings(rule("muon"))
    assert 0.001 < half < 0.05  # 8 digits are 0.004
    assert half / 16 < tf32 < half / 4  # three digits more: an eighth
    assert roundings(rule("adam")) == Roundings()


# Known rules


def settings(name):
    found = equalities(rule(name), {each: rule(each) for each in ("sgd", "momentum", "signum", "adam", "adamw")})
    return {each.known: (dict(each.where), dict(each.known_where), each.forms) for each in found}


BOTH = ("matrices", "vectors")


def test_lion_of_equal_betas_is_signum():
    assert settings("lion") == {"signum": ({"b2": "b1", "weight_decay": 0.0}, {"momentum": "b1"}, BOTH)}


def test_momentum_of_0_is_sgd_and_adamw_without_decay_adam():
    assert settings("momentum") == {"sgd": ({"momentum": 0.0}, {}, BOTH)}
    assert settings("adamw") == {"adam": ({"weight_decay": 0.0}, {}, BOTH)}


def test_muon_of_vectors_is_adamw():
    where, _, forms = settings("muon")["adamw"]
    assert (where, forms) == ({}, ("vectors",))


def test_adagrad_is_none_of_these():
    assert settings("adagrad") == {}


def test_a_rule_that_stands_still_is_no_known_one():
    still = transformed("still", lambda **numbers: optax.set_to_zero(), learning_rate=0.1, momentum=0.9)
    assert equalities(still, {"sgd": rule("sgd")}) == ()


# Costs, and the whole


def test_state_is_counted_by_form():
    assert state_bytes(rule("adam")) == (8.0, 8.0, 8.0)
    assert state_bytes(rule("sgd")) == (0.0, 0.0, 0.0)
    assert state_bytes(rule("muon")) == (8.0, 4.0, 4.0)  # vectors have AdamW


def test_an_update_of_sgd_is_one_product_for_a_number_and_all_is_measured():
    found = costs(rule("sgd"))
    assert found.flops == pytest.approx(1.0, abs=0.01)
    assert all(x > 0 for x in (found.lines, found.compile_few, found.compile_many, found.step))
    assert found.rounds >= 3


def test_a_card_says_why_something_is_not_measured():
    def update(grads, state, params):
        raise RuntimeError("out of order")

    broken = transformed("broken", lambda: optax.GradientTransformation(lambda params: (), update))
    found = card(broken)
    assert found.invariances == NotMeasured("RuntimeError: out of order")
    assert "  not measured: RuntimeError: out of order" in lines_of(found)


def _equal_to_signum(name):
    found = equalities(rule(name), {"signum": rule("signum")})
    return "\n".join(_of_equalities(found))


def test_a_card_is_lines_of_facts():
    lines = lines_of(card(rule("signsgd"), {"signum": rule("signum")}))
    text = "\n".join(lines)
    assert "multiply your AdamW learning rate by 0.23" in text
    assert "it is signum with momentum=0, at all values" in text
    assert "it is signum with momentum=b1, where b2 = b1 and, as by default, weight_decay = 0" in _equal_to_signum(
        "lion"
    )
    assert "constant gradient: constant updates" in text
    assert all(line == line.rstrip() for line in lines)


def test_a_card_is_json():
    written = plain(card(rule("signsgd")))
    read = json.loads(json.dumps(written, allow_nan=False))
    assert read["state_bytes"] == {"vector": 0.0, "square": 0.0, "long": 0.0}
    assert read["responses"]["nan_spreads"] == "that number"
    assert read["slow"] is None
