"""What padl/backprop/internals.py takes JAX's jaxprs to be: a failure says what changed in JAX, and what to mend."""

import ast
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from padl.backprop.tracing import internals

HERE = "padl/backprop/internals.py"
X = jnp.arange(3.0)


def only(f, *args):
    """The only equation of f, and its values."""
    jaxpr, _ = internals.closed_jaxpr(f, *args)
    (equation,) = internals.equations(jaxpr.jaxpr)
    return equation


def test_an_equation_runs_by_itself_from_its_parameters():
    equation = only(lambda x: lax.reduce_sum_p.bind(x, axes=(0,), out_sharding=None), X)
    (found,) = equation.run(X)
    assert found == 3, f"Primitive.get_bind_params or bind changed: mend _bind in {HERE} as jax.core.eval_jaxpr does it"


@pytest.mark.parametrize(
    ("f", "names"),
    [(jax.jit(jnp.sin), {"jit", "pjit"}), (jax.checkpoint(jnp.sin), {"remat2", "checkpoint", "remat"})],
)
def test_calls_are_known_by_these_names_and_hold_their_function(f, names):
    equation = only(f, X)
    assert equation.primitive in names, f"'{equation.primitive}' is a new name: add it to INLINED in {HERE}"
    (inside,) = internals.equations(internals.inner(equation).jaxpr)
    assert inside.primitive == "sin", f"its function is no longer params['jaxpr']: mend INLINED in {HERE}"


def test_functions_with_a_rule_of_their_own_are_known_and_named():
    equation = only_of(jax.nn.relu)
    assert equation.primitive in internals.OWN_RULE, f"mend OWN_RULE in {HERE}"
    assert internals.name_of(equation) == "relu", f"debug_info.func_name changed: mend name_of in {HERE}"

    @jax.custom_vjp
    def mine(x):
        return x

    mine.defvjp(lambda x: (x, None), lambda _, g: (2 * g,))
    equation = only(mine, X)
    assert equation.primitive in internals.OWN_RULE, f"mend OWN_RULE in {HERE}"
    _, pull = jax.vjp(lambda x: equation.run(x), X)
    assert float(pull([jnp.ones(3)])[0][0]) == 2, f"the rule is lost on the way: mend _bind in {HERE}"


def only_of(f):
    """The outermost equation of f, through the jit that may be around it."""
    equation = only(f, X)
    return equation if equation.primitive in internals.OWN_RULE else internals.equations(
        internals.inner(equation).jaxpr
    )[0]  # fmt: skip


@pytest.mark.parametrize(
    ("f", "primitive", "params"),
    [
        (lambda x: lax.scan(lambda c, r: (c + r, c), 0.0, x), "scan",
         {"jaxpr", "length", "num_consts", "num_carry", "reverse"}),
        (lambda x: lax.while_loop(lambda c: c[0] < 9, lambda c: 2 * c, x + 1), "while",
         {"cond_jaxpr", "body_jaxpr", "cond_nconsts", "body_nconsts"}),
        (lambda x: lax.cond(x[0] > 0, jnp.sin, jnp.cos, x), "cond", {"branches"}),
    ],
)  # fmt: skip
def test_control_flow_says_what_it_repeats_and_chooses(f, primitive, params):
    jaxpr, _ = internals.closed_jaxpr(f, X)
    equation = internals.equations(jaxpr.jaxpr)[-1]
    assert equation.primitive == primitive, f"{primitive} has a new name: mend OPENED in padl/backprop/forward.py"
    assert params <= set(equation.params), (
        f"parameters of {primitive} changed: mend its function in padl/backprop/forward.py"
    )


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
    package = Path(internals.__file__).parents[1]
    named = {
        (file.name, name)
        for file in package.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names])
        if name.startswith("jax._src")
    }
    assert named == {("internals.py", "jax._src")}
