"""Roles read from a module: the layers of Flax, alone and stacked, what is declared, and a stranger's head."""

import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from padl.roles import ParameterRole, declare, usual
from padl.roles.layers import roles_of
from padl.types import PadlError


def read(make, outputs=None):
    """The roles of a module that is built without numbers, as (role, inputs, outputs, stacked)."""
    roles = roles_of(nnx.eval_shape(lambda: make(nnx.Rngs(0))), outputs)
    assert {role.source for role in roles.values()} <= {"layer", "declared"}
    return {name: (r.role, r.inputs, r.outputs, r.stacked) for name, r in roles.items()}


BIAS, NORM = ("bias", (), (0,), ()), ("norm", (), (0,), ())
MATRIX = ("matrix", (0,), (1,), ())


def conv(*inputs, output):
    return "convolution", inputs, (output,), ()


@pytest.mark.parametrize(
    ("make", "roles"),
    [
        (lambda rngs: nnx.Linear(3, 4, rngs=rngs), {"kernel": MATRIX, "bias": BIAS}),
        (lambda rngs: nnx.Linear(3, 4, use_bias=False, rngs=rngs), {"kernel": MATRIX}),
        (
            lambda rngs: nnx.LinearGeneral((2, 3), (4, 5), axis=(-2, -1), batch_axis={0: 6}, rngs=rngs),
            {"kernel": ("matrix", (1, 2), (3, 4), (0,)), "bias": ("bias", (), (1, 2), (0,))},
        ),
        (
            lambda rngs: nnx.Einsum("bnd,ndh->bnh", (2, 3, 4), (2, 4), rngs=rngs),
            {"kernel": ("matrix", (1,), (2,), (0,)), "bias": ("bias", (), (1,), (0,))},
        ),
        (lambda rngs: nnx.Conv(3, 4, (5,), rngs=rngs), {"kernel": conv(0, 1, output=2), "bias": BIAS}),
        (
            lambda rngs: nnx.Conv(4, 4, (3, 3), feature_group_count=4, rngs=rngs),
            {"kernel": conv(0, 1, 2, output=3), "bias": BIAS},
        ),
        (lambda rngs: nnx.ConvTranspose(3, 4, (2, 2), rngs=rngs), {"kernel": conv(0, 1, 2, output=3), "bias": BIAS}),
        (
            lambda rngs: nnx.ConvTranspose(3, 4, (2, 2), transpose_kernel=True, rngs=rngs),
            {"kernel": conv(0, 1, 3, output=2), "bias": BIAS},
        ),
        (lambda rngs: nnx.Embed(9, 4, rngs=rngs), {"embedding": ("embedding", (0,), (1,), ())}),
        (lambda rngs: nnx.LayerNorm(4, rngs=rngs), {"scale": NORM, "bias": NORM}),
        (lambda rngs: nnx.RMSNorm(4, rngs=rngs), {"scale": NORM}),
        (lambda rngs: nnx.BatchNorm(4, rngs=rngs), {"scale": NORM, "bias": NORM}),
        (lambda rngs: nnx.GroupNorm(4, 2, rngs=rngs), {"scale": NORM, "bias": NORM}),
        (lambda rngs: nnx.InstanceNorm(4, rngs=rngs), {"scale": NORM, "bias": NORM}),
        (lambda rngs: nnx.PReLU(), {"negative_slope": ("other", (), (), ())}),
        (
            lambda rngs: nnx.LoRALinear(3, 4, lora_rank=2, rngs=rngs),
            {"kernel": MATRIX, "bias": BIAS, "lora.lora_a": MATRIX, "lora.lora_b": MATRIX},
        ),
        (
            lambda rngs: nnx.GRUCell(3, 4, rngs=rngs),
            {"dense_h.kernel": MATRIX, "dense_i.kernel": MATRIX, "dense_i.bias": BIAS},
        ),
    ],
)
def test_a_layer_of_flax_says_what_its_parameters_are(make, roles):
    found = read(make)
    assert {name: found[name] for name in roles} == roles
    assert {found[name][0] for name in found} == {role[0] for role in roles.values()}


def test_every_gate_of_a_recurrent_cell_is_a_matrix():
    for cell in (nnx.LSTMCell, nnx.OptimizedLSTMCell, nnx.SimpleCell):
        roles = read(lambda rngs, cell=cell: nnx.RNN(cell(3, 4, rngs=rngs), rngs=rngs))
        assert {(name.rpartition(".")[2], *role) for name, role in roles.items()} == {
            ("kernel", *MATRIX),
            ("bias", *BIAS),
        }


def test_heads_of_attention_are_outputs_and_its_bias_of_two_axes_is_a_bias():
    roles = read(lambda rngs: nnx.MultiHeadAttention(4, 32, normalize_qk=True, rngs=rngs))
    for name in ("query", "key", "value"):
        assert roles[f"{name}.kernel"] == ("matrix", (0,), (1, 2), ())
        assert roles[f"{name}.bias"] == ("bias", (), (0, 1), ())  # (4, 8)
    assert roles["out.kernel"] == ("matrix", (0, 1), (2,), ())
    assert roles["query_ln.scale"] == NORM


def test_the_axes_of_a_kernel_are_those_of_the_linear_map_that_the_layer_is():
    """With its input axes as rows and its output axes as columns, a kernel multiplies the flattened input."""
    rng = np.random.default_rng(0)
    drawn = {"kernel_init": lambda key, shape, dtype: rng.normal(size=shape).astype(dtype), "rngs": nnx.Rngs(0)}
    layers = [
        (nnx.Linear(3, 4, use_bias=False, **drawn), (3,)),
        (nnx.LinearGeneral((2, 3), (4, 5), axis=(-2, -1), use_bias=False, **drawn), (2, 3)),
        (nnx.Einsum("bdk,hdko->bho", (4, 3, 2, 5), **drawn), (3, 2)),
        (nnx.Conv(3, 4, (2, 2), padding="VALID", use_bias=False, **drawn), (2, 2, 3)),
    ]
    for layer, shape in layers:
        role, kernel = roles_of(layer)["kernel"], np.asarray(layer.kernel[...], np.float64)
        x = rng.normal(size=(1, *shape)).astype(np.float32)
        fan_in = int(np.prod([kernel.shape[axis] for axis in role.inputs]))
        matrix = kernel.transpose(*role.inputs, *role.outputs).reshape(fan_in, -1)
        wanted = x.reshape(1, -1) @ matrix
        np.testing.assert_allclose(layer(jnp.asarray(x)).reshape(1, -1), wanted, rtol=1e-5, atol=1e-5)  # in float32


# Stacks


def stack(layer, count=3, axis=0):
    """A layer with its parameters stacked along an axis."""

    @nnx.split_rngs(splits=count)
    @nnx.vmap(in_axes=(0,), out_axes=axis)
    def make(rngs):
        return layer(rngs)

    return make


def linear(rngs):
    return nnx.Linear(4, 5, rngs=rngs)


def test_a_stack_of_layers_is_a_stack_of_matrices_and_of_biases():
    assert read(stack(linear)) == {"kernel": ("matrix", (1,), (2,), (0,)), "bias": ("bias", (), (1,), (0,))}
    assert read(stack(linear, axis=1))["kernel"] == ("matrix", (0,), (2,), (1,))
    assert read(stack(stack(linear, 2), 3))["kernel"] == ("matrix", (2,), (3,), (0, 1))


def test_of_axes_of_one_size_the_first_is_the_stack():
    assert read(stack(linear, 4))["kernel"] == ("matrix", (1,), (2,), (0,))
    assert read(stack(linear, 5))["bias"] == ("bias", (), (1,), (0,))


def test_a_stack_of_attention_and_of_convolutions_keeps_their_axes():
    roles = read(stack(lambda rngs: nnx.MultiHeadAttention(2, 8, rngs=rngs)))
    assert roles["query.kernel"] == ("matrix", (1,), (2, 3), (0,))
    assert roles["query.bias"] == ("bias", (), (1, 2), (0,))
    assert read(stack(lambda rngs: nnx.Conv(1, 2, (3,), rngs=rngs)))["kernel"] == ("convolution", (1, 2), (3,), (0,))


def test_an_array_of_another_shape_than_its_layer_makes_is_not_read_from_the_layer():
    layer = nnx.Linear(4, 5, rngs=nnx.Rngs(0))
    layer.kernel = nnx.Param(jnp.zeros((4, 6)))
    assert roles_of(layer)["kernel"].source == "inferred"


def test_a_subclass_is_read_as_its_base_where_it_keeps_what_that_keeps():
    class Same(nnx.Linear):
        pass

    class Own(nnx.Linear):
        def __init__(self):
            self.kernel = nnx.Param(jnp.zeros((4, 5)))

    assert roles_of(Same(4, 5, rngs=nnx.Rngs(0)))["kernel"].source == "layer"
    assert roles_of(Own())["kernel"] == usual("matrix", 2, "inferred")


# What is declared


class Declares(nnx.Module):
    def __init__(self, rngs):
        self.table = declare(nnx.Param(jnp.zeros((9, 4))), "embedding")
        self.turned = nnx.Param(jnp.zeros((5, 4)), role=ParameterRole("matrix", (1,), (0,)))
        self.gain = nnx.Param(jnp.zeros(4), role="norm")
        self.bias = nnx.Linear(4, 4, rngs=rngs)
        declare(self.bias.kernel, "other")


def test_what_is_declared_goes_before_the_layer_and_is_moved_with_a_stack():
    assert read(Declares) == {
        "table": ("embedding", (0,), (1,), ()),
        "turned": ("matrix", (1,), (0,), ()),
        "gain": NORM,
        "bias.kernel": ("other", (), (), ()),
        "bias.bias": BIAS,
    }
    stacked = read(stack(Declares))
    assert stacked["table"] == ("embedding", (1,), (2,), (0,))
    assert stacked["turned"] == ("matrix", (2,), (1,), (0,))


def test_what_stands_under_the_word_and_is_no_role_is_somebody_elses():
    layer = nnx.Linear(4, 5, kernel_metadata={"role": "teacher"}, rngs=nnx.Rngs(0))
    assert roles_of(layer)["kernel"] == usual("matrix", 2, "layer")


@pytest.mark.parametrize(
    ("role", "line"),
    [
        (ParameterRole("bias", (), (0,)), "has 2 axes, .*each is to be named"),
        (ParameterRole("matrix", (0,), (2,)), "has 2 axes"),
        (usual("convolution", 3), "has 2 axes"),
        ("convolution", "needs 3 axes or more, and the array has 2"),
        ("matrx", "no role 'matrx'"),
    ],
)
def test_a_declaration_that_does_not_fit_its_array_is_refused(role, line):
    with pytest.raises(PadlError, match=line) as error:
        declare(nnx.Param(jnp.zeros((2, 3))), role)
    assert "\n" not in str(error.value)


def test_more_axes_than_the_array_has_are_refused_with_the_name():
    class Wrong(nnx.Module):
        def __init__(self):
            self.w = nnx.Param(jnp.zeros((2, 3)), role=usual("convolution", 4))

    with pytest.raises(PadlError, match=r"of w: the array has 2 axes, \[2, 3\]"):
        roles_of(Wrong())

    class Short(nnx.Module):
        def __init__(self):
            self.v = nnx.Param(jnp.zeros(3), role="matrix")

    with pytest.raises(PadlError, match="a role 'matrix' needs 2 axes or more, and v has 1"):
        roles_of(Short())


# A stranger's module


class Stranger(nnx.Module):
    def __init__(self, rngs):
        self.layers = nnx.List([nnx.Linear(4, 4, rngs=rngs), nnx.Linear(4, 2, rngs=rngs)])
        self.parts = nnx.Dict(norm=nnx.LayerNorm(4, rngs=rngs))
        self.temperature = nnx.Param(jnp.ones(()))
        self.readout = nnx.Linear(4, 3, rngs=rngs)


def heads(module, outputs=None):
    return [name for name, role in roles_of(module, outputs).items() if role.role == "head"]


def test_the_head_is_the_only_matrix_with_the_outputs_of_the_task_or_one_that_is_called_so():
    module = nnx.eval_shape(lambda: Stranger(nnx.Rngs(0)))
    roles = roles_of(module, 2)
    assert heads(module, 2) == ["layers.1.kernel"]
    assert roles["layers.1.kernel"].source == "inferred"
    assert (roles["temperature"].role, roles["temperature"].source) == ("other", "inferred")
    assert roles["parts.norm.scale"].source == "layer"
    assert heads(module) == heads(module, 3) == ["readout.kernel"]
    assert heads(module, 7) == []


def test_of_several_with_the_outputs_of_the_task_the_one_called_head_is_it_or_none():
    class Two(nnx.Module):
        def __init__(self, rngs):
            self.a, self.b, self.head = (nnx.Linear(2, 2, rngs=rngs) for _ in range(3))

    class Nameless(Two):
        def __init__(self, rngs):
            super().__init__(rngs)
            self.c, self.head = self.head, None

    assert heads(nnx.eval_shape(lambda: Two(nnx.Rngs(0))), 2) == ["head.kernel"]
    assert heads(nnx.eval_shape(lambda: Nameless(nnx.Rngs(0))), 2) == []


def test_a_layer_that_two_attributes_share_is_read_once_as_it_is_trained():
    class Shared(nnx.Module):
        def __init__(self, rngs):
            self.a = nnx.Linear(3, 3, rngs=rngs)
            self.b = self.a

    module = nnx.eval_shape(lambda: Shared(nnx.Rngs(0)))
    assert set(roles_of(module)) == {"a.kernel", "a.bias"}
