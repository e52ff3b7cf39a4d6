"""Rows that the host reads ahead: the same batches, and so the same run to the bit, as of rows on the device."""

import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import padl
from padl.data.resident import Resident
from padl.data.source import Data, Position, Split
from padl.data.streamed import Streamed, without_training_rows

KEY = jax.random.key(5)
TRAIN = np.arange(0, 40, 2, dtype=np.int32)
SPLIT = Split(TRAIN, np.arange(1, 40, 2, dtype=np.int32), {})
MLP = {"name": "mlp", "widths": [8]}
RUN = {"steps": 12, "steps_per_call": 5, "eval_every": 6, "devices": 1}


@pytest.fixture
def columns(tmp_path):
    """Memory-mapped arrays of 40 rows."""
    for name, array in (("inputs", np.arange(120.0, dtype=np.float32).reshape(40, 3)), ("labels", np.arange(40))):
        np.save(tmp_path / f"{name}.npy", array)
    return {name: np.load(tmp_path / f"{name}.npy", mmap_mode="r") for name in ("inputs", "labels")}


@pytest.mark.parametrize("size", [1, 6, 20])
def test_every_batch_is_that_of_rows_on_the_device(columns, size):
    stream = Streamed(columns, TRAIN, KEY, size)
    data = jax.device_put(Data({name: np.asarray(c, np.float32) for name, c in columns.items()}, SPLIT))
    resident = Resident(data, KEY, size)
    for step in (0, 1, 7, 30):
        for name, rows in stream.batch(step).items():
            np.testing.assert_array_equal(rows, resident.batch(jnp.int32(step))[name])
            assert stream.shapes(3)[name].shape == (3, *rows.shape)
            assert stream.shapes(3)[name].dtype == rows.dtype
            assert rows.dtype.itemsize <= 4  # as the device takes it
        assert stream.position(step) == resident.position(step) == Position(*divmod(step, 20 // size))


def test_rows_read_ahead_come_in_order_and_the_reader_ends_with_the_run(columns):
    stream = Streamed(columns, TRAIN, KEY, 4)
    spans = [(0, 3), (3, 2), (5, 3), (8, 1)]
    for (step, count), batches in zip(spans, stream.read_ahead(spans), strict=True):
        np.testing.assert_array_equal(batches["labels"], [stream.batch(step + i)["labels"] for i in range(count)])
    reading = stream.read_ahead(spans)
    next(reading)
    reading.close()  # as where a run diverges
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("padl-reader")]


def test_only_the_held_out_rows_go_to_the_device(columns):
    data = without_training_rows(columns, SPLIT)
    np.testing.assert_array_equal(data.held_out.columns["labels"], SPLIT.held_out)
    with pytest.raises(padl.PadlError, match="those of this task are streamed"):
        data.train  # noqa: B018


def save(folder, inputs, targets):
    np.save(folder / "inputs.npy", inputs)
    np.save(folder / "targets.npy", targets)
    return {"name": "array_files", "path": str(folder)}


@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_streamed_run_has_the_bits_of_the_same_run_on_resident_rows(tmp_path, accumulate):
    digits = padl.task("digits")
    task = save(tmp_path, digits.rows["inputs"][:200], digits.rows["labels"][:200])
    streamed = padl.train(task=task, model=MLP, accumulate=accumulate, **RUN)
    assert padl.task(**task).streamed
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("padl.tasks.array_folder.replace", lambda made, streamed: made)
        resident = padl.train(task=task, model=MLP, accumulate=accumulate, **RUN)
    for name, p in resident.params.items():
        np.testing.assert_array_equal(streamed.params[name], p)
    np.testing.assert_array_equal(streamed.history["train/loss"], resident.history["train/loss"])


def test_a_streamed_regression_trains_is_saved_and_loaded(tmp_path):
    inputs = np.random.default_rng(0).standard_normal((100, 3)).astype(np.float32)
    task = save(tmp_path, inputs, (inputs @ np.array([1.0, 2.0, 3.0])).astype(np.float32))
    record = padl.train(task=task, optimizer={"name": "adam", "learning_rate": 0.03}, run={"dir": "runs"}, steps=150)
    assert record.summary["final"]["rmse"] < 1.0
    assert padl.load(record.folder)(inputs[:4]).shape == (4,)
    assert padl.evaluate(record.folder)["rmse"] == pytest.approx(record.summary["final"]["rmse"], rel=1e-5)


@pytest.mark.parametrize(
    ("inputs", "targets", "complaint"),
    [
        (np.ones((4, 2)), np.ones(3), "must be"),
        (np.array([["a"], ["b"]]), np.ones(2), "give an array of numbers"),
        (np.array([[1.0], [np.nan]]), np.array([0, 1]), "row 2 of 2"),
    ],
)
def test_arrays_that_cannot_be_trained_on_are_refused(tmp_path, inputs, targets, complaint):
    with pytest.raises(padl.PadlError, match=complaint):
        padl.train(task=save(tmp_path, inputs, targets), steps=1)


def test_a_folder_without_arrays_is_refused(tmp_path):
    with pytest.raises(padl.PadlError, match="is not a folder"):
        padl.train(task="array_files", steps=1)
    with pytest.raises(padl.PadlError, match=r"numpy\.save writes one"):
        padl.train(task={"name": "array_files", "path": str(tmp_path)}, steps=1)
