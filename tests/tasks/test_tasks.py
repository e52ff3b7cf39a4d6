"""Data: splits, statistics, the laws and pictures that are drawn, the user's own files, and what is refused of them."""

import math
import os

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

import padl
from padl.data.split import Holdout
from padl.surfaces.functions import SURFACES
from padl.tasks import concrete_images
from padl.types import PadlError


def split(task, seed=0, **scalars):
    return task.split(seed, scalars)


def test_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    images, labels = load_digits(return_X_y=True)
    rows = padl.task("digits").rows
    np.testing.assert_array_equal(rows["inputs"].reshape(len(images), -1), images)
    np.testing.assert_array_equal(rows["labels"], labels)


@pytest.mark.parametrize("seed", range(3))
def test_a_split_holds_every_row_once_and_every_class_in_its_proportion(seed):
    task = padl.task("digits", held_out=0.25)
    parts = split(task, seed)
    both = np.concatenate([parts.train, parts.held_out])
    np.testing.assert_array_equal(np.sort(both), np.arange(1797))
    counts = [np.bincount(task.rows["labels"][rows], minlength=10) for rows in parts[:2]]
    assert np.abs(counts[1] - 0.25 * (counts[0] + counts[1])).max() <= 0.5  # rounding of each class


def test_statistics_come_from_the_training_rows_alone():
    task = padl.task("permeability", rows=100)
    parts = split(task, 0, noise=0.1)
    rows = task.rows
    np.testing.assert_allclose(parts.stats["mean"][0], rows["inputs"][parts.train].mean(0), rtol=1e-6)
    np.testing.assert_allclose(parts.stats["std"][0], rows["inputs"][parts.train].std(0), rtol=1e-6)
    observed = rows["targets"] + 0.1 * rows["noise"]
    assert float(parts.stats["target_mean"]) == pytest.approx(observed[parts.train].mean(), rel=1e-5)


def test_permeability_is_the_law_of_kozeny_and_carman():
    rows = padl.task("permeability", rows=50).rows
    d, porosity, tortuosity, viscosity = rows["inputs"].astype(np.float64).T
    k = (d * 1e-6) ** 2 * porosity**3 / (72 * tortuosity * (1 - porosity) ** 2)
    np.testing.assert_allclose(rows["targets"], np.log10(k / (viscosity * 1e-3)), rtol=1e-5)  # float32 inputs


def test_permeability_has_carmans_constant_at_his_tortuosity():
    assert 72 * 2.5 == 180


@pytest.mark.parametrize("name", SURFACES)
def test_a_surface_is_flat_at_its_minima_and_no_lower_near_them(name):
    found = SURFACES[name]
    f = jax.jit(lambda p: found.f(p, 10.0))
    for minimum in found.minima:
        point = jnp.array(minimum)
        assert float(jnp.abs(jax.grad(f)(point)).max()) < 2e-4  # minima are given to nine digits, curvatures reach 1e3
        around = point[None] + 1e-2 * jax.random.normal(jax.random.key(0), (200, len(minimum)))
        assert float(jax.vmap(f)(around).min()) >= float(f(point)) - 1e-6


def test_the_lectures_function_has_its_minimum_where_the_sine_is_the_golden_ratio():
    ((x,),) = SURFACES["cos_tan"].minima
    assert math.sin(x) == pytest.approx((1 - math.sqrt(5)) / 2)
    assert math.cos(x) + math.tan(x) == pytest.approx(0, abs=1e-12)


def test_the_valley_has_the_condition_number_that_is_asked_for():
    hessian = jax.hessian(lambda p: SURFACES["valley"].f(p, 50.0))(jnp.zeros(2))
    assert float(jnp.linalg.cond(hessian)) == pytest.approx(50.0)


def test_gradient_descent_stays_at_a_saddle_and_a_nudge_leaves_it():
    options = {"optimizer": {"name": "gd", "learning_rate": 0.1}, "steps": 300}
    stuck = padl.train(task={"name": "surface", "surface": "saddle", "start": [1.0, 0.0]}, **options)
    freed = padl.train(task={"name": "surface", "surface": "saddle", "start": [1.0, 1e-3]}, **options)
    assert stuck.summary["final"]["loss"] == pytest.approx(0.0, abs=1e-6)
    assert freed.summary["final"]["loss"] == pytest.approx(-0.25, abs=1e-4)


def test_noise_moves_the_gradient_and_not_the_value():
    from padl.tasks.surface_descent import Descent

    walk = Descent("beale", (1.0, 1.5))
    params = {"point": jnp.array([1.0, 1.5])}

    def loss(params, noise):
        return walk.loss(params, {}, {"task": {"noise": noise}}, None, None, jax.random.key(0))[0][0]

    (calm, g0), (rough, g1) = (jax.value_and_grad(loss)(params, noise) for noise in (0.0, 0.5))
    assert float(calm) == float(rough)
    np.testing.assert_allclose(g1["point"] - g0["point"], 0.5 * jax.random.normal(jax.random.key(0), (2,)), rtol=1e-4)


def test_a_crack_only_darkens_and_only_where_it_runs():
    sound = concrete_images.draw(np.random.default_rng(3), 32, crack=False)
    cracked = concrete_images.draw(np.random.default_rng(3), 32, crack=True)
    changed = sound != cracked
    assert 0 < changed.mean() < 0.25
    assert (cracked <= sound).all()


def test_photographs_are_balanced_and_repeat():
    images, labels = concrete_images.photographs(40, 16, 5)
    again, _ = concrete_images.photographs(40, 16, 5)
    assert (images.shape, images.dtype, labels.sum()) == ((40, 16, 16, 1), np.uint8, 20)
    np.testing.assert_array_equal(images, again)


@pytest.fixture
def pictures(tmp_path):
    rng = np.random.default_rng(0)
    for label, name in enumerate(("dark", "light")):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for i in range(8):
            pixels = rng.integers(0, 100, (10, 12, 3), np.uint8) + np.uint8(150 * label)
            Image.fromarray(pixels).save(tmp_path / "pictures" / name / f"{i}.png")
    return tmp_path / "pictures"


@pytest.mark.parametrize(("colour", "channels"), [("rgb", 3), ("grey", 1)])
def test_a_folder_of_pictures_has_a_class_for_each_folder(pictures, colour, channels):
    task = padl.task("image_folder", path=str(pictures), size=8, colour=colour)
    assert task.rows["inputs"].shape == (16, 8, 8, channels)
    assert task.about["names"] == ["dark", "light"]
    means = [task.rows["inputs"][task.rows["labels"] == label].mean() for label in (0, 1)]
    assert means[0] < 100 < means[1]


def test_a_corrupt_picture_is_named(pictures):
    broken = pictures / "dark" / "3.png"
    broken.write_bytes(broken.read_bytes()[:60])
    with pytest.raises(PadlError, match=r"dark/3\.png: not a readable image"):
        padl.task("image_folder", path=str(pictures))


def test_only_regular_files_are_read_as_data(tmp_path, pictures):
    os.mkfifo(pictures / "dark" / "pipe.png")
    (tmp_path / "inputs.npy").symlink_to("/dev/zero")
    paths = {
        "/dev/zero": "csv",
        pictures / "dark" / "pipe.png": "csv",
        pictures: "image_folder",
        tmp_path: "array_files",
    }
    for path, name in paths.items():
        with pytest.raises(PadlError, match="not a regular file"):
            padl.task(name, path=str(path))


def test_a_picture_is_read_by_its_content_and_starts_no_program(tmp_path, monkeypatch, pictures):
    marker, program = tmp_path / "ran", tmp_path / "gs"
    program.write_text(f"#!/bin/sh\ntouch {marker}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    (pictures / "dark" / "3\x1b[2J.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n")
    with pytest.raises(PadlError, match=r"dark/3\\x1b\[2J\.png: not an image of PNG, JPEG, "):
        padl.task("image_folder", path=str(pictures))
    assert not marker.exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"garbage", b"PK\x03\x04", b"\x93NUMPY\x01\x00\x10\x00" + b"(" * 16, b"\x93NUMPY\x01\x00\xff\xff{"],
)
def test_an_array_file_that_is_none_is_one_line(tmp_path, content):
    (tmp_path / "inputs.npy").write_bytes(content)
    with pytest.raises(PadlError, match=r"inputs\.npy cannot be read as an array"):
        padl.task("array_files", path=str(tmp_path))


def test_a_path_that_no_file_can_have_is_one_line():
    for name in ("csv", "image_folder", "array_files"):
        for path in ("a" * 300, "~nobody-of-this-name/x"):
            with pytest.raises(PadlError, match=r"task\.path="):
                padl.task(name, path=path)


def test_a_folder_without_classes_is_refused(tmp_path, pictures):
    with pytest.raises(PadlError, match="is not a folder"):
        padl.task("image_folder", path=str(tmp_path / "gone"))
    with pytest.raises(PadlError, match="0 class folders"):
        padl.task("image_folder", path=str(pictures / "dark"))
    (pictures / "empty").mkdir()
    with pytest.raises(PadlError, match="no image in the folder of class 'empty'"):
        padl.task("image_folder", path=str(pictures))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start": [9.0, 9.0]}, "is not inside rosenbrock's box"),
        ({"start": [0.0]}, "has 1 numbers, surface 'rosenbrock' has 2"),
        ({"condition": 10.0}, "is for task.surface=valley"),
        ({"surface": "rosenbruck"}, "not one of cos_tan"),
    ],
)
def test_a_wrong_surface_is_refused(options, message):
    with pytest.raises(PadlError, match=message):
        padl.task("surface", **options)


def test_a_split_with_an_empty_side_is_refused():
    with pytest.raises(PadlError, match="leaves 1797 to train on and 0 to hold out"):
        padl.task("digits", held_out=1e-6).split(0, {})


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_data_of_a_task_that_are_not_finite_are_refused_with_their_place(value):
    from padl.tasks.classification import classification
    from padl.tasks.regression import regression

    inputs = np.ones((4, 3), np.float32)
    inputs[2, 1] = value
    with pytest.raises(PadlError, match="in column 'input 2', row 3 of 4"):
        classification(inputs, np.array([0, 1, 0, 1]), 2, holdout=Holdout(0.5), where="mine")
    with pytest.raises(PadlError, match="in column 'target', row 1 of 4"):
        regression(np.ones((4, 1)), np.array([value, 0, 0, 0]), holdout=Holdout(0.5), where="mine")


def test_labels_of_a_task_outside_its_classes_are_refused_with_their_row():
    from padl.tasks.classification import classification

    with pytest.raises(PadlError, match="label 2 in row 4 is outside 0"):
        classification(np.ones((4, 1)), np.array([0, 1, 0, 2]), 2, holdout=Holdout(0.5), where="mine")


def test_the_valley_is_one_where_no_condition_is_given():
    made = padl.train(task={"name": "surface", "surface": "valley"}, optimizer={"name": "sgd"}, steps=1)
    assert made.history["train/loss"][0] == pytest.approx(0.5 * (10.0**2 + 100 * 1.0**2))


def test_pictures_of_more_than_eight_bits_are_refused(pictures):
    Image.fromarray(np.full((9, 9), 40_000, np.uint16)).save(pictures / "dark" / "deep.png")
    with pytest.raises(PadlError, match="more than 8 bits"):
        padl.task("image_folder", path=str(pictures))


def test_the_data_that_are_kept_cannot_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        padl.task("digits").rows["inputs"][:] = 0
