"""What tracing/internals.py takes JAX's jaxprs to be: a failure says what changed in JAX, and what to mend."""

import ast
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from padl.backprop.tracing import internals

HERE = "padl/backprop/tracing/internals.py"
X = jnp.arange(3.0)


def only(f, *args):
    """The only equation of f, and its values."""
    jaxpr, _ = internals.closed_jaxpr(f, *args)
    (equation,) = internals.equations(jaxpr.jaxpr)
    return equation


def test_an_equation_runs_by_itself_from_its_parameters():
    equation = only(lambda x: lax.reduce_sum_p.bind(x, axes=(0,), out_sharding=None), X)
    (total,) = equation.run(X)
    assert total == 3, f"Primitive.get_bind_params or bind changed: mend _bind in {HERE} as jax.core.eval_jaxpr does it"


@pytest.mark.parametrize(
    ("f", "names"),
    [(jax.jit(jnp.sin), {"jit", "pjit"}), (jax.checkpoint(jnp.sin), {"remat2", "checkpoint", "remat"})],
)
def test_calls_are_known_by_these_names_and_hold_their_function(f, names):
    equation = only(f, X)
    assert equation.primitive in names, f"'{equation.primitive}' is a new name: add it to INLINED in {HERE}"
    (inside,) = internals.equations(internals.called_jaxpr(equation).jaxpr)
    assert inside.primitive == "sin", f"its function is no longer params['jaxpr']: mend INLINED in {HERE}"


def test_functions_with_a_rule_of_their_own_are_known_and_named():
    equation = only_of(jax.nn.relu)
    assert equation.primitive in internals.CUSTOM_RULE, f"mend CUSTOM_RULE in {HERE}"
    assert internals.name_of(equation) == "relu", f"debug_info.func_name changed: mend name_of in {HERE}"

    @jax.custom_vjp
    def mine(x):
        return x

    mine.defvjp(lambda x: (x, None), lambda _, g: (2 * g,))
    equation = only(mine, X)
    assert equation.primitive in internals.CUSTOM_RULE, f"mend CUSTOM_RULE in {HERE}"
    _, vjp = jax.vjp(lambda x: equation.run(x), X)
    assert float(vjp([jnp.ones(3)])[0][0]) == 2, f"the rule is lost on the way: mend _bind in {HERE}"


def only_of(f):
    """The outermost equation of f, through the jit that may be around it."""
    equation = only(f, X)
    return equation if equation.primitive in internals.CUSTOM_RULE else internals.equations(
        internals.called_jaxpr(equation).jaxpr
    )[0]  # fmt: skip


def last(f, primitive):
    """The last equation of f, which is of this primitive."""
    jaxpr, _ = internals.closed_jaxpr(f, X)
    equation = internals.equations(jaxpr.jaxpr)[-1]
    assert equation.primitive == primitive, f"{primitive} has a new name: mend WALKS in tracing/forward.py"
    return equation


def test_a_scan_says_what_it_repeats_and_how_its_operands_are_split():
    def f(x):
        weights = jnp.sin(x)

        def body(carry, rows):
            count, total = carry
            return (count + 1, total + weights * rows[0]), (total, 2 * rows[1], count)

        return lax.scan(body, (0, x), (x, 2 * x), reverse=True)

    loop = internals.scan_loop(last(f, "scan"))
    mend = f"parameters of scan changed: mend scan_loop in {HERE}"
    assert (loop.constants, loop.carry, loop.length, loop.reverse) == (1, 2, 3, True), mend
    assert [v.aval.shape for v in loop.body.jaxpr.invars] == [(3,), (), (3,), (), ()], mend
    assert [v.aval.shape for v in loop.body.jaxpr.outvars] == [(), (3,), (3,), (), ()], mend
    assert not internals.scan_loop(last(lambda x: lax.scan(lambda c, r: (c + r, c), 0.0, x), "scan")).reverse, mend


def test_a_while_loop_says_what_it_repeats_and_until_when():
    def f(x):
        bound, factor = x[0], x[1:]
        return lax.while_loop(lambda c: c[0] < bound, lambda c: c * factor.sum(), x + 1)

    loop = internals.while_loop(last(f, "while"))
    mend = f"parameters of while changed: mend while_loop in {HERE}"
    assert (loop.condition_constants, loop.body_constants) == (1, 1), mend
    assert [v.aval.shape for v in loop.condition.jaxpr.invars] == [(), (3,)], mend
    assert [v.aval.shape for v in loop.body.jaxpr.outvars] == [(3,)], mend


def test_a_cond_holds_its_branches_in_the_order_of_their_numbers():
    branches = internals.branches(last(lambda x: lax.cond(x[0] > 0, jnp.sin, jnp.cos, x), "cond"))
    names = [internals.equations(branch.jaxpr)[0].primitive for branch in branches]
    assert names == ["cos", "sin"], f"parameters of cond changed: mend branches in {HERE}"


def test_a_conversion_of_types_says_to_which():
    equation = only(lambda x: x.astype(jnp.float16), X)
    mend = f"parameters of convert_element_type changed: mend changes_only_weak_type in {HERE}"
    assert internals.changes_only_weak_type(equation, X.astype(jnp.float16)), mend
    assert not internals.changes_only_weak_type(equation, X), mend


def test_equations_say_where_they_were_written_and_in_which_scope():
    def f(x):
        with jax.named_scope("layer"):
            return jnp.sin(x)

    equation = only(f, X)
    line = f.__code__.co_firstlineno + 2
    assert equation.source.startswith(f"test_internals.py:{line} ("), (
        f"source_info_util changed: mend source_of in {HERE}"
    )
    assert equation.module == "layer", f"source_info.name_stack changed: mend _equation in {HERE}"


def test_literals_are_told_from_variables():
    jaxpr, _ = internals.closed_jaxpr(lambda x: x * 2.0, jnp.float32(1))
    (equation,) = internals.equations(jaxpr.jaxpr)
    values = [internals.literal(atom) for atom in equation.operands]
    assert values[0] is None, f"mend literal in {HERE}"
    assert np.asarray(values[1]) == 2.0, f"mend literal in {HERE}"


def test_no_other_file_of_padl_touches_what_jax_keeps_to_itself():
    package = Path(internals.__file__).parents[2]
    named = {
        (file.name, name)
        for file in package.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names])
        if name.startswith("jax._src")
    }
    assert named == {("internals.py", "jax._src")}
