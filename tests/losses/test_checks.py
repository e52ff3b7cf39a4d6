"""Arguments that are none: refused with their place where they are known, NaN in value and gradient under jit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import CASES

from padl import losses
from padl.types import PadlError

NAN = np.nan
# the case; which of its arguments gets what, where; the error
REFUSED = [
    ("cross_entropy", 1, (5,), 3, r"label 3 at \(5,\) is outside 0 \.\. 2"),
    ("cross_entropy", 1, (0,), -1, r"label -1 at \(0,\) is outside 0 \.\. 2"),
    ("cross_entropy", 1, (7,), -100, r"label -100 at \(7,\) is outside 0 \.\. 2"),
    ("cross_entropy, weights and smoothing", 1, (7,), 3, r"label 3 at \(7,\)"),
    ("cross_entropy, probabilities", 1, (1, 2), 1.5, r"target 1.5 at \(1, 2\) is outside \[0, 1\]"),
    ("cross_entropy, probabilities", 1, (1, 2), NAN, r"target nan at \(1, 2\) is outside \[0, 1\]"),
    ("nll", 1, (2,), 3, r"label 3 at \(2,\)"),
    ("focal_softmax", 1, (2,), 3, r"label 3 at \(2,\)"),
    ("poly", 1, (2,), -1, r"label -1 at \(2,\)"),
    ("z_loss", 1, (2,), 9, r"label 9 at \(2,\)"),
    ("linear_cross_entropy", 1, (2,), 5, r"label 5 at \(2,\) is outside 0 \.\. 4"),
    ("multi_margin", 1, (2,), 3, r"label 3 at \(2,\)"),
    ("multilabel_margin", 1, (2, 0), -2, r"label -2 at \(2, 0\) is outside -1 \.\. 2"),
    ("bce", 0, (3, 1), 1.01, r"prediction 1\.01\d* at \(3, 1\) is outside \[0, 1\]"),
    ("bce", 0, (3, 1), NAN, r"prediction nan at \(3, 1\)"),
    ("bce", 1, (3, 1), 2, r"target 2 at \(3, 1\)"),
    ("bce_with_logits", 1, (3, 1), -1, r"target -1 at \(3, 1\)"),
    ("focal", 1, (3, 1), 2, r"target 2 at \(3, 1\)"),
    ("multilabel_soft_margin", 1, (3, 1), 2, r"target 2 at \(3, 1\)"),
    ("hinge", 1, (3, 1), 0, r"target 0 at \(3, 1\) is neither -1 nor 1"),
    ("soft_margin", 1, (3, 1), 2, r"target 2 at \(3, 1\)"),
    ("hinge_embedding", 1, (3, 1), 0, r"target 0 at \(3, 1\)"),
    ("margin_ranking", 2, (3, 1), 0, r"target 0 at \(3, 1\)"),
    ("cosine_embedding", 2, (3,), 0, r"target 0 at \(3,\)"),
    ("info_nce, keys given", 2, (3,), 8, r"label 8 at \(3,\) is outside 0 \.\. 7"),
    ("kl_div", 1, (0, 0), -0.25, r"target -0\.25 at \(0, 0\)"),
    ("kl_div, logarithms", 1, (0, 0), 0.5, r"log-probability 0\.5 at \(0, 0\) is above 0"),
    ("gaussian_nll", 2, (0, 0), -0.5, r"variance -0\.5 at \(0, 0\) is negative"),
    ("poisson_nll", 1, (0, 0), -1, r"target -1 at \(0, 0\) is negative"),
    ("poisson_nll, rates", 0, (0, 0), -0.5, r"rate -0\.5 at \(0, 0\) is negative"),
    ("crps_gaussian", 2, (0, 0), -0.5, r"scale -0\.5 at \(0, 0\) is negative"),
    ("dice", 0, (4, 2), -0.5, r"prediction -0\.5 at \(4, 2\)"),
    ("tversky", 1, (4, 2), 3, r"target 3 at \(4, 2\)"),
    ("ctc", 1, (0, 1), 3, r"label 3 at \(0, 1\) is outside 0 \.\. 2, or the blank 0"),
    ("ctc", 1, (0, 1), 0, r"label 0 at \(0, 1\) is outside 0 \.\. 2, or the blank 0"),
    ("ctc", 2, (4,), 5, r"logit_lengths 5 at \(4,\) is outside 0 \.\. 4"),
    ("ctc", 3, (4,), 3, r"label_lengths 3 at \(4,\) is outside 0 \.\. 2"),
]
of_each = pytest.mark.parametrize(("name", "which", "place", "value", "message"), REFUSED)


def spoilt(name, which, place, value):
    """The case's arguments in single precision, one value of them spoilt."""
    arguments = [np.asarray(a, np.float32) if a.dtype.kind == "f" else a.copy() for a in CASES[name].arguments]
    arguments[which] = arguments[which].astype(np.float32) if isinstance(value, float) else arguments[which]
    arguments[which][place] = value
    return [jnp.asarray(a) for a in arguments]


@of_each
def test_a_wrong_argument_raises_with_its_place(name, which, place, value, message):
    with pytest.raises(PadlError, match=message):
        CASES[name](*spoilt(name, which, place, value))


@of_each
def test_what_is_masked_may_be_wrong(name, which, place, value, message):
    case = CASES[name]
    keep = jnp.arange(8) != place[0]
    if case.separate and which not in case.whole:
        assert np.isfinite(case(*spoilt(name, which, place, value), where=keep))


def test_under_jit_a_wrong_argument_makes_nan_of_value_and_gradient():
    names = dict.fromkeys(name for name, *_ in REFUSED)
    for name in names:
        _check_poison(name, [row[1:4] for row in REFUSED if row[0] == name])


def _check_poison(name, faults):
    """All faults of one case by one program."""
    program = jax.jit(jax.value_and_grad(CASES[name].__call__))
    for which, place, value in faults:
        arguments = spoilt(name, which, place, value)
        got, gradient = program(*arguments)
        assert np.isnan(got), (name, value)
        assert np.isnan(np.asarray(gradient)[place]).all(), (name, value)


def test_only_the_row_of_a_label_that_is_none_becomes_nan():
    labels = jnp.asarray(CASES["cross_entropy"].arguments[1]).at[5].set(3)
    x = jnp.asarray(CASES["cross_entropy"].arguments[0], jnp.float32)
    value, gradient = jax.jit(jax.value_and_grad(losses.cross_entropy))(x, labels)
    assert np.isnan(value)
    assert np.isnan(gradient[5]).all()
    assert np.isfinite(np.delete(gradient, 5, axis=0)).all()


def test_with_weights_the_count_is_nan_too_so_that_no_gradient_is_finite_and_wrong():
    labels = jnp.asarray(CASES["cross_entropy"].arguments[1]).at[5].set(3)
    x = jnp.asarray(CASES["cross_entropy"].arguments[0], jnp.float32)
    gradient = jax.jit(jax.grad(lambda x, y: losses.cross_entropy(x, y, weight=(1.0, 2.0, 3.0))))(x, labels)
    assert np.isnan(gradient).all()


def test_a_wrong_label_is_refused_while_gradients_are_taken():
    x, y = (jnp.asarray(a) for a in CASES["cross_entropy"].arguments)
    with pytest.raises(PadlError, match="label 7"):
        jax.grad(losses.cross_entropy)(x, y.at[0].set(7))


@pytest.mark.parametrize("name", ["hinge", "soft_margin", "bce_with_logits", "margin_ranking"])
def test_checks_can_be_turned_off_by_name(name):
    arguments = list(CASES[name].arguments)
    arguments[-1] = arguments[-1] * 0 + 0.5 if name != "bce_with_logits" else arguments[-1] * 0 + 1.5
    case = CASES[name]._replace(arguments=tuple(arguments))
    with pytest.raises(PadlError):
        case()
    assert np.isfinite(case(validate=False))


@pytest.mark.parametrize("dtype", ["int32", "int8", "uint8"])
def test_labels_may_be_integers_of_any_width(dtype):
    x, y = CASES["cross_entropy"].arguments
    value = losses.cross_entropy(jnp.asarray(x, jnp.float32), jnp.asarray(y, dtype))
    np.testing.assert_allclose(value, CASES["cross_entropy"].mean, rtol=1e-6)  # float32


# Shapes and dtypes


@pytest.mark.parametrize("name", [n for n, c in CASES.items() if n != "linear_cross_entropy"])
def test_predictions_that_are_integers_are_refused(name):
    with pytest.raises(PadlError, match=r"must be real numbers, not int32.*astype"):
        CASES[name](jnp.ones(CASES[name].arguments[0].shape, jnp.int32))


@pytest.mark.parametrize("shape", [(8, 1), (7,), (8, 3)])
def test_labels_of_another_shape_are_refused(shape):
    with pytest.raises(PadlError, match=r"labels of shape .* expected \(8,\)"):
        losses.cross_entropy(jnp.ones((8, 3)), jnp.zeros(shape, jnp.int32))


BAD_CALLS = {
    "labels that are real": (lambda: losses.nll(jnp.zeros((2, 3)), jnp.zeros(2)), "labels must be whole numbers"),
    "probabilities of another shape": (lambda: losses.cross_entropy(jnp.ones((8, 3)), jnp.ones((8, 1))), "alike"),
    "ignore_index of probabilities": (
        lambda: losses.cross_entropy(jnp.ones((2, 3)), jnp.ones((2, 3)) / 3, ignore_index=1),
        "ignore_index=1 is for labels",
    ),
    "weights of another length": (
        lambda: losses.cross_entropy(jnp.ones((2, 3)), jnp.zeros(2, int), weight=(1.0, 2.0)),
        r"weight of shape \(2,\) does not fit",
    ),
    "an axis that is none": (lambda: losses.nll(jnp.ones((2, 3)), jnp.zeros(2, int), axis=2), "axis=2 is no axis"),
    "a picture without pixels": (lambda: losses.dice(jnp.ones(3), jnp.ones(3)), "have no pixels"),
    "frames without a batch": (lambda: losses.ctc(jnp.ones((4, 3)), jnp.ones((1, 2), int)), r"\(B, T, K\)"),
    "a blank that is no class": (
        lambda: losses.ctc(jnp.ones((1, 4, 3)), jnp.ones((1, 2), int), blank=3), r"blank=3 is outside 0 \.\. 2"
    ),
    "a kernel of another width": (
        lambda: losses.linear_cross_entropy(jnp.ones((2, 3)), jnp.zeros(2, int), jnp.ones((4, 5))), "kernel of shape"
    ),
    "keys of another width": (lambda: losses.info_nce(jnp.ones((2, 3)), jnp.ones((2, 4))), "do not fit"),
    "unpaired keys": (lambda: losses.info_nce(jnp.ones((2, 3)), jnp.ones((4, 3))), "do not fit"),
    "scales of another shape": (
        lambda: losses.crps_gaussian(jnp.ones((2, 3)), jnp.ones((2, 3)), jnp.ones((3, 3))), "scales of shape"
    ),
    "a mask that fits nothing": (
        lambda: losses.info_nce(jnp.ones((2, 3)), jnp.ones((2, 3)), where=jnp.ones(3, bool)), "where of shape"
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD_CALLS)
def test_a_call_that_does_not_fit_is_refused(what):
    call, message = BAD_CALLS[what]
    with pytest.raises(PadlError, match=message):
        call()
