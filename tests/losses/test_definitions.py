"""Each loss against its definition in float64 NumPy, and against Optax; the rest is in test_house_losses.py."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from cases import CASES, INDICATORS, LABELS, ONE_HOT, SHARES, SIGNS, X, Y, Z, log_softmax
from checked_cases import subject

from padl import losses, names

of_every_case = pytest.mark.parametrize("name", CASES)


def test_every_loss_has_a_case():
    assert {case.name for case in CASES.values()} == set(names("loss"))


@of_every_case
def test_the_values_are_those_of_the_definition(name):
    case, found = CASES[name], subject(name).measured
    # float64, a few operations; crps by 8,000 trapezoids
    tolerance = {"rtol": 1e-6, "atol": 1e-6} if name == "crps_gaussian" else {"rtol": 1e-11, "atol": 1e-14}
    np.testing.assert_allclose(found["none"], case.values, **tolerance)
    np.testing.assert_allclose(found["mean"], case.mean, **tolerance)
    np.testing.assert_allclose(found["sum"], case.values.sum(), **tolerance)
    assert found["sum_and_count"][1] == pytest.approx(case.denominator or case.values.size)


HESSIANS = ("huber", "cross_entropy", "euclidean", "ctc", "linear_cross_entropy", "info_nce")


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
