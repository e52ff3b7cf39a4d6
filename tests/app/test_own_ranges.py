"""An optimizer may say which learning rates are worth trying: searches and comparisons try these, and say of others."""

from typing import Annotated

import numpy as np
import optax
import pytest

import padl
from padl import registry
from padl.app.compare.plan import resolve
from padl.app.names import of
from padl.app.own_ranges import far_lines, own_range
from padl.app.run_spec import check
from padl.app.sweep.search_space import usual
from padl.types import POSITIVE, Domain, ScalarOrSchedule

QUIET = {"run": {"dir": None}, "wandb": {"mode": "disabled"}, "progress": "none", "steps": 2}
OWN = {"prodigy": (0.1, 10.0), "dog": (0.1, 10.0), "adam": None, "muon": None}
SHORT = {"surface": "valley", "optimizers": ["gd", "prodigy"], "steps": 5}


def spec(optimizer):
    return check({"task": "digits", "optimizer": optimizer, **QUIET})


@pytest.mark.parametrize("name", OWN)
def test_a_rule_declares_its_own_range_where_it_is_defined(name):
    assert own_range(of("optimizer").get(name)) == OWN[name]


def test_every_rule_that_finds_its_own_rate_declares_a_range_around_its_default():
    rules = [entry for entry in of("optimizer") if entry.family == "learning-rate-free"]
    assert rules
    for entry in rules:
        low, high = own_range(entry)
        assert low < entry.hyperparameters["learning_rate"].default < high


def test_a_search_tries_the_range_that_the_optimizer_declares():
    (own,) = usual(["optimizer.learning_rate"], spec("prodigy"), [])
    (other,) = usual(["optimizer.learning_rate"], spec("adam"), [])
    assert (own.low, own.high, own.log) == (0.1, 10.0, True)
    assert (other.low, other.high) == (1e-5, 1.0)


def test_a_comparison_tries_as_many_of_its_own_and_a_fixed_one_shows_its_default():
    tuned, fixed = resolve(SHORT), resolve({**SHORT, "mode": "fixed"})
    assert tuned.own_rates.keys() == {"prodigy"}
    np.testing.assert_allclose(tuned.own_rates["prodigy"], np.geomspace(0.1, 10, 16))
    assert fixed.shown_at == {"gd": fixed.fixed, "prodigy": 1.0}
    assert 1.0 in fixed.own_rates["prodigy"]
    paths = padl.trajectories(**SHORT, learning_rates=3).paths
    np.testing.assert_allclose(paths["prodigy"].rates, [0.1, 1, 10], rtol=1e-6)
    np.testing.assert_allclose(paths["gd"].rates, [1e-4, 10**-1.5, 10], rtol=1e-6)


ASKED = (
    {"learning_rates": [1e-3, 2e-3]},
    {"learning_rates": 2, "learning_rate_range": [1e-3, 2e-3]},
    {"mode": "fixed", "learning_rate": 1e-3},
)


@pytest.mark.parametrize("asked", ASKED)
def test_rates_that_are_asked_for_are_those_of_all_and_it_is_said_where_they_are_far(asked):
    plan = resolve({**SHORT, **asked})
    assert plan.own_rates == {}
    assert [line.startswith("prodigy: learning_rate=0.001") for line in plan.said] == [True]


def test_a_rate_ten_times_outside_is_told_once_for_all_members_with_what_is_worth_trying():
    rates = [1e-4, 1e-3, 1e-3, 0.02, 1.0, 90.0, 200.0]
    (line,) = far_lines([spec({"name": "prodigy", "learning_rate": rate}) for rate in rates])
    assert line.startswith("optimizer.learning_rate=0.0001,0.001,200 is far from 0.1 to 10")
    assert "1 where not given" in line
    assert far_lines([spec({"name": "adam", "learning_rate": 1e-9})]) == []


def test_a_group_with_such_a_rule_is_told_by_its_own_key():
    groups = {"head": {"name": "prodigy", "learning_rate": 1e-3}}
    (line,) = far_lines([spec({"name": "adam", "learning_rate": 1e-3, "groups": groups})])
    assert line.startswith("optimizer.groups.head.learning_rate=0.001 is far")


def test_a_run_says_it_where_it_shows_progress(capsys):
    padl.train(**{**QUIET, "progress": "plain"}, task="digits", optimizer={"name": "dog", "learning_rate": 1e-3})
    assert capsys.readouterr().err.count("padl: optimizer.learning_rate=0.001 is far from 0.1 to 10") == 1


def test_a_plugin_declares_its_own_by_an_annotation():
    rates = Domain(*POSITIVE[:4], search=(2.0, 4.0), scale="log")

    def bound(learning_rate: Annotated[ScalarOrSchedule, rates] = 3.0):
        return optax.sgd(learning_rate)

    hyperparameters = registry.hyperparameters_of("optimizer", bound)
    entry = registry.Entry("optimizer", "bound", bound, "", "", "here")
    assert hyperparameters["learning_rate"].domain == rates
    assert own_range(entry) == (2.0, 4.0)
