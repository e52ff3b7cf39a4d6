"""The script that puts Optax's optimizers through the checks can make each, and says why one is exempt."""

import importlib.util
from pathlib import Path

import jax
import jax.numpy as jnp
import optax
import pytest

from padl.conformance.checks import Outcome
from padl.conformance.suite import checks_for

FILE = Path(__file__).parents[2] / "scripts" / "optax_conformance.py"
SPEC = importlib.util.spec_from_file_location("optax_conformance", FILE)
assert SPEC is not None
assert SPEC.loader is not None
script = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(script)


@pytest.mark.filterwarnings("ignore:.*is deprecated:DeprecationWarning")
@pytest.mark.parametrize("name", script.NAMES)
def test_every_rule_of_optax_makes_an_update(name):
    rule = script.rule_of(name)
    params = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, jnp.float32), rule.start)
    tx = rule.made()
    state = jax.eval_shape(tx.init, params)
    updates, _ = jax.eval_shape(lambda g, s, p: rule.update(tx, g, s, p), params, state, params)
    assert jax.tree.map(jnp.shape, updates) == jax.tree.map(jnp.shape, params)


def test_no_rule_of_optax_is_forgotten():
    module = "optax._src.alias"
    public = {name for name, f in vars(optax).items() if callable(f) and getattr(f, "__module__", "") == module}
    assert public <= set(script.NAMES)


def test_what_is_exempt_is_a_check_of_a_rule():
    assert set(script.EXEMPT) <= set(script.NAMES)
    assert {check for each in script.EXEMPT.values() for check in each} <= {x.name for x in checks_for("optimizer")}


def test_the_table_names_what_fails():
    one, other = checks_for("optimizer")[:2]
    rows = list(script.table({"adam": [Outcome(one, "pass"), Outcome(other, "fail", "why", "", 1.25)]}))
    assert rows == [f"adam   1 passed   1 failed    1.2 s  {other.name}"]
