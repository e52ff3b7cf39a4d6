"""Which scalars of a rule's state all members share: those that nothing of a member's own reaches, one by one."""

import jax
import jax.numpy as jnp
import pytest

from padl.engine.counters import common_scalars

MEMBERS = {"rate": jax.ShapeDtypeStruct((1,), jnp.float32), "rows": jax.ShapeDtypeStruct((5,), jnp.float32)}
OWN = {"rate": True, "rows": False}
PARAMS = jax.ShapeDtypeStruct((1, 3), jnp.float32)


def shared(step, init=lambda members: jnp.zeros((), jnp.int32)):
    return common_scalars(init, step, PARAMS, MEMBERS, OWN)


@pytest.mark.parametrize(
    ("of", "common"),
    [
        (lambda count, params, members: count + 1, True),
        (lambda count, params, members: count + members["rows"].sum().astype(int), True),  # the rows are one for all
        (lambda count, params, members: count + (members["rate"] > 1), False),
        (lambda count, params, members: count + (params.sum() > 0), False),
        (lambda count, params, members: jax.lax.cond(count > 2, lambda: 0, lambda: count + 1), True),
        (lambda count, params, members: jax.lax.cond(params[0] > 2, lambda: 0, lambda: count + 1), False),
        (lambda count, params, members: jax.lax.fori_loop(0, 3, lambda i, c: c + i, count), True),
        (lambda count, params, members: jax.lax.while_loop(lambda c: c < params[0], lambda c: c + 1, count), False),
        (lambda count, params, members: jax.jit(lambda a, b: (a + 1, b))(count, params)[0], True),
    ],
)
def test_a_count_is_shared_unless_a_members_own_numbers_reach_it(of, common):
    assert shared(lambda *given: of(*given).astype(jnp.int32)) is common


def test_a_count_that_begins_at_a_members_number_is_its_own():
    assert shared(lambda count, *_: count + 1, lambda members: members["rate"].astype(jnp.int32)) is False


def test_counts_that_reach_one_another_are_followed_to_the_end():
    def step(state, params, members):
        a, b, c, d = state
        return a + (params[0] > 0), b + a, c + b, d + 1

    start = lambda members: (jnp.zeros((), jnp.int32),) * 4  # noqa: E731
    assert shared(step, start) == (False, False, False, True)


def test_scalars_of_every_kind_are_shared_and_arrays_never():
    start = lambda members: {"due": jnp.bool_(False), "weight": jnp.float32(1), "mean": jnp.zeros(3)}  # noqa: E731

    def step(state, params, members):
        return {"due": ~state["due"], "weight": state["weight"] * 0.9, "mean": state["mean"]}

    assert shared(step, start) == {"due": True, "weight": True, "mean": False}


def test_the_step_is_traced_once():
    traces = []

    def step(state, params, members):
        traces.append(state)
        return state[0] + (params[0] > 0), state[1] + state[0]

    shared(step, lambda members: (jnp.zeros((), jnp.int32),) * 2)
    assert len(traces) == 1
