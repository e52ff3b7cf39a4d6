"""A function of predictions and targets is a loss: the same numbers as PADL's own, masked and counted like them."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from own_things import CLASSES, NUMBERS, mean_of_squares, squares

import padl
from padl.app.names import part
from padl.app.objects.losses import loss
from padl.types import PadlError, Scalar

P, T = (jax.random.normal(jax.random.key(k), (6, 2)) for k in (0, 1))
KEEP = jnp.array([True, True, False, True, False, True])


@pytest.mark.parametrize("where", [None, KEEP])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none", "sum_and_count"])
def test_a_loss_of_each_element_is_padls_own_bit_for_bit(where, reduction):
    own, ours = (f(P, T, where=where, reduction=reduction) for f in (loss(squares), padl.losses.mse))
    assert jax.tree.all(jax.tree.map(lambda a, b: bool((a == b).all()), own, ours))


@pytest.mark.parametrize("where", [None, KEEP])
def test_a_loss_of_a_batch_or_of_each_row_is_padls_own_to_the_order_of_a_sum(where):
    ours = jax.value_and_grad(partial(padl.losses.mse, where=where))(P, T)
    for function in (mean_of_squares, lambda p, t: squares(p, t).mean(1), jax.jit(mean_of_squares)):
        own = jax.value_and_grad(partial(loss(function), where=where))(P, T)
        np.testing.assert_allclose(own[0], ours[0], rtol=1e-6)  # of 12 summands, in another order
        np.testing.assert_allclose(own[1], ours[1], rtol=1e-6, atol=1e-7)


def test_what_a_mask_leaves_out_reaches_neither_value_nor_gradient():
    holed = P.at[2].set(jnp.nan)
    value, gradient = jax.value_and_grad(partial(loss(mean_of_squares), where=KEEP))(holed, T)
    assert np.isfinite(value)
    assert (gradient[2] == 0).all()


def test_parts_of_a_batch_add_up_to_the_whole():
    own = partial(loss(mean_of_squares), reduction="sum_and_count")
    (a, n), (b, m), (whole, count) = own(P[:2], T[:2]), own(P[2:], T[2:]), own(P, T)
    assert n + m == count
    np.testing.assert_allclose(a + b, whole, rtol=1e-6)


def test_an_optax_loss_of_labels_is_padls_cross_entropy():
    labels = jnp.array([0, 1, 1, 0, 1, 0])
    own = loss(optax.softmax_cross_entropy_with_integer_labels)(P, labels)
    np.testing.assert_allclose(own, padl.losses.cross_entropy(P, labels), rtol=1e-6)


def test_hyperparameters_are_its_other_arguments_and_a_scalar_is_traced():
    def bounded(predictions, targets, width: Scalar = 1.0, *, power: int = 2):
        return 1 - jnp.exp(-((jnp.abs(predictions - targets) / width) ** power))

    found = part("loss", {"name": bounded, "width": 2.0})
    assert (found.scalars, dict(found.choice.static)) == ({"width": 2.0}, {"power": 2})
    assert found.config == {"name": "bounded", "from": "python", "power": 2, "width": 2.0}
    assert part("loss", partial(bounded, power=4)).config["power"] == 4
    with pytest.raises(PadlError, match=r"loss\.widht.*did you mean 'width'"):
        part("loss", {"name": bounded, "widht": 2.0})


def test_a_loss_of_a_batch_is_tried_with_hyperparameters_that_are_traced():
    def scaled(predictions, targets, scale: Scalar = 1.0):
        return (scale * squares(predictions, targets)).mean()

    own = jax.jit(lambda s: loss(scaled)(P, T, scale=s))(jnp.float32(2))
    np.testing.assert_allclose(own, 2 * mean_of_squares(P, T), rtol=1e-6)


@pytest.mark.parametrize(
    ("function", "line"),
    [
        (lambda p, t: squares(p, t).sum(), "whose mean is"),
        (lambda p, t: jnp.sqrt(squares(p, t).mean()), "whose mean is"),
        (lambda p, t: squares(p, t).max(), "whose mean is"),
        (lambda p, t: squares(p, t)[:3], r"gives an array \(3, 2\) for predictions \(6, 2\)"),
        (lambda p, t: jnp.stack([squares(p, t)] * 6), r"gives an array \(6, 6, 2\)"),
        (lambda p, t: (p > t).sum(), "gives int32, which no gradient comes from"),
        (lambda p, t: (p - t) * 1j, "gives complex64"),
        (lambda p, t: None, "gives a NoneType"),
        (lambda p, t: (p, t), "gives a tuple"),
    ],
)
def test_what_is_no_mean_over_rows_is_refused_with_its_numbers(function, line):
    with pytest.raises(PadlError, match=line):
        jax.eval_shape(loss(function), P, T)


@pytest.mark.parametrize(
    ("function", "line"),
    [
        (lambda predictions: predictions, "takes 1 arguments by position"),
        (lambda *, predictions, targets: predictions, "takes 0 arguments by position"),
        (lambda y_true, y_pred: y_true, "here predictions come first"),
        (lambda p, t, where: p, "must have a default for `where`"),
    ],
)
def test_what_cannot_be_called_with_predictions_and_targets_is_refused(function, line):
    with pytest.raises(PadlError, match=line):
        loss(function)


def test_what_gathers_its_arguments_is_called_with_both():
    assert (loss(lambda *both: squares(*both))(P, T) == padl.losses.mse(P, T)).all()


def test_a_loss_that_does_not_fit_the_targets_or_branches_in_python_is_one_line_with_its_place():
    with pytest.raises(PadlError, match=r"own_things\.py:\d+, in squares: .*loss 'squares'"):
        padl.train(task=CLASSES, loss=squares, model="linear")
    with pytest.raises(PadlError, match="decides a Python branch by a traced value"):
        padl.train(task=NUMBERS, loss=lambda p, t: p if (p > t).all() else t, model="linear")
