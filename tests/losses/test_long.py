"""CTC of long sequences, cross entropy of large vocabularies: what precision and memory are left, whatever is cut."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from padl import losses

RNG = np.random.default_rng(0)


def of_ctc(x, y, **options):
    program = jax.jit(jax.value_and_grad(lambda x: losses.ctc(x, y, reduction="sum", **options)))
    return jax.device_get(program(x))


# CTC


def test_the_float32_gradient_of_a_long_sequence_is_that_of_float64():
    x, y = RNG.normal(size=(2, 700, 8)) * 2, RNG.integers(1, 8, size=(2, 150))
    value, gradient = of_ctc(jnp.asarray(x, jnp.float32), y)
    with jax.enable_x64(True):
        exact, slope = of_ctc(jnp.asarray(x.astype(np.float32), jnp.float64), y)
    np.testing.assert_allclose(value, exact, rtol=1e-6)  # float32: a loss of thousands keeps seven digits
    np.testing.assert_allclose(gradient, slope, atol=5e-5)  # torch's float32 is off by 3e-3 and more
    assert abs(slope).max() > 0.5


def test_a_loss_of_a_hundred_thousand_is_not_the_end_of_the_scale():
    x = jnp.tile(jnp.array([1e4, -1e4], jnp.float32), (1, 20, 1))
    value, gradient = of_ctc(x, np.ones((1, 10), int))
    # ten frames say the label, nine between them are blank, and the last is blank in one of eleven places
    np.testing.assert_allclose(value, 10 * 2e4 - np.log(11), rtol=1e-6)
    assert np.isfinite(gradient).all()
    assert gradient.any()


def test_any_class_may_be_the_blank():
    x, y = jnp.asarray(RNG.normal(size=(2, 5, 4)), jnp.float32), np.array([[1, 2], [3, 3]])
    turned, named = jnp.roll(x, -1, axis=2), y - 1  # class 0 becomes the last
    first, last = of_ctc(x, y), of_ctc(turned, named, blank=3)
    np.testing.assert_allclose(first[0], last[0], rtol=1e-6)
    np.testing.assert_allclose(np.roll(first[1], -1, axis=2), last[1], atol=1e-6)  # float32


def test_padding_has_no_gradient_and_what_stands_in_it_no_effect():
    x, y = RNG.normal(size=(2, 6, 4)).astype(np.float32), np.array([[1, 2, 9], [3, 9, 9]])
    lengths = {"logit_lengths": np.array([4, 3]), "label_lengths": np.array([2, 1])}
    _, gradient = of_ctc(jnp.asarray(x), y, **lengths)
    assert not gradient[0, 4:].any()
    assert not gradient[1, 3:].any()
    x[0, 4:] = 1e3
    np.testing.assert_array_equal(of_ctc(jnp.asarray(x), y, **lengths)[1], gradient)


# A vocabulary

TOKENS, WIDTH, VOCABULARY = 256, 4, 4001
H = jnp.asarray(RNG.normal(size=(TOKENS, WIDTH)), jnp.float32)
KERNEL = jnp.asarray(RNG.normal(size=(WIDTH, VOCABULARY)), jnp.float32)
Y = jnp.asarray(RNG.integers(0, VOCABULARY, TOKENS))


def whole(h, kernel):
    return losses.cross_entropy(h @ kernel, Y)


def chunked(chunk, **options):
    return lambda h, kernel: losses.linear_cross_entropy(h, Y, kernel, chunk=chunk, **options)


def test_the_logits_are_never_all_in_memory():
    program = jax.jit(jax.value_and_grad(chunked(8), (0, 1))).lower(H, KERNEL).compile()
    logits = 4 * TOKENS * VOCABULARY
    assert program.memory_analysis().temp_size_in_bytes < logits / 4


@pytest.mark.parametrize("chunk", [7, 256, 1000])
def test_value_and_gradient_are_those_of_the_whole_whatever_the_chunk(chunk):
    ours, theirs = (jax.jit(jax.value_and_grad(f, (0, 1)))(H, KERNEL) for f in (chunked(chunk), whole))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), ours, theirs)  # float32


def test_it_may_be_mapped_over_heads():
    heads = jnp.stack([KERNEL, 2 * KERNEL])
    both = jax.jit(jax.vmap(jax.grad(chunked(64), 1), (None, 0)))(H, heads)
    alone = jax.jit(jax.grad(whole, 1))(H, heads[1])
    np.testing.assert_allclose(both[1], alone, rtol=1e-5, atol=1e-7)  # float32


def test_each_tokens_cost_has_the_gradient_that_it_is_weighed_with():
    weigh = jnp.linspace(0, 1, TOKENS)
    ours = jax.jit(jax.grad(lambda h: chunked(64, reduction="none")(h, KERNEL) @ weigh))(H)
    theirs = jax.jit(jax.grad(lambda h: losses.cross_entropy(h @ KERNEL, Y, reduction="none") @ weigh))(H)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)  # float32


def test_what_is_ignored_may_be_anything():
    labels, h = Y.at[3].set(-100), H.at[3].set(jnp.nan)
    given = {"ignore_index": -100, "chunk": 64}
    value, gradient = jax.jit(jax.value_and_grad(lambda h: losses.linear_cross_entropy(h, labels, KERNEL, **given)))(h)
    rest = jnp.arange(TOKENS) != 3
    np.testing.assert_allclose(value, losses.cross_entropy(H @ KERNEL, Y, where=rest), rtol=1e-5)
    assert np.isfinite(gradient).all()
    assert not gradient[3].any()


def test_half_precision_is_summed_in_float32():
    half = H.astype(jnp.bfloat16), KERNEL.astype(jnp.bfloat16)
    value, gradients = jax.jit(jax.value_and_grad(chunked(64), (0, 1)))(*half)
    exact, slopes = jax.jit(jax.value_and_grad(whole, (0, 1)))(*(a.astype(jnp.float32) for a in half))
    np.testing.assert_allclose(value, exact, rtol=1e-5)  # products of bfloat16 are exact in float32
    for got, slope in zip(gradients, slopes, strict=True):
        assert got.dtype == jnp.bfloat16
        np.testing.assert_allclose(got.astype(jnp.float32), slope, atol=0.02 * float(abs(slope).max()))  # 3 digits
