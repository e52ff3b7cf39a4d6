"""Pictures, one class each. digits: handwritten, real. cracks: drawn. image_folder: the user's own."""

import os
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np

from padl import files
from padl.data.sklearn_files import shipped
from padl.data.source import frozen
from padl.data.split import Holdout
from padl.registry import task
from padl.tasks import concrete_images
from padl.tasks.classification import classification
from padl.tasks.task import Task
from padl.types import PadlError, printable

SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp"}
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP")  # whatever the suffix: for others Pillow starts programs
LARGEST_IMAGE = 2**29  # bytes of a file


@task(
    family="images",
    loss="cross_entropy",
    model="mlp",
    reference="Alpaydin & Kaynak 1998, UCI Optical Recognition of Handwritten Digits (test set), from scikit-learn",
)
def digits(held_out: float = 0.2, test: float = 0.0) -> Task:
    """Handwritten digits: 1,797 real images of 8 by 8 pixels, ten classes, shipped with scikit-learn.

    Args:
        held_out: share of the images that are not trained on and choose the best parameters, in (0, 1), stratified by
            class.
        test: share that the trained parameters are evaluated on once, in [0, 1), as
            apart from choosing as from training.
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
    """Concrete with a crack or without one. Synthetic: the photographs are drawn, see `padl.tasks.concrete_images`.

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
    """Your own images: a folder with one folder for each class, named like it.

    Args:
        path: of the folder.
        size: pixels of a side that every image is resized to (bilinear; its proportions are not kept).
        colour: read as grey or as colour images.
        held_out: share of the images that choose the best parameters, in (0, 1), stratified by class.
        test: share that the trained parameters are evaluated on once, in [0, 1).

    Raises:
        PadlError: no such folder, fewer than two classes, an image that cannot be read (named).
    """
    root = Path(os.path.expanduser(path))
    if not path or not os.path.isdir(root):
        raise PadlError(f"task.path={path!r} is not a folder: give one that holds a folder of images for each class")
    classes = sorted(d.name for d in root.iterdir() if d.is_dir() and not d.name.startswith("."))
    labelled = [
        (f, c)
        for c, name in enumerate(classes)
        for f in sorted((root / name).rglob("*"))
        if f.suffix.lower() in SUFFIXES
    ]
    empty = [name for c, name in enumerate(classes) if all(label != c for _, label in labelled)]
    if len(classes) < 2 or empty:
        lack = (
            f"no image in the folder of class '{empty[0]}'"
            if empty
            else f"{len(classes)} class folders, needs two or more"
        )
        raise PadlError(f"task.path={path!r}: {lack}")
    images = np.stack([_read(f, size, "L" if colour == "grey" else "RGB") for f, _ in labelled])
    labels = np.array([label for _, label in labelled], np.int32)
    return classification(
        images, labels, len(classes), holdout=Holdout(held_out, test), where=path, synthetic=False, names=classes
    )


def _read(file: Path, size: int, mode: str) -> np.ndarray:
    """One image as (size, size, channels) uint8; PadlError names a file that cannot be read."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    name = printable(str(file))
    try:
        with files.open_regular(file, LARGEST_IMAGE) as handle, Image.open(handle, formats=FORMATS) as opened:
            if opened.mode.startswith(("I", "F")):
                raise PadlError(f"{name}: {opened.mode} pixels have more than 8 bits: convert it, scaled to 0 .. 255")
            image = ImageOps.exif_transpose(opened).convert(mode).resize((size, size), Image.Resampling.BILINEAR)
            return np.asarray(image).reshape(size, size, -1)
    except PadlError:
        raise
    except UnidentifiedImageError as error:
        raise PadlError(f"{name}: not an image of {', '.join(FORMATS)}: convert or remove it") from error
    except Exception as error:  # what Pillow's readers raise for hostile bytes is of many kinds
        why = getattr(error, "strerror", None) or error
        raise PadlError(f"{name}: not a readable image ({why}): repair or remove it") from error
