"""What losses have in common, beside what test_house_losses.py checks: masks, dtypes, what they declare."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import CASES, LABELS, X, Y

import padl
from padl import losses
from padl.app import names
from padl.losses.reduce import reduce
from padl.types import PadlError

of_every_case = pytest.mark.parametrize("name", CASES)


# Reductions and masks


def test_an_unknown_reduction_is_named():
    unchecked = inspect.unwrap(reduce)  # its annotations are checked in tests, which would refuse it first
    with pytest.raises(PadlError, match="'average' is none of mean, sum, none, sum_and_count"):
        unchecked(jnp.ones(2), reduction="average")


def test_the_mean_of_no_examples_is_zero():
    value, gradient = jax.value_and_grad(lambda x: losses.mse(x, x))(jnp.ones((0, 3)))
    assert value == 0.0
    assert gradient.shape == (0, 3)


def test_a_mask_may_be_of_elements():
    keep = np.arange(24).reshape(X.shape) % 5 != 0
    value = losses.mae(jnp.asarray(X, jnp.float32), jnp.asarray(Y), where=jnp.asarray(keep))
    np.testing.assert_allclose(value, abs(X - Y)[keep].mean(), rtol=1e-6)  # float32


@pytest.mark.parametrize("shape", [(7,), (8, 2), (8, 3, 1)])
def test_a_mask_of_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r"broadcast|shape"):
        losses.mse(jnp.ones((8, 3)), jnp.ones((8, 3)), where=jnp.ones(shape, bool))


KEEP = np.arange(8) % 3 != 0


def shape_under(name, where):
    """The shape of a loss under a mask; its arguments are the trace's own, as JAX keeps the dtype of a constant."""
    return jax.eval_shape(lambda *arguments: CASES[name](*arguments, where=where), *CASES[name].arguments)


@of_every_case
def test_a_mask_may_be_numpys(name):
    ours, theirs = (shape_under(name, keep) for keep in (KEEP, jnp.asarray(KEEP)))
    assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)


# Dtypes: by their shapes and dtypes alone, which compiles nothing


@of_every_case
@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_no_dtype_is_promoted_in_silence(name, dtype):
    case = CASES[name]
    arguments = [jnp.asarray(a, dtype if a.dtype.kind == "f" else None) for a in case.arguments]

    def loss(*smooth):
        given = list(arguments)
        for i, a in zip(case.smooth, smooth, strict=True):
            given[i] = a
        return case(*given, where=jnp.asarray(KEEP))

    with jax.numpy_dtype_promotion("strict"):
        slopes = jax.grad(loss, tuple(range(len(case.smooth))))
        jax.eval_shape(slopes, *(arguments[i] for i in case.smooth))


def test_an_error_whose_square_overflows_half_precision_does_not_overflow():
    assert losses.mse(jnp.array([300.0], jnp.float16), jnp.array([0.0], jnp.float16)) == 90000.0


def test_a_loss_under_vmap_sees_one_example():
    x, y = jnp.asarray(X, jnp.float32), jnp.asarray(LABELS)
    one_by_one = jax.vmap(lambda x, y: losses.cross_entropy(x, y))(x, y)
    np.testing.assert_allclose(one_by_one, losses.cross_entropy(x, y, reduction="none"), rtol=1e-6)  # float32


def test_the_classes_may_lie_on_any_axis():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 3, 4)), jnp.float32)
    y = jnp.asarray(np.random.default_rng(1).integers(0, 3, size=(2, 4)))
    for loss in (losses.cross_entropy, losses.nll, losses.multi_margin, losses.focal_softmax):
        np.testing.assert_allclose(loss(x, y, axis=1), loss(jnp.moveaxis(x, 1, -1), y), rtol=1e-6)  # float32


# What a loss declares


@pytest.mark.parametrize("entry", [e for e in names.of("loss") if e.origin == "padl"], ids=lambda e: e.name)
def test_a_loss_declares_domain_range_convexity_and_a_view(entry):
    assert {"targets", "predictions", "range", "convex", "view"} <= set(entry.traits)
    assert isinstance(entry.traits["convex"], bool)
    assert entry.reference


def test_a_loss_by_name_checks_its_arguments():
    with pytest.raises(PadlError, match=r"loss.delta=-1.0 is outside its domain"):
        padl.loss("huber", delta=-1.0)
    with pytest.raises(PadlError, match=r"loss.p=3 is not one of 1, 2"):
        padl.loss("hinge", p=3)
