"""What is told of the libraries that compute a rule otherwise: the form, the defaults, an oracle for each."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy_rules import CONVENTIONS

import padl
from padl import optimizers, registry
from padl.optimizers.conventions import form_of
from padl.types import PadlError

TABLES = {
    entry.name: entry
    for entry in map(registry.optimizer.get, padl.names("optimizer"))
    if entry.origin == "padl" and "conventions" in entry.traits
}


@pytest.mark.parametrize("entry", TABLES.values(), ids=TABLES.keys())
def test_a_rule_with_conventions_takes_them_and_begins_with_the_papers(entry):
    table, argument = entry.traits["conventions"], entry.hyperparameters["convention"]
    assert argument.default == "paper"
    assert not table["paper"].says
    for name, convention in table.items():
        assert argument.check(name, "convention") == name
        assert set(convention.form) <= set(table["paper"].form)
        for word, value in convention.defaults.items():
            assert entry.hyperparameters[word].check(value, word) != entry.hyperparameters[word].default
        assert bool(convention.says) >= bool(convention.form) or name == "paper"


@pytest.mark.parametrize("entry", TABLES.values(), ids=TABLES.keys())
def test_every_convention_of_another_form_has_an_oracle(entry):
    table = entry.traits["conventions"]
    others = {name for name in table if form_of(table, name) != form_of(table, "paper")}
    assert others <= {library for rule, library in CONVENTIONS if rule == entry.name}


def test_the_eps_of_adam_in_keras_is_larger_by_the_root_of_its_correction():
    with jax.enable_x64(True):
        eps, b2, g = 1e-3, 0.999, jnp.array([1.0, -1e-3])
        moved = {name: optimizers.adam(1.0, b2=b2, eps=eps, convention=name) for name in ("paper", "torch", "keras")}
        steps = {name: np.asarray(tx.update(g, tx.init(g))[0]) for name, tx in moved.items()}
    np.testing.assert_allclose(steps["paper"], [-1 / (1 + eps), 0.5], rtol=1e-12)
    np.testing.assert_array_equal(steps["torch"], steps["paper"])
    floor = eps / np.sqrt(1 - b2)
    np.testing.assert_allclose(steps["keras"], [-1 / (1 + floor), 1e-3 / (1e-3 + floor)], rtol=1e-12)


def test_a_convention_that_a_rule_has_not_is_refused_with_those_it_has():
    with pytest.raises(PadlError, match="convention=keras: this rule has paper, optax"):
        optimizers.yogi(convention="keras")
