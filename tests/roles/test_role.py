"""What a role says and refuses; the table of roles; which parameters a word of a user's means."""

import random

import jax
import jax.numpy as jnp
import pytest

from padl.roles import (
    ROLES,
    ParameterRole,
    RoleRow,
    cover,
    infer,
    matches,
    roles_line,
    roles_table,
    usual,
)
from padl.roles.role import fitted
from padl.types import PadlError

PARAMS = {
    "blocks.0.kernel": jnp.zeros((3, 4)),
    "blocks.0.bias": jnp.zeros(4),
    "blocks.1.kernel": jnp.zeros((4, 4)),
    "blocks.1.bias": jnp.zeros(4),
    "head.kernel": jnp.zeros((4, 2)),
    "temperature": jnp.zeros(()),
}
TABLE = roles_table(PARAMS, infer(PARAMS))


# A role


def test_a_tree_of_roles_has_the_structure_of_its_parameters_and_can_be_hashed():
    roles = infer(PARAMS)
    assert jax.tree.structure(roles) == jax.tree.structure(PARAMS)
    assert jax.tree.all(jax.tree.map(lambda role, array: len(role.axes) in (0, array.ndim), roles, PARAMS))
    assert len({*roles.values()}) == 4  # a matrix, a bias, a head, another


@pytest.mark.parametrize(
    ("role", "ndim", "inputs", "outputs", "stacked"),
    [
        ("matrix", 2, (0,), (1,), ()),
        ("matrix", 3, (1,), (2,), (0,)),
        ("head", 2, (0,), (1,), ()),
        ("embedding", 2, (0,), (1,), ()),
        ("convolution", 4, (0, 1, 2), (3,), ()),
        ("bias", 2, (), (0, 1), ()),
        ("norm", 1, (), (0,), ()),
        ("other", 3, (), (), ()),
    ],
)
def test_the_usual_axes_are_inputs_then_outputs(role, ndim, inputs, outputs, stacked):
    assert usual(role, ndim) == ParameterRole(role, inputs, outputs, stacked)


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        (lambda: ParameterRole("matrx"), "no role 'matrx'; did you mean 'matrix'"),
        (lambda: ParameterRole("matrix", (0,), (0,)), "named once"),
        (lambda: ParameterRole("matrix", (-2,), (-1,)), "a whole number from 0"),
        (lambda: ParameterRole("matrix", (0,)), "has an axis of inputs and one of outputs"),
        (lambda: usual("matrix", 1), "needs 2 axes or more, and the array has 1"),
        (lambda: usual("convolution", 2), "needs 3 axes or more"),
    ],
)
def test_a_wrong_role_is_one_line(wrong, line):
    with pytest.raises(PadlError, match=line) as error:
        wrong()
    assert "\n" not in str(error.value)


# The table


def test_a_row_says_all_of_a_parameter():
    assert TABLE[0] == RoleRow("blocks.0.bias", (4,), "bias", (), (0,), (), "inferred")
    assert [row.path for row in TABLE] == sorted(PARAMS)


def test_a_table_of_roles_that_do_not_fit_is_refused():
    kernel = {"a": jnp.zeros((2, 3))}
    for roles in ({"b": usual("matrix", 2)}, {"a": "matrix"}, {"a": usual("bias", 1)}, {"a": usual("matrix", 3)}):
        with pytest.raises(PadlError, match="role"):
            roles_table(kernel, roles)


def test_the_line_names_what_was_inferred_and_is_empty_where_nothing_was():
    read = [row._replace(source="layer") for row in TABLE]
    assert roles_line(read) == ""
    assert roles_line(read[:4] + TABLE[4:]) == (
        "roles inferred for 2 of 6 parameters: head.kernel head, temperature other"
    )
    assert roles_line(TABLE * 2).endswith("temperature other and 6 more")


# Patterns


def test_a_pattern_is_a_role_before_it_is_a_path():
    assert matches("bias", "blocks.0.bias", "bias")
    assert not matches("bias", "bias", "matrix")  # a module or parameter that is called bias
    assert matches("[b]ias", "bias", "matrix")
    assert matches("blocks.*.kernel", "blocks.0.linear.kernel", "matrix")
    assert not matches("kernel", "blocks.0.kernel", "matrix")


def test_each_parameter_goes_to_the_closest_pattern_in_whatever_order_they_come():
    patterns = ["*", "matrix", "blocks.1.*", "blocks.1.bias", "embedding"]
    wanted = {
        "blocks.1.bias": ("blocks.1.bias",),
        "blocks.1.*": ("blocks.1.kernel",),
        "matrix": ("blocks.0.kernel",),
        "embedding": (),
        "*": ("blocks.0.bias", "head.kernel", "temperature"),
    }
    for seed in range(5):
        order, rows = random.Random(seed), random.Random(seed)
        shuffled = order.sample(patterns, len(patterns)), rows.sample(TABLE, len(TABLE))
        covered = cover(*shuffled)
        assert list(covered) == shuffled[0]
        assert {pattern: tuple(sorted(paths)) for pattern, paths in covered.items()} == wanted


def test_what_no_pattern_covers_is_refused_only_where_it_is_required():
    with pytest.raises(PadlError, match=r"no pattern covers 'head\.kernel', of role 'head' \(nor temperature\): name"):
        cover(["matrix", "bias"], TABLE)
    assert cover(["head"], TABLE, required=False) == {"head": ("head.kernel",)}
    assert cover(ROLES, TABLE)["other"] == ("temperature",)


@pytest.mark.parametrize(
    ("patterns", "line"),
    [
        (["*", "blok.*"], r"'blok\.\*' is no role and matches no parameter .*parameters: blocks\.0\.bias, blocks"),
        (["*", "matrx"], "did you mean 'matrix'"),
        (["*", "head.kernl"], r"did you mean 'head\.kernel'"),
        (["*", "*.0.*", "*.bias"], r"'\*\.0\.\*' and '\*\.bias' both match blocks\.0\.bias"),
    ],
)
def test_a_wrong_pattern_is_one_line(patterns, line):
    with pytest.raises(PadlError, match=line) as error:
        cover(patterns, TABLE)
    assert "\n" not in str(error.value)


def test_parts_of_a_kernel_are_told_and_stay_where_layers_are_stacked():
    role = ParameterRole("matrix", inputs=(0,), outputs=(1,), parts=3)
    assert str(role) == "matrix inputs [0] outputs [1] parts 3"
    (row,) = roles_table({"qkv": jnp.zeros((2, 4, 12))}, {"qkv": fitted(role, (2, 4, 12), "qkv")})
    assert (row.stacked, row.outputs, row.parts) == ((0,), (2,), 3)
