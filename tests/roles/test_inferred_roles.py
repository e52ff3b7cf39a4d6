"""Roles of plain trees by name and shape, never by the number of axes alone."""

import jax
import jax.numpy as jnp
import pytest

from padl.roles import infer
from padl.roles.role import ParameterRole, usual

SHAPE = jax.ShapeDtypeStruct


def of(**shapes):
    """The roles of one layer called `layer`, by the names of its arrays."""
    return infer({"layer": {name: SHAPE(shape, jnp.float32) for name, shape in shapes.items()}})["layer"]


def one(path, *shape):
    """The role of the only array of a tree."""
    return infer({path: SHAPE(shape, jnp.float32)})[path]


@pytest.mark.parametrize(
    ("path", "shape", "role"),
    [
        ("Dense_0.kernel", (3, 4), "matrix"),
        ("layers.0.weight", (3, 4), "matrix"),
        ("attention.wq", (4, 4), "matrix"),
        ("w1", (3, 4), "matrix"),
        ("weights.2", (3, 4), "matrix"),
        ("Conv_0.kernel", (3, 3, 1, 8), "convolution"),
        ("conv1d.kernel", (3, 1, 8), "convolution"),
        ("Embed_0.embedding", (10, 4), "embedding"),
        ("tok_embeddings.weight", (10, 4), "embedding"),
        ("wte", (10, 4), "embedding"),
        ("pos_embedding", (1, 10, 4), "embedding"),
        ("lm_head.kernel", (4, 10), "head"),
        ("head", (4, 10), "head"),
        ("classifier.2.weight", (4, 10), "head"),
        ("Dense_0.bias", (4,), "bias"),
        ("query.bias", (4, 8), "bias"),  # heads by features: two axes make no matrix of it
        ("biases.2", (4,), "bias"),
        ("LayerNorm_0.scale", (4,), "norm"),
        ("LayerNorm_0.bias", (4,), "norm"),
        ("layers.ln_1.weight", (4,), "norm"),
        ("bn.gamma", (4,), "norm"),
        ("bn.beta", (4,), "norm"),
        ("batchnorm.offset", (4,), "norm"),
        ("scale", (4,), "norm"),
    ],
)
def test_a_name_with_its_shape_tells_a_role(path, shape, role):
    assert one(path, *shape) == usual(role, len(shape), "inferred")


@pytest.mark.parametrize(
    ("path", "shape"),
    [
        ("point", (2,)),
        ("logits", (5, 3)),
        ("a.c", (3, 4)),
        ("attention", (3, 4)),
        ("query.kernel", (32, 4, 8)),  # heads, a stack, or a window
        ("layers.kernel", (3, 3, 4, 4)),
        ("w", (4,)),
        ("b", (4,)),  # without weights beside it
        ("a.b.0", (2,)),
        ("beta", ()),
        ("logit_scale", ()),
        ("patch_embedding.kernel", (16, 16, 3, 8)),
        ("", (3, 4)),
        ("0", (3, 4)),
    ],
)
def test_what_cannot_be_told_is_other(path, shape):
    assert one(path, *shape) == ParameterRole("other", source="inferred")


def test_a_b_is_a_bias_beside_its_weights():
    roles = infer([{"w": jnp.zeros((3, 4)), "b": jnp.zeros(4)}, {"w": jnp.zeros(3), "b": jnp.zeros(())}])
    assert [roles[0]["w"].role, roles[0]["b"].role, roles[1]["b"].role] == ["matrix", "bias", "bias"]
    assert of(w1=(3, 4), b1=(4,), b2=(4,))["b2"].role == "other"


def test_the_size_of_the_bias_says_that_outputs_come_first():
    assert of(weight=(3, 4), bias=(3,))["weight"] == ParameterRole("matrix", (1,), (0,), (), "inferred")
    assert of(weight=(4, 4), bias=(4,))["weight"] == ParameterRole("matrix", (0,), (1,), (), "inferred")
    assert infer({"conv": {"weight": jnp.zeros((8, 1, 3, 3)), "bias": jnp.zeros(8)}})["conv"][
        "weight"
    ] == ParameterRole("convolution", (1, 2, 3), (0,), (), "inferred")


def test_nested_dicts_and_dotted_names_are_one_tree_and_their_order_says_nothing():
    nested = {"head": {"w": jnp.zeros((3, 4)), "b": jnp.zeros(4)}, "ln": {"g": jnp.zeros(3)}}
    flat = {f"{layer}.{name}": array for layer, arrays in nested.items() for name, array in arrays.items()}
    of_flat = infer(flat)
    assert {name: role.role for name, role in of_flat.items()} == {"head.w": "head", "head.b": "bias", "ln.g": "norm"}
    assert infer(dict(reversed(flat.items()))) == of_flat
    assert infer(nested) == {
        "head": {"w": of_flat["head.w"], "b": of_flat["head.b"]},
        "ln": {"g": of_flat["ln.g"]},
    }


def test_an_array_by_itself_and_numbers_have_a_role_too():
    assert infer(jnp.zeros((3, 4))).role == "other"
    assert infer({"bias": 1.0})["bias"] == usual("bias", 0, "inferred")
