"""Every rule is that of its paper: 20 steps on arrays of every form against float64 NumPy, and its defaults."""

import numpy as np
import pytest
from numpy_rules import CONVENTIONS, DEFAULTS, RULES
from oracle_problem import expected, follows

import padl
from padl import registry
from padl.optimizers.transformation import needs_of

OWN = [entry for entry in map(registry.optimizer.get, padl.names("optimizer")) if entry.origin == "padl"]

ANY_TREE = [entry for entry in OWN if "model_state" not in needs_of(entry.function(**entry.stand_ins))]  # else: a model

pytestmark = pytest.mark.usefixtures("x64")


@pytest.mark.parametrize("name", RULES)
def test_twenty_steps_are_those_of_the_paper(name):
    follows(name, *RULES[name])


@pytest.mark.parametrize(("name", "convention"), CONVENTIONS)
def test_twenty_steps_of_another_convention_are_those_of_its_library(name, convention):
    rule, hyperparameters = CONVENTIONS[name, convention]
    follows(name, rule, {**hyperparameters, "convention": convention})


@pytest.mark.parametrize("entry", ANY_TREE, ids=lambda entry: entry.name)
def test_every_optimizer_has_an_oracle_in_float64_for_all_its_numbers(entry):
    rule, hyperparameters = RULES[entry.name]  # missing: write it from the paper, and list it in numpy_rules.py
    traced = {name for name, each in entry.hyperparameters.items() if each.traced}
    assert traced <= hyperparameters.keys()
    assert all(x.dtype == np.float64 for x in expected(rule, hyperparameters).values())


@pytest.mark.parametrize("entry", OWN, ids=lambda entry: entry.name)
def test_the_defaults_are_the_ones_stated(entry):
    """By hand from the papers: a default that is changed in the signature alone fails here."""
    stated = {name: each.default for name, each in entry.hyperparameters.items() if each.traced}
    assert stated == DEFAULTS[entry.name]
