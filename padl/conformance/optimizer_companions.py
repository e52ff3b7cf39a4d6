"""Checks of an optimizer within Optax's wrappers, and of its state through a checkpoint."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from padl.conformance.cases import case, made_code
from padl.conformance.checked_optimizer import MODEL_STATE, CheckedOptimizer, distance, size
from padl.conformance.checks import Failure, NotForIt, check
from padl.conformance.problems import given
from padl.types import PyTree

TOLERANCE = 1e-4  # of an update, in float32: one program may fuse what another does not, and roots make more of it


def _arrays(rule: CheckedOptimizer) -> tuple[PyTree, PyTree]:
    """Parameters and gradients in float32."""
    grads = jax.tree.map(lambda c: jnp.asarray(c[0], jnp.float32), given(rule.start, 1).c)
    return jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), rule.start), grads


def _first(tx: Any, grads: PyTree, params: PyTree, told: dict[str, Any]) -> PyTree:
    """The first update of a transformation, which is told what the rule within it needs."""
    return tx.update(grads, tx.init(params), params, **told)[0]


def _differ(what: str, found: PyTree, expected: PyTree, rule: CheckedOptimizer, wrapped: str) -> None:
    """Raise `Failure` where two updates are not one."""
    apart = distance(found, expected)
    if not apart <= TOLERANCE * max(size(expected), 1e-30):
        made = made_code(rule, {}).removeprefix("tx = ")
        code = case(rule, [rule.start], ending="print(updates)").replace(made, wrapped.format(made), 1)
        raise Failure(f"{what}: {apart:.2g} apart, of updates up to {size(expected):.2g}", code)


@check("optimizer", "contract")
def within_masked(rule: CheckedOptimizer) -> None:
    """Within `optax.masked` and `optax.partition` it moves the arrays that it is given as it would alone."""
    if rule.needs & {"value_fn", "grad_fn", MODEL_STATE}:
        raise NotForIt("it reads a function of all parameters, or the model")
    if len(rule.start) < 2:
        raise NotForIt("there is one array")
    params, grads = _arrays(rule)
    mine, *rest = rule.start

    @jax.jit
    def run(params: PyTree, grads: PyTree) -> Any:
        masked = optax.masked(rule.made(), {name: name == mine for name in rule.start})
        groups: Any = {"this": rule.made(), "still": optax.set_to_zero()}
        labels = {name: "this" if name == mine else "still" for name in rule.start}
        partition = optax.partition(groups, labels)
        told = rule.told(rule.made(), params, grads)
        alone = _first(rule.made(), {mine: grads[mine]}, {mine: params[mine]}, told)[mine]
        return alone, _first(masked, grads, params, told), _first(partition, grads, params, told)

    alone, masked, partition = jax.device_get(run(params, grads))
    _differ(
        "within optax.masked it is another", masked[mine], alone, rule, f"optax.masked({{}}, {{{{{mine!r}: True}}}})"
    )
    _differ("within optax.partition it is another", partition[mine], alone, rule, "{}")
    for name in rest:
        if not np.array_equal(masked[name], np.asarray(grads[name])) or np.any(partition[name]):
            raise Failure(f"it moves {name}, which optax.masked or optax.partition keeps from it")


@check("optimizer", "contract")
def within_chain(rule: CheckedOptimizer) -> None:
    """In `optax.chain`, behind a clip that clips nothing and before a scale of 3, its updates are thrice its own."""
    rule = rule.usual
    params, grads = _arrays(rule)

    @jax.jit
    def run(params: PyTree, grads: PyTree) -> Any:
        chain = optax.chain(optax.clip(1e6), rule.made(), optax.scale(3.0))
        told = rule.told(rule.made(), params, grads)
        return _first(rule.made(), grads, params, told), _first(chain, grads, params, told)

    alone, chained = jax.device_get(run(params, grads))
    tripled = jax.tree.map(lambda u: 3 * u, alone)
    _differ("within optax.chain it is another", chained, tripled, rule, "optax.chain({}, optax.scale(3.0))")


@check("optimizer", "contract")
def accumulated(rule: CheckedOptimizer) -> None:
    """Two half batches, accumulated, make the step of the whole batch; while one waits nothing moves."""
    rule = rule.usual
    params, grads = _arrays(rule)

    @jax.jit
    def run(params: PyTree, grads: PyTree) -> Any:
        twice = optax.MultiSteps(rule.made(), every_k_schedule=2)
        told = rule.told(rule.made(), params, grads)
        state = twice.init(params)
        waiting, state = twice.update(jax.tree.map(lambda g: 0.5 * g, grads), state, params, **told)
        moved, _ = twice.update(jax.tree.map(lambda g: 1.5 * g, grads), state, params, **told)
        return waiting, moved, _first(rule.made(), grads, params, told)

    waiting, moved, alone = jax.device_get(run(params, grads))
    if size(waiting):
        raise Failure("with optax.MultiSteps it moves while a half batch waits for the other")
    wrapped = "optax.MultiSteps({}, every_k_schedule=1)"
    _differ("two half batches make another step than the whole", moved, alone, rule, wrapped)


@check("optimizer", "contract")
def checkpoint(rule: CheckedOptimizer) -> None:
    """A state that was written as arrays and read back goes on to the bit."""
    rule = rule.usual
    stream = given(rule.start)
    begun = rule.course(stream, dtype=np.float32)
    leaves, tree = jax.tree.flatten(begun.state)
    if any(jnp.issubdtype(jnp.result_type(x), jax.dtypes.prng_key) for x in leaves):
        raise Failure("its state holds a typed key, which is no array of numbers: keep jax.random.key_data of it")
    read = jax.tree.unflatten(tree, [jnp.asarray(np.asarray(x)) for x in leaves])
    one, other = (
        rule.course(stream, start=begun.params, state=state, dtype=np.float32) for state in (begun.state, read)
    )
    if not jax.tree.all(jax.tree.map(partial(np.array_equal, equal_nan=True), one.path, other.path)):
        raise Failure("after its state was written and read it goes another way", case(rule, [rule.start] * 3))


@check("optimizer", "contract")
def names_of_arrays(rule: CheckedOptimizer) -> None:
    """Names and order of the arrays do not matter to it, where roles do not follow from them."""
    if rule.takes_roles:
        raise NotForIt("roles follow from the names")
    if rule.is_for_heads:
        raise NotForIt("it knows its arrays by name")
    if "key" in rule.needs:
        raise NotForIt("random numbers follow from the names")
    turned = lambda tree: {f"{len(tree) - i}": tree[name] for i, name in enumerate(sorted(tree))}  # noqa: E731
    stream = given(rule.start)
    one = rule.course(stream)
    other = rule.at(turned(rule.start)).course(stream._replace(c=turned(stream.c)))
    apart = distance(turned(one.path), other.path)
    if not apart <= 1e-9 * max(size(one.updates), 1e-30):
        code = case(rule.at(turned(rule.start)), [turned(rule.start)])
        raise Failure(f"with its arrays named otherwise it goes another way: {apart:.2g} apart", code)
