"""Updates in place: what a compiled update keeps in memory beside its slots, and that waiting changes no value."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import padl
from padl import registry
from padl.optimizers.in_place import after
from padl.optimizers.transformation import needed, needs_of
from padl.origins import PADL

RULES = [registry.optimizer.get(name) for name in padl.names("optimizer")]
OWN = [rule.name for rule in RULES if not rule.stand_ins and rule.origin == PADL]  # strangers' promise nothing of it
NAMES = [name for name in OWN if not needs_of(padl.optimizer(name)) & {"grad_fn", "value_fn"}]  # nor does the loss
ARRAYS, SIDE = 8, 64
ARRAY = 4 * SIDE * SIDE  # bytes


def temporaries(entry, values=None):
    """How many arrays an update with traced numbers keeps, beside its donated carry and its gradients."""
    make, numbers = entry.split(values or {})

    def update(carry, grads, numbers):
        params, state = carry
        tx = make(**numbers)
        updates, state = tx.update(
            grads, state, params, **needed(tx, {"value": jnp.ones(()), "key": jax.random.key(0)})
        )
        return optax.apply_updates(params, updates), state

    params = [jax.ShapeDtypeStruct((SIDE, SIDE), jnp.float32)] * ARRAYS
    numbers = jax.tree.map(jnp.float32, numbers)
    state = jax.eval_shape(lambda params, numbers: make(**numbers).init(params), params, numbers)
    program = jax.jit(update, donate_argnums=0).lower((params, state), params, numbers).compile()
    memory: Any = program.memory_analysis()
    return memory.temp_size_in_bytes / ARRAY


@pytest.mark.parametrize("name", NAMES)
def test_an_update_keeps_no_array_but_what_its_rule_says_and_that_of_few_at_a_time(name):
    entry = registry.optimizer.get(name)
    kept = temporaries(entry)
    if "temporary" in entry.traits:
        assert 0.9 < kept < 4  # of 8, numbers beside them
    else:
        assert kept < 0.5


@pytest.mark.parametrize("name", ["ema", "tail_ema"])
def test_an_average_of_the_parameters_is_made_before_they_are_overwritten(name):
    assert temporaries(registry.optimizer.get(name), {"inner": "adam"}) < 0.5


@pytest.mark.parametrize("done", [0.5, np.nan, np.inf, -np.inf])
def test_waiting_changes_no_value_whatever_is_waited_for(done):
    x = jnp.array([1.0, jnp.nan, -jnp.inf])
    np.testing.assert_array_equal(jax.jit(after)(x, jnp.full((2, 2), done)), x)
    np.testing.assert_array_equal(jax.vmap(after)(x, jnp.full((3, 2), done)), x)


def test_on_an_accelerator_nothing_waits():
    x = jnp.ones(3)
    text = jax.jit(after).trace(x, x).lower(lowering_platforms=("cuda",)).as_text()
    assert "select" not in text
    assert "select" in jax.jit(after).lower(x, x).as_text()
