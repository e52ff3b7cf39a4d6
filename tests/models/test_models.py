"""The models: the canonical convolution against that of JAX; shapes, dropout by key with a rate that is data, norms."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from jax import lax

import padl
from padl import models
from padl.models.fast_conv import NHWC, conv_general_dilated
from padl.models.layers import Rate
from padl.types import PadlError

# The convolution

canonical = partial(conv_general_dilated, dimension_numbers=NHWC)

CONVOLUTIONS = [  # (height, width), (kernel height, width), strides, padding
    ((6, 6), (3, 3), (1, 1), "SAME"),
    ((6, 6), (3, 3), (1, 1), "VALID"),
    ((6, 6), (1, 1), (1, 1), "VALID"),
    ((6, 6), (2, 2), (1, 1), "SAME"),
    ((7, 6), (3, 3), (2, 2), "SAME"),
    ((7, 6), (3, 3), (2, 2), "SAME_LOWER"),
    ((8, 7), (3, 2), (2, 1), "VALID"),
    ((9, 8), (5, 4), (3, 2), "SAME"),
    ((9, 8), (2, 2), (3, 3), "VALID"),  # strides that skip rows: their gradient is 0
    ((7, 8), (1, 1), (2, 3), "SAME"),
    ((5, 5), (3, 3), (2, 2), ((2, 0), (0, 1))),
    ((5, 5), (2, 3), (1, 2), ((4, 3), (0, 5))),  # wider than the kernel reaches
    ((6, 6), (3, 3), (1, 1), ((-1, 0), (0, -2))),  # cuts the image
    ((5, 1), (3, 1), (1, 1), "SAME"),
    ((3, 3), (3, 3), (1, 1), "VALID"),
]


def images_and_kernels(size, kernel, channels=3, outputs=4, groups=1, dtype=np.float32):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, *size, channels)).astype(dtype)
    w = rng.normal(size=(*kernel, channels // groups, outputs)).astype(dtype)
    return jnp.asarray(x), jnp.asarray(w)


def value_and_gradients(convolve, x, w):
    """The result, and the gradients of a sum of it that weighs every output otherwise."""

    def weighed(x, w):
        y = convolve(x, w)
        return (y * jnp.sin(1.0 + jnp.arange(y.size)).reshape(y.shape)).sum(), y

    (_, y), gradients = jax.value_and_grad(weighed, argnums=(0, 1), has_aux=True)(x, w)
    return y, gradients


@pytest.mark.parametrize(("size", "kernel", "strides", "padding"), CONVOLUTIONS)
def test_the_convolution_and_its_gradients_are_those_of_jax(size, kernel, strides, padding):
    x, w = images_and_kernels(size, kernel)
    ours, theirs = jax.jit(
        lambda x, w: (
            value_and_gradients(lambda x, w: canonical(x, w, strides, padding), x, w),
            value_and_gradients(
                lambda x, w: lax.conv_general_dilated(x, w, strides, padding, dimension_numbers=NHWC), x, w
            ),
        )
    )(x, w)
    # float32 sums of at most 60 products of numbers near 1, in another order
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4), ours, theirs)


@pytest.mark.parametrize(
    "options",
    [{"rhs_dilation": (2, 2)}, {"lhs_dilation": (2, 1)}, {"feature_group_count": 2}, {"precision": "highest"}],
    ids=str,
)
def test_dilated_grouped_and_precise_convolutions_are_left_to_jax(options):
    x, w = images_and_kernels((6, 6), (3, 3), channels=4, groups=options.get("feature_group_count", 1))
    arguments = {"window_strides": (1, 1), "padding": ((0, 0), (0, 0)), "dimension_numbers": NHWC, **options}
    ours = value_and_gradients(lambda x, w: conv_general_dilated(x, w, **arguments), x, w)
    theirs = value_and_gradients(lambda x, w: lax.conv_general_dilated(x, w, **arguments), x, w)
    jax.tree.map(np.testing.assert_array_equal, ours, theirs)


def test_members_with_kernels_of_their_own_convolve_as_each_would_alone():
    x, w = images_and_kernels((6, 5), (3, 3))
    xs, ws = jnp.stack([x, 2 * x]), jnp.stack([w, w - 1])
    run = jax.jit(lambda x, w: value_and_gradients(lambda x, w: canonical(x, w, (2, 2), "SAME"), x, w))
    together = jax.vmap(run)(xs, ws)
    for i in range(2):
        alone = run(xs[i], ws[i])
        jax.tree.map(lambda a, b, i=i: np.testing.assert_allclose(a[i], b, rtol=1e-4, atol=1e-4), together, alone)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_convolution_in_half_precision_has_gradients_in_it(dtype):
    x, w = images_and_kernels((6, 6), (3, 3), dtype=dtype)
    y, gradients = jax.eval_shape(
        lambda x, w: value_and_gradients(lambda x, w: canonical(x, w, (1, 1), "SAME"), x, w), x, w
    )
    assert y.dtype == dtype
    assert [g.dtype for g in gradients] == [dtype, dtype]


def test_images_in_another_layout_are_never_taken_for_nhwc():
    x, w = jnp.ones((2, 3, 6, 5)), jnp.ones((4, 3, 3, 3))
    layout = ("NCHW", "OIHW", "NCHW")
    expected = lax.conv_general_dilated(x, w, (1, 1), "VALID", dimension_numbers=layout)
    y = conv_general_dilated(x, w, (1, 1), "VALID", dimension_numbers=layout)
    np.testing.assert_array_equal(y, expected)


def test_a_dtype_asked_for_is_given():
    x, w = images_and_kernels((6, 6), (3, 3), dtype="bfloat16")
    assert canonical(x, w, (1, 1), "SAME", preferred_element_type=jnp.float32).dtype == jnp.float32


# The models

SHAPES = {"linear": (4, 3), "mlp": (4, 3), "cnn": (9, 8, 3), "tdnn": (3, 8, 2)}
SMALL = {  # few shapes to compile draws for
    "linear": {},
    "mlp": {"widths": (6, 6)},
    "cnn": {"channels": (6, 6)},
    "tdnn": {"widths": (6, 6), "window": 1, "stride": 2},
}
GIVES = {"tdnn": (5, 4, 6)}  # of five inputs; the others give a row each
HIDDEN = ["mlp", "cnn", "tdnn"]
KEY = jax.random.key(0)


def build(name, **hyperparameters):
    return getattr(models, name)(SHAPES[name], 6, **SMALL[name], **hyperparameters, rngs=nnx.Rngs(0))


def inputs(name, rows=5):
    return jax.random.normal(jax.random.key(1), (rows, *SHAPES[name]))


def affine(layer, x):
    return x @ np.asarray(layer.kernel[...]) + np.asarray(layer.bias[...])


def test_every_model_is_tested_here():
    own = [entry.name for entry in padl.registry.model if entry.origin == "padl"]
    assert sorted(own) == sorted(SHAPES)


@pytest.mark.parametrize("name", SHAPES)
def test_a_model_gives_a_row_of_outputs_for_every_input(name):
    model = build(name)
    y = model(inputs(name))
    assert y.shape == GIVES.get(name, (5, 6))
    np.testing.assert_allclose(model(inputs(name)[::-1]), y[::-1], rtol=1e-5, atol=1e-6)  # each from its own row
    np.testing.assert_array_equal(build(name)(inputs(name)), y)  # the same rngs, the same weights


def test_linear_is_a_matrix_and_a_bias():
    model, x = build("linear"), inputs("linear")
    np.testing.assert_allclose(
        model(x), affine(model.head, np.asarray(x).reshape(5, 12)), rtol=1e-5, atol=1e-6
    )  # float32


def test_an_mlp_without_hidden_layers_is_linear():
    x = inputs("mlp")
    one = models.mlp(SHAPES["mlp"], 6, widths=(), rngs=nnx.Rngs(0))(x)
    np.testing.assert_array_equal(one, build("linear")(x))


def test_an_mlp_is_its_layers_with_the_activation_between_them():
    model, x = build("mlp", activation="tanh"), inputs("mlp")
    h = np.asarray(x).reshape(5, 12)
    for block in model.blocks:
        h = np.tanh(affine(block.linear, h))
    np.testing.assert_allclose(model(x), affine(model.head, h), rtol=1e-5, atol=1e-6)


def test_a_cnn_does_not_care_how_large_the_image_is():
    model = build("cnn")
    assert model(jnp.ones((2, 1, 1, 3))).shape == (2, 6)
    assert model(jnp.ones((2, 20, 3, 3))).shape == (2, 6)


def test_a_cnn_on_vectors_is_refused_with_another_model_to_try():
    with pytest.raises(PadlError, match=r"needs images.*model=mlp"):
        models.cnn((12,), 6, rngs=nnx.Rngs(0))


@pytest.mark.parametrize(
    ("width", "window", "stride"), [(8, 3, 1), (8, 4, 2), (7, 4, 2), (9, 2, 3), (5, 9, 4), (2, 5, 1)]
)
def test_a_frame_of_a_tdnn_holds_the_columns_around_the_middle_of_its_stride(width, window, stride):
    columns = np.arange(1.0, width + 1)
    found = models.sequence.windows(jnp.asarray(columns)[None, :, None], window, stride)[0]
    padded = np.concatenate([np.zeros(20), columns, np.zeros(20)])  # 0 beyond the ends
    for t, frame in enumerate(found):
        first = t * stride + (stride - window) // 2  # where a window begins whose middle is that of the stride
        np.testing.assert_array_equal(frame, padded[20 + first : 20 + first + window])
    assert len(found) == -(-width // stride)


def test_a_tdnn_is_the_same_mlp_in_every_frame():
    model, x = build("tdnn"), np.asarray(inputs("tdnn"))
    column = x[:, :, 4].reshape(5, 6)  # of the frame 2; the window of one column is at the end of nothing
    h = np.maximum(affine(model.blocks[0].linear, column), 0)
    h = np.maximum(affine(model.blocks[1].linear, h), 0)
    np.testing.assert_allclose(model(jnp.asarray(x))[:, 2], affine(model.head, h), rtol=1e-4, atol=1e-5)


def test_a_tdnn_on_vectors_is_refused_with_another_model_to_try():
    with pytest.raises(PadlError, match=r"needs images.*model=mlp"):
        models.tdnn((12,), 6, rngs=nnx.Rngs(0))


@pytest.mark.parametrize("name", HIDDEN)
def test_without_dropout_a_key_changes_nothing_and_no_rate_is_in_the_model(name):
    model, x = build(name), inputs(name)
    np.testing.assert_array_equal(model(x, KEY), model(x))
    assert not jax.tree.leaves(nnx.state(model, Rate))


@pytest.mark.parametrize("name", HIDDEN)
def test_another_dropout_rate_compiles_nothing_and_members_may_have_their_own(name):
    x, traces = inputs(name), []
    graph, rates, rest = nnx.split(build(name, dropout=0.5), Rate, ...)

    def run(rate):
        traces.append(1)
        return nnx.merge(graph, jax.tree.map(lambda _: rate, rates), rest, copy=True)(x, KEY)

    once = jax.jit(run)
    none, much = once(jnp.float32(0.0)), once(jnp.float32(0.9))
    assert len(traces) == 1
    np.testing.assert_allclose(none, build(name)(x), rtol=1e-5, atol=1e-6)  # float32, fused or not
    assert (much != none).any()
    together = jax.jit(jax.vmap(run))(jnp.array([0.0, 0.9]))
    np.testing.assert_allclose(together, np.stack([none, much]), rtol=1e-4, atol=1e-5)  # float32, batched


def test_dropout_keeps_the_expected_share_and_the_mean():
    dropped = models.layers.Dropout(0.25)(jnp.ones(40_000), KEY)
    share = float((dropped > 0).mean())
    assert share == pytest.approx(0.75, abs=5 * (0.75 * 0.25 / 40_000) ** 0.5)  # five standard deviations
    np.testing.assert_allclose(np.unique(dropped), [0.0, 1 / 0.75], rtol=1e-6)


@pytest.mark.parametrize("name", HIDDEN)
def test_batch_norm_learns_its_statistics_in_training_only(name):
    model, x = build(name, norm="batch"), 3 + 2 * inputs(name)
    statistics = lambda: jax.tree.map(np.asarray, nnx.state(model, nnx.BatchStat))  # noqa: E731
    before = statistics()
    model(x)
    jax.tree.map(np.testing.assert_array_equal, statistics(), before)
    model(x, KEY)
    changed = jax.tree.map(lambda a, b: (a != b).any(), statistics(), before)
    assert all(jax.tree.leaves(changed))


@pytest.mark.parametrize("name", HIDDEN)
def test_layer_norm_treats_training_and_evaluation_alike(name):
    model, x = build(name, norm="layer"), inputs(name)
    np.testing.assert_array_equal(model(x, KEY), model(x))
