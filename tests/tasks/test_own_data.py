"""A task of arrays reads its targets as they are meant, and refuses what is no data in one line."""

import types

import jax.numpy as jnp
import numpy as np
import pytest

import padl
from padl.tasks.own_data import arrays
from padl.types import PadlError

rng = np.random.default_rng(0)
X = rng.normal(size=(24, 3)).astype(np.float32)
Y = np.arange(24) % 2
T = rng.normal(size=24).astype(np.float32)
WORDS = np.where(Y == 0, "a", "b")


@pytest.mark.parametrize(
    ("targets", "names"),
    [
        (Y, ["0", "1"]),
        (Y.tolist(), ["0", "1"]),
        (jnp.asarray(Y), ["0", "1"]),
        (Y == 1, ["False", "True"]),
        (WORDS, ["a", "b"]),
        (WORDS.astype(object), ["a", "b"]),
        (Y[:, None], ["0", "1"]),
        (Y * 1000 - 7, ["-7", "993"]),
    ],
)
def test_whole_numbers_booleans_and_text_are_classes_with_their_names_in_order(targets, names):
    task = arrays(X, targets)
    assert (task.about["kind"], task.about["names"]) == ("classification", names)
    assert (task.rows["labels"] == Y).all()


@pytest.mark.parametrize("targets", [T, T.astype(np.float64), T[:, None], T.tolist(), jnp.asarray(T), T.astype(object)])
def test_floating_point_is_numbers(targets):
    task = arrays(X, targets)
    assert task.about["kind"] == "regression"
    np.testing.assert_allclose(task.rows["targets"].ravel(), T, rtol=1e-6)


def test_the_kind_and_the_classes_can_be_said():
    assert arrays(X, np.arange(24), kind="regression").about["kind"] == "regression"
    assert arrays(X, Y.astype(float), kind="classification").about["names"] == ["0", "1"]
    for classes in (3, 3.0):
        assert arrays(X, Y, classes=classes).about["names"] == ["0", "1", "2"]


@pytest.mark.parametrize(
    "inputs", [X.tolist(), jnp.asarray(X), X.astype(np.float64), X > 0, (X * 9).astype(np.int64), X.reshape(24, 3, 1)]
)
def test_inputs_are_any_numbers_of_any_shape(inputs):
    assert len(arrays(inputs, Y).rows["inputs"]) == 24


def test_whole_numbers_that_32_bits_do_not_hold_keep_their_size():
    whole = np.arange(24)[:, None] * 2**33
    for numbers in (whole, whole.astype(np.uint64)):
        np.testing.assert_array_equal(arrays(numbers, Y).rows["inputs"], whole.astype(np.float32))
    assert arrays(whole // 2**33, Y).rows["inputs"].dtype == np.int64  # which the device holds


def test_a_tensor_that_is_detached_first_and_half_precision_are_read():
    tensor = types.SimpleNamespace(detach=lambda: types.SimpleNamespace(cpu=lambda: X))
    assert (arrays(tensor, T).rows["inputs"] == arrays(X, T).rows["inputs"]).all()
    assert np.isfinite(arrays(jnp.asarray(X, jnp.bfloat16), T).rows["inputs"]).all()


@pytest.mark.parametrize(
    ("inputs", "targets", "more", "line"),
    [
        (X, Y[:5], {}, "24 inputs and 5 targets"),
        (X[:, 0], T, {}, r"inputs \(24,\) must be \(n, \.\.\.\)"),
        (X[:, :0], T, {}, "hold no numbers"),
        (X * 1j, T, {}, "inputs hold complex64"),
        (X.astype(str), T, {}, "give numbers"),
        ([[1], [2, 3]], [0, 1], {}, "inputs are no array"),
        (None, T, {}, "inputs are NoneType"),
        (np.ma.masked_array(X, X > 1), T, {}, "inputs are masked in places"),
        (np.where(X > 1, np.nan, X), T, {}, "nan in column"),
        (X, T * np.inf, {}, "inf in column 'target'"),
        (X * np.float64(1e300), T, {}, "in column 'input 1' is too large for float32: use another unit"),
        (X * np.float64(1e-42), T, {}, "'input 1' goes from .* which float32 cannot be standardised by"),
        (
            X.astype(np.float64) + 1e8,
            T,
            {},
            "column 'input 1' varies by .* around 1e.08, which float32 cannot tell apart",
        ),
        (
            np.arange(72).reshape(24, 3) + 2**60,
            T,
            {},
            r"varies by 20\.8 around 1\.15e.18, which float32 cannot tell apart",
        ),
        (X, np.stack([T, T], 1), {}, r"targets \(24, 2\) must be \(n,\)"),
        (X, [None, "a"] * 12, {}, r"target 0 is missing \(None\)"),
        (X, np.array(["a", np.nan] * 12, object), {}, r"target 1 is missing \(nan\)"),
        (X, np.array(["2020-01-01"] * 24, "datetime64[D]"), {}, "targets hold datetime64"),
        (X, np.arange(24), {}, "say kind='regression'"),
        (X, Y * 0, {}, "no classes to tell apart"),
        (X, T * 0, {}, "nothing to predict"),
        (X, Y - 1, {"classes": 2}, "label -1 in row"),
        (X, Y, {"classes": 1}, "outside its domain"),
        (X, Y, {"classes": "two"}, "is not a whole number"),
        (X, T, {"classes": 2}, "classes=2 is for whole numbers"),
        (X, WORDS, {"kind": "regression"}, "numbers are to be predicted"),
        (X, Y, {"kind": "clasification"}, "is not one of auto"),
        (X, Y, {"held_out": 1.0}, "outside its domain"),
        (X, Y, {"title": ""}, "must be one line of text"),
        (X, Y, {"title": "a\nb"}, "must be one line of text"),
        (X[:0], Y[:0], {}, "no rows"),
        (X.astype(float) + 1.7e9, Y, {}, "'input 1' varies by .*, which float32 cannot tell apart"),
        ((X * 9).astype(int) + 1_700_000_000, Y, {}, "'input 1' varies by .*, which float32 cannot tell apart"),
        (X.astype(float)[:, :, None] * 1e300, Y, {}, "e\\+300 in column 'input 1' is too large for float32"),
    ],
)
def test_what_is_no_data_is_one_line(inputs, targets, more, line):
    with pytest.raises(PadlError, match=line) as error:
        arrays(inputs, targets, **more)
    assert "\n" not in str(error.value)


def test_whole_numbers_beyond_32_bits_are_the_numbers_that_they_are(tmp_path):
    large = np.stack([np.arange(24) * 10**9, np.arange(24) % 5], 1)
    assert (arrays(large, T).rows["inputs"] == large.astype(np.float32)).all()
    assert (arrays(large.astype(np.uint64), T).rows["inputs"] == large.astype(np.float32)).all()
    run = {"dir": str(tmp_path), "plot": False}
    model = padl.load(padl.train(task=arrays(large, T), model="linear", steps=1, devices=1, run=run).folder)
    np.testing.assert_array_equal(model(large), model(large.astype(np.float32)))
    np.testing.assert_array_equal(model(large.tolist()), model(large.astype(np.float32)))
    np.save(tmp_path / "inputs.npy", large)
    np.save(tmp_path / "targets.npy", T)
    with pytest.raises(PadlError, match="whole numbers beyond 32 bits: give them in floating point"):
        padl.task("array_files", path=str(tmp_path))


@pytest.mark.parametrize("task", [(X,), [X, Y], X, {"inputs": X}, {"name": (X, Y), "title": "a"}, arrays])
def test_what_is_no_task_is_one_line(task):
    with pytest.raises(PadlError) as error:
        padl.train(task=task)
    assert "\n" not in str(error.value)


def test_three_rows_are_too_few_or_enough_and_never_a_traceback():
    for n in (0, 1, 2):
        with pytest.raises(PadlError):
            padl.train(task=arrays(X[:n], T[:n]), model="linear", steps=1)
    assert padl.train(task=arrays(X[:3], T[:3]), model="linear", steps=1, devices=1).status == "finished"
