"""Pictures, one class each. digits: handwritten, real. cracks: drawn. image_folder: the user's own."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from padl.data import image_files, image_pixels
from padl.data.sklearn_files import shipped
from padl.data.source import frozen
from padl.data.split import Holdout
from padl.registry import task
from padl.tasks import concrete_images
from padl.tasks.classification import classification
from padl.tasks.task import Task
from padl.types import PadlError


@task(
    family="images",
    loss="cross_entropy",
    model="mlp",
    reference="Alpaydin & Kaynak 1998, UCI Optical Recognition of Handwritten Digits (test set), from scikit-learn",
)
def digits(held_out: float = 0.2, test: float = 0.0) -> Task:
    """Handwritten digits: 1,797 real images of 8 by 8 pixels, ten classes, shipped with scikit-learn.

    Args:
        held_out: share of the images that do not train, but choose the best parameters, in (0, 1), stratified by
            class.
        test: share that neither trains nor chooses; the trained parameters are evaluated on it once, in [0, 1).
    """
    images, labels = _digits()
    return classification(images, labels, 10, holdout=Holdout(held_out, test), where="digits", synthetic=False)


@lru_cache(maxsize=1)
def _digits() -> tuple[np.ndarray, np.ndarray]:
    table = np.loadtxt(shipped("digits.csv.gz", "task 'digits' reads the images"), delimiter=",", dtype=np.float32)
    return frozen(table[:, :-1].reshape(-1, 8, 8, 1).astype(np.uint8)), frozen(table[:, -1].astype(np.int32))


@task(
    family="images", loss="cross_entropy", model="cnn", reference="lecture: drone image -> crack / no crack; synthetic"
)
def cracks(
    rows: int = 1500,
    size: int = 32,
    hard_negatives: bool = True,
    held_out: float = 0.2,
    test: float = 0.0,
    data_seed: int = 0,
) -> Task:
    """Images of concrete with or without a crack. They are synthetic: see `padl.tasks.concrete_images`.

    Args:
        rows: how many images, half of each class. size: pixels of a side, 16 or more.
        hard_negatives: draw joints, stains and scratches that resemble cracks, in both classes.
        held_out: share of the images that choose the best parameters, in (0, 1). data_seed: of the drawing.
        test: share that the trained parameters are evaluated on once, in [0, 1).
    """
    if size < concrete_images.SMALLEST:
        raise PadlError(f"task.size={size} is too small to show a crack: {concrete_images.SMALLEST} or more")
    images, labels = _concrete(rows, size, data_seed, hard_negatives)
    return classification(images, labels, 2, holdout=Holdout(held_out, test), where="cracks", synthetic=True)


@lru_cache(maxsize=4)
def _concrete(rows: int, size: int, data_seed: int, hard_negatives: bool) -> tuple[np.ndarray, np.ndarray]:
    images, labels = concrete_images.photographs(rows, size, data_seed, hard_negatives=hard_negatives)
    return frozen(images), frozen(labels)


@task(family="images", loss="cross_entropy", model="cnn", reference="the user's own images")
def image_folder(
    path: str = "", size: int = 64, colour: Literal["grey", "rgb"] = "rgb", held_out: float = 0.2, test: float = 0.0
) -> Task:
    """Your own images, in one folder for each class.

    Folders `train`, `val` (or `valid`, `validation`) and `test` that have such folders inside are the split. Images are
    turned as their EXIF orientation says, and transparency is laid over white. Of several pages or frames the first
    is used. Hidden files are left out. A line says what else was left out or changed.

    Args:
        path: of the folder.
        size: pixels of a side that every image is resized to (bilinear; its proportions are not kept).
        colour: read as grey or as colour images.
        held_out: share of the images that choose the best parameters, in (0, 1), stratified by class.
        test: share that the trained parameters are evaluated on once, in [0, 1).

    Raises:
        PadlError: no such folder, fewer than two classes, folders that may be a split or classes, an image that cannot
            be read, or has more than 8 bits in a channel (named).
    """
    root = Path(os.path.expanduser(path))
    if not path or not os.path.isdir(root):
        raise PadlError(f"task.path={path!r} is not a folder: give one that holds a folder of images for each class")
    found = image_files.find(root)
    images, changed = image_pixels.read_all(found.images, size, colour, root)
    holdout = Holdout(held_out, test, given=found.given)
    about = {"synthetic": False, "names": found.classes}
    made = classification(images, found.labels, len(found.classes), holdout=holdout, where=path, **about)
    said = (*found.said, *changed)
    return replace(made, said=said, describe=lambda split: _described(found, image_pixels.describe(size, colour), said))


def _described(found: image_files.ImageFiles, images: Mapping[str, Any], said: Sequence[str]) -> dict[str, Any]:
    """What data.json says: how the images were read, and which classes there are."""
    counts = np.bincount(found.labels, minlength=len(found.classes)).tolist()
    target = {"kind": "classes", "rows": dict(zip(found.classes, counts, strict=True))}
    return {"rows": len(found.images), "target": target, "said": list(said), "images": {**images}}
