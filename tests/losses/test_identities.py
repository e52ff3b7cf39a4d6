"""Equations between losses, on numbers that hypothesis looks for; and what is true of information."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from padl import losses
from padl.losses import information
from padl.types import PadlError

SHAPE = (4, 3)
numbers = arrays(np.float32, SHAPE, elements=st.floats(-20, 20, width=32))
chances = arrays(np.float32, SHAPE, elements=st.floats(0, 1, width=32))
classes = arrays(np.int32, SHAPE[:1], elements=st.integers(0, 2))
yes_or_no = arrays(np.int32, SHAPE, elements=st.integers(0, 1))
positive = st.floats(0.25, 8, width=32)
few = settings(max_examples=30, deadline=None, derandomize=True, database=None)
none = {"reduction": "none"}

L = losses
TWO_CLASSES = lambda x: jnp.stack([jnp.zeros_like(x), x], -1)  # noqa: E731
EQUAL = {  # both of x, y and a number; targets from y
    "huber with delta = inf is mse / 2": (
        lambda x, y, s: L.huber(x, y, delta=math.inf, **none), lambda x, y, s: L.mse(x, y, **none) / 2
    ),
    "smooth l1 is huber / beta": (
        lambda x, y, s: L.smooth_l1(x, y, beta=s, **none), lambda x, y, s: L.huber(x, y, delta=s, **none) / s
    ),
    "smooth l1 with beta = 0 is mae": (
        lambda x, y, s: L.smooth_l1(x, y, beta=0.0, **none), lambda x, y, s: L.mae(x, y, **none)
    ),
    "the quantile ½ is mae / 2": (
        lambda x, y, s: L.quantile(x, y, q=0.5, **none), lambda x, y, s: L.mae(x, y, **none) / 2
    ),
    "robust with alpha = 2 is half the square": (
        lambda x, y, s: L.general_robust(x, y, alpha=2.0, scale=s, **none),
        lambda x, y, s: L.mse(x / s, y / s, **none) / 2,
    ),
    "minkowski with p = 1 is manhattan": (
        lambda x, y, s: L.minkowski(x, y, p=1.0, **none), lambda x, y, s: L.manhattan(x, y, **none)
    ),
    "minkowski with p = 2 is euclidean": (
        lambda x, y, s: L.minkowski(x, y, p=2.0, **none), lambda x, y, s: L.euclidean(x, y, **none)
    ),
    "the square of euclidean is the sum of squares": (
        lambda x, y, s: L.euclidean(x, y, **none) ** 2, lambda x, y, s: L.mse(x, y, **none).sum(-1)
    ),
    "hinge embedding of distances is a hinge of them": (
        lambda x, y, s: L.hinge_embedding(x, -jnp.ones(SHAPE), margin=s, **none),
        lambda x, y, s: L.hinge(x, -jnp.ones(SHAPE), margin=s, **none) * 0 + jnp.maximum(s - x, 0),
    ),
    "margin ranking is a hinge of the difference": (
        lambda x, y, s: L.margin_ranking(x, y, jnp.ones(SHAPE), margin=s, **none),
        lambda x, y, s: L.hinge(x - y, jnp.ones(SHAPE), margin=s, **none),
    ),
    "gaussian nll of variance 1 is mse / 2": (
        lambda x, y, s: L.gaussian_nll(x, y, jnp.ones(SHAPE), **none), lambda x, y, s: L.mse(x, y, **none) / 2
    ),
    "crps of scale 0 is mae": (
        lambda x, y, s: L.crps_gaussian(x, y, jnp.zeros(SHAPE), **none), lambda x, y, s: L.mae(x, y, **none)
    ),
}  # fmt: skip


@pytest.mark.parametrize("equation", EQUAL)
@given(x=numbers, y=numbers, s=positive)
@few
def test_two_losses_of_numbers_are_equal(equation, x, y, s):
    one, other = EQUAL[equation]
    np.testing.assert_allclose(one(x, y, s), other(x, y, s), rtol=2e-5, atol=2e-5)  # float32; squares of up to 1600


CLASSES = {  # both of logits and labels
    "nll of log_softmax is cross entropy": (
        lambda x, y: L.nll(jax.nn.log_softmax(x), y, **none), lambda x, y: L.cross_entropy(x, y, **none)
    ),
    "probabilities that are one-hot are labels": (
        lambda x, y: L.cross_entropy(x, jax.nn.one_hot(y, 3), **none), lambda x, y: L.cross_entropy(x, y, **none)
    ),
    "focal with gamma = 0 is cross entropy": (
        lambda x, y: L.focal_softmax(x, y, gamma=0.0, **none), lambda x, y: L.cross_entropy(x, y, **none)
    ),
    "poly with epsilon = 0 is cross entropy": (
        lambda x, y: L.poly(x, y, epsilon=0.0, **none), lambda x, y: L.cross_entropy(x, y, **none)
    ),
    "z loss with coefficient = 0 is cross entropy": (
        lambda x, y: L.z_loss(x, y, coefficient=0.0, **none), lambda x, y: L.cross_entropy(x, y, **none)
    ),
    "kl of labels is cross entropy": (
        lambda x, y: L.kl_div(jax.nn.log_softmax(x), jax.nn.one_hot(y, 3), **none).sum(-1),
        lambda x, y: L.cross_entropy(x, y, **none),
    ),
    "a vocabulary whose kernel is the identity has the logits": (
        lambda x, y: L.linear_cross_entropy(x, y, jnp.eye(3), chunk=3, **none),
        lambda x, y: L.cross_entropy(x, y, **none),
    ),
    "one label listed is a multi margin": (
        lambda x, y: L.multilabel_margin(x, jnp.stack([y, -jnp.ones_like(y), -jnp.ones_like(y)], -1), **none),
        lambda x, y: L.multi_margin(x, y, **none),
    ),
    "logits moved by one number cost the same": (
        lambda x, y: L.cross_entropy(x + 3, y, **none), lambda x, y: L.cross_entropy(x, y, **none)
    ),
    "ctc of one frame is cross entropy": (
        lambda x, y: L.ctc(x[:, None], jnp.where(y == 0, 1, y)[:, None], **none),
        lambda x, y: L.cross_entropy(x, jnp.where(y == 0, 1, y), **none),
    ),
}  # fmt: skip


@pytest.mark.parametrize("equation", CLASSES)
@given(x=numbers, y=classes)
@few
def test_two_losses_of_classes_are_equal(equation, x, y):
    one, other = CLASSES[equation]
    np.testing.assert_allclose(one(x, y), other(x, y), rtol=2e-5, atol=3e-6)  # float32


BINARY = {  # both of logits and 0 or 1
    "two classes are one logit": (
        lambda x, y: L.cross_entropy(TWO_CLASSES(x), y, **none), lambda x, y: L.bce_with_logits(x, y, **none)
    ),
    "soft margin is bce of signs": (
        lambda x, y: L.soft_margin(x, 2 * y - 1, **none), lambda x, y: L.bce_with_logits(x, y, **none)
    ),
    "focal with gamma = 0 is bce": (
        lambda x, y: L.focal(x, y, gamma=0.0, **none), lambda x, y: L.bce_with_logits(x, y, **none)
    ),
    "focal of two classes is focal of one logit": (
        lambda x, y: L.focal_softmax(TWO_CLASSES(x), y, **none), lambda x, y: L.focal(x, y, **none)
    ),
    "multilabel soft margin is the mean of bce": (
        lambda x, y: L.multilabel_soft_margin(x, y, **none), lambda x, y: L.bce_with_logits(x, y, **none).mean(-1)
    ),
    "dice is tversky with both costs ½": (
        lambda x, y: L.dice(jax.nn.sigmoid(x), y, smooth=2.0, **none),
        lambda x, y: L.tversky(jax.nn.sigmoid(x), y, alpha=0.5, beta=0.5, smooth=1.0, **none),
    ),
}  # fmt: skip


@pytest.mark.parametrize("equation", BINARY)
@given(x=numbers, y=yes_or_no)
@few
def test_two_losses_of_yes_or_no_are_equal(equation, x, y):
    one, other = BINARY[equation]
    np.testing.assert_allclose(one(x, y), other(x, y), rtol=2e-5, atol=3e-6)  # float32


@given(p=chances, y=yes_or_no)
@few
def test_bce_of_a_probability_is_bounded_by_its_clamp(p, y):
    values = losses.bce(p, y, **none)
    assert ((values >= 0) & (values <= 100)).all()


@given(x=numbers, y=numbers)
@few
def test_huber_lies_below_its_two_limits(x, y):
    value = losses.huber(x, y, delta=0.5, **none)
    assert (value <= losses.mse(x, y, **none) / 2 * (1 + 1e-5)).all()
    assert (value <= 0.5 * losses.mae(x, y, **none) * (1 + 1e-5)).all()


# Information


def distribution(weights):
    w = np.asarray(weights, np.float64) + 1e-3
    return jnp.asarray(w / w.sum(-1, keepdims=True), jnp.float32)


@given(p=chances, q=chances)
@few
def test_cross_entropy_is_entropy_and_divergence_and_no_less_than_entropy(p, q):
    p, q = distribution(p), distribution(q)
    h, cross, kl = information.entropy(p), information.cross_entropy_of(p, q), information.kl_divergence(p, q)
    np.testing.assert_allclose(cross, h + kl, rtol=1e-5, atol=1e-5)  # float32
    assert (kl >= -1e-6).all()  # Gibbs; float32
    assert (h <= math.log2(3) + 1e-5).all()


@given(p=chances, q=chances)
@few
def test_the_loss_kl_div_is_the_divergence(p, q):
    p, q = distribution(p), distribution(q)
    divergence = losses.kl_div(jnp.log(q), p, reduction="batchmean")
    np.testing.assert_allclose(divergence, information.kl_divergence(p, q, base=math.e).mean(), rtol=1e-4, atol=1e-6)


def test_batchmean_counts_the_rows_of_which_anything_is_kept():
    p = jnp.full((4, 3), 1 / 3)
    x, keep = jnp.log(jnp.array([[0.5, 0.25, 0.25]] * 4)), jnp.array([True, False, True, False])
    expected = losses.kl_div(x[:1], p[:1], reduction="sum")
    np.testing.assert_allclose(losses.kl_div(x, p, reduction="batchmean", where=keep), expected, rtol=1e-6)
    np.testing.assert_allclose(losses.kl_div(x, p, reduction="batchmean"), expected, rtol=1e-6)
    assert losses.kl_div(x, p, reduction="batchmean", where=~(keep | ~keep)) == 0


def test_the_lectures_numbers():
    match, league = [0.75, 0.25], [1 / 8] * 8
    assert float(information.entropy(match)) == pytest.approx(0.8112781, rel=1e-6)
    assert float(information.entropy(match, base=math.e)) == pytest.approx(0.5623351, rel=1e-6)
    assert float(information.entropy(league)) == pytest.approx(3, rel=1e-6)
    assert float(information.perplexity(league)) == pytest.approx(8, rel=1e-6)
    assert float(information.surprise(0.25)) == pytest.approx(2, rel=1e-6)
    assert float(information.surprise(0.75)) == pytest.approx(0.4150375, rel=1e-6)
    assert float(information.cross_entropy_of(match, [0.5, 0.5])) == pytest.approx(1, rel=1e-6)
    assert float(information.kl_divergence(match, [0.5, 0.5])) == pytest.approx(0.1887219, rel=1e-5)


@pytest.mark.parametrize("odd", ["half", 1j, [0.5j, 0.5]])
def test_what_is_no_number_has_no_information(odd):
    for function in (information.surprise, information.entropy, information.perplexity):
        with pytest.raises(PadlError, match="must be real numbers"):
            function(odd)


def test_what_never_comes_tells_nothing():
    sure, ruled_out = jnp.array([1.0, 0.0]), jnp.array([0.0, 1.0])
    assert information.entropy(sure) == 0
    assert information.kl_divergence(sure, sure) == 0
    assert information.kl_divergence(sure, ruled_out) == math.inf
    assert information.surprise(0.0) == math.inf
    assert np.isfinite(jax.grad(information.entropy)(sure)).all()


def test_the_divergence_of_two_gaussians_is_that_of_an_integral():
    m, s = 0.7, -0.5
    t = np.linspace(-12, 12, 200_001)
    p = np.exp(-((t - m) ** 2) / (2 * np.exp(s))) / np.sqrt(2 * np.pi * np.exp(s))
    log_ratio = -((t - m) ** 2) / (2 * np.exp(s)) - s / 2 + t**2 / 2
    expected = np.trapezoid(p * log_ratio, t)
    assert float(information.gaussian_kl(jnp.float32(m), jnp.float32(s))) == pytest.approx(expected, rel=1e-5)


NO_DISTRIBUTIONS = {
    "more than 1": (lambda: information.entropy([0.75, 0.75]), "the sum of p, 1.5 is not 1"),
    "negative": (lambda: information.entropy([1.5, -0.5]), r"probability of p 1.5 at \(0,\) is outside"),
    "one number": (lambda: information.entropy(0.5), r"one for each outcome: \[p, 1 - p\]"),
    "two lengths": (lambda: information.kl_divergence([0.5, 0.5], [1.0, 0.0, 0.0]), "must be alike"),
    "base 1": (lambda: information.entropy([0.5, 0.5], base=1.0), "base=1.0 is no base"),
    "a surprise of 2": (lambda: information.surprise(2.0), "probability 2 is outside"),
}


@pytest.mark.parametrize("what", NO_DISTRIBUTIONS)
def test_what_is_no_distribution_is_refused(what):
    call, message = NO_DISTRIBUTIONS[what]
    with pytest.raises(PadlError, match=message):
        call()


def test_under_jit_what_is_no_distribution_is_nan():
    assert np.isnan(jax.jit(information.entropy)(jnp.array([0.75, 0.75])))
