"""Each loss against its definition in float64 NumPy: values, derivatives, reductions, masks; and against Optax."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from cases import CASES, INDICATORS, LABELS, ONE_HOT, SHARES, SIGNS, N, X, Y, Z, log_softmax
from measured import KEEP, H, measured

from padl import losses, names

of_every_case = pytest.mark.parametrize("name", CASES)
SEPARATE = [name for name, case in CASES.items() if case.separate]


def test_every_loss_has_a_case():
    assert {case.name for case in CASES.values()} == set(names("loss"))


@of_every_case
def test_the_values_are_those_of_the_definition(name):
    case, found = CASES[name], measured(name)
    # float64, a few operations; crps by 8,000 trapezoids
    tolerance = {"rtol": 1e-6, "atol": 1e-6} if name == "crps_gaussian" else {"rtol": 1e-11, "atol": 1e-14}
    np.testing.assert_allclose(found["none"], case.values, **tolerance)
    np.testing.assert_allclose(found["mean"], case.mean, **tolerance)
    np.testing.assert_allclose(found["sum"], case.values.sum(), **tolerance)


@of_every_case
def test_gradients_are_the_slope_of_the_values_in_every_argument(name):
    found = measured(name)
    (_, further, nearer), gradients = found["point"]
    slope = sum((g[0] * d).sum() for g, d in zip(gradients, found["direction"], strict=True))
    np.testing.assert_allclose(
        (further - nearer) / (2 * H), slope, rtol=1e-6, atol=1e-7
    )  # H², and 1e-15 / H of the sum
    np.testing.assert_allclose(found["forward"], slope, rtol=1e-10, atol=1e-13)  # float64, another order


@of_every_case
def test_second_derivatives_are_the_slope_of_the_gradients(name):
    found = measured(name)
    for turned, at in zip(found["turned"], found["point"][1], strict=True):
        np.testing.assert_allclose(turned, (at[1] - at[2]) / (2 * H), rtol=1e-5, atol=1e-6)  # H², and 1e-16 / H


# Reductions


@of_every_case
def test_the_mean_is_the_sum_over_the_count(name):
    case, found = CASES[name], measured(name)
    total, count = found["sum_and_count"]
    np.testing.assert_allclose(total / count, found["mean"], rtol=1e-14)
    assert count == pytest.approx(case.values.size if case.denominator is None else case.denominator)


@pytest.mark.parametrize("name", SEPARATE)
def test_four_micro_batches_under_masks_are_the_whole_batch(name):
    case, found = CASES[name], measured(name)
    (_, total, count, _), gradients = found["kept"]
    (totals, counts), of_parts = found["parts"]
    np.testing.assert_allclose([totals.sum(), counts.sum()], [total, count], rtol=1e-12)
    for i, whole, parts in zip(case.smooth, gradients, of_parts, strict=True):
        joined = parts.sum(0) if i in case.whole else parts.reshape(whole.shape)
        rows = slice(None) if i in case.whole else KEEP
        np.testing.assert_allclose(joined[rows] / count, whole[rows], rtol=1e-10, atol=1e-14)  # float64


# Masks


@of_every_case
def test_what_is_masked_reaches_neither_value_nor_gradient_even_as_nan(name):
    case, found = CASES[name], measured(name)
    (values, total, count, mean), gradients = found["kept"]
    keep = np.tile(KEEP, len(values) // N)
    np.testing.assert_allclose(values[keep], found["alone"], rtol=1e-10, atol=1e-13)  # float64
    np.testing.assert_array_equal(values[~keep], 0)
    np.testing.assert_allclose(total / count, mean, rtol=1e-14)
    for i, gradient in zip(case.smooth, gradients, strict=True):
        assert np.isfinite(gradient).all()
        assert i in case.whole or not gradient[~KEEP].any()
        assert gradient.any()


@of_every_case
def test_the_mean_under_a_mask_that_keeps_nothing_is_zero_with_gradient_zero(name):
    (_, total, _, mean), gradients = measured(name)["none_kept"]
    assert (total, mean) == (0, 0)
    assert not any(gradient.any() for gradient in gradients)


# Hessians, and Optax


HESSIANS = ("huber", "cross_entropy", "euclidean", "ctc", "linear_cross_entropy", "info_nce")


@pytest.mark.parametrize("name", HESSIANS)
def test_the_hessian_is_symmetric(name):
    case = CASES[name]
    with jax.enable_x64(True):
        x = jnp.asarray(case.arguments[0][:2])  # of two examples
        rest = [jnp.asarray(a if i in case.whole else a[:2]) for i, a in enumerate(case.arguments)][1:]
        hessian = jax.jit(jax.hessian(lambda x: case(x, *rest)))(x)
    matrix = np.asarray(hessian).reshape(x.size, x.size)
    assert np.isfinite(matrix).all()
    assert abs(matrix).max() > 1e-3
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-12)  # float64


IN_OPTAX = {  # ours, Optax's
    "mse": (losses.mse, optax.squared_error, (X, Y)),
    "huber": (losses.huber, optax.huber_loss, (X, Y)),
    "log_cosh": (losses.log_cosh, optax.log_cosh, (X, Y)),
    "cross_entropy": (losses.cross_entropy, optax.softmax_cross_entropy_with_integer_labels, (X, LABELS)),
    "cross_entropy, smoothed": (
        lambda x, y, reduction: losses.cross_entropy(x, y, label_smoothing=0.1, reduction=reduction),
        lambda x, y: optax.softmax_cross_entropy(x, optax.smooth_labels(y, 0.1)),
        (X, ONE_HOT),
    ),
    "poly": (
        losses.poly,
        lambda x, y: optax.losses.poly_loss_cross_entropy(x, jax.nn.one_hot(y, 3, dtype=x.dtype)),
        (X, LABELS),
    ),
    "bce_with_logits": (losses.bce_with_logits, optax.sigmoid_binary_cross_entropy, (X, 1.0 * INDICATORS)),
    "focal": (losses.focal, optax.sigmoid_focal_loss, (X, 1.0 * INDICATORS)),
    "kl_div": (losses.kl_div, optax.kl_divergence, (log_softmax(X), SHARES)),
    "hinge": (losses.hinge, optax.hinge_loss, (X, 1.0 * SIGNS)),
    "cosine_embedding": (
        lambda a, b, reduction: losses.cosine_embedding(a, b, jnp.ones(8), reduction=reduction),
        optax.cosine_distance,
        (X, Z),
    ),
    "triplet_margin": (losses.triplet_margin, lambda *x: optax.losses.triplet_margin_loss(*x, eps=0), (X, Y, Z)),
    "ctc": (
        losses.ctc,
        lambda x, y: optax.ctc_loss(x, jnp.zeros(x.shape[:2]), y, jnp.zeros(y.shape)),
        (CASES["ctc"].arguments[0][:2], np.array([[1, 2], [2, 1]])),
    ),
}


@pytest.mark.parametrize("name", IN_OPTAX)
def test_optax_has_the_same_values_and_gradients(name):
    ours, theirs, arguments = IN_OPTAX[name]

    @jax.jit
    def both(x, *rest):
        total = jax.value_and_grad(lambda x: ours(x, *rest, reduction="sum"))
        return total(x), jax.value_and_grad(lambda x: theirs(x, *rest).sum())(x)

    with jax.enable_x64(True):
        a, b = both(*map(jnp.asarray, arguments))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12), a, b)  # float64
