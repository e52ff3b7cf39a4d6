"""The user's own arrays on disk, memory-mapped: rows are read on the host, ahead of the device. array_files."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from padl import files
from padl.data.split import Holdout
from padl.registry import task
from padl.tasks.classification import classification
from padl.tasks.regression import regression
from padl.tasks.task import Task
from padl.types import PadlError

LARGEST_ARRAY = 2**62  # bytes: none is read whole


@task(
    family="tables",
    loss={"regression": "mse", "classification": "cross_entropy"},
    model="mlp",
    reference="the user's own arrays",
)
def array_files(path: str = "", classes: int | None = None, held_out: float = 0.2, test: float = 0.0) -> Task:
    """Your own arrays: a folder with inputs.npy, (n, ...), and targets.npy, (n,), as `numpy.save` writes them.

    Training rows stay on disk and are read a few batches ahead, in the same order as rows in memory. Held-out and test
    rows are on the device. Checks, and the statistics of the inputs, read every row once.

    Args:
        path: of the folder.
        classes: how many there are, where targets are whole numbers, labels 0 .. classes-1; None takes the largest
            label and one. Targets of floating point are numbers to predict.
        held_out: share of the rows that choose the best parameters, in (0, 1), stratified where targets are labels.
        test: share that the trained parameters are evaluated on once, in [0, 1).

    Raises:
        PadlError: a file that is missing or no array of numbers, lengths that differ, values that cannot be trained on.
    """
    root = Path(os.path.expanduser(path))
    if not path or not os.path.isdir(root):
        raise PadlError(f"task.path={path!r} is not a folder: give one that holds inputs.npy and targets.npy")
    inputs, targets = (_mapped(root / f"{name}.npy") for name in ("inputs", "targets"))
    if inputs.ndim < 2 or targets.ndim != 1 or len(inputs) != len(targets):
        raise PadlError(f"{path}: inputs {inputs.shape} and targets {targets.shape} must be (n, ...) and (n,)")
    if targets.dtype.kind == "f":
        if classes is not None:
            raise PadlError(
                f"task.classes={classes} is for labels, and targets.npy holds {targets.dtype}: leave it out"
            )
        made = regression(
            inputs, np.asarray(targets, np.float64), holdout=Holdout(held_out, test), where=path, synthetic=False
        )
    else:
        classes = classes or int(targets.max(initial=0)) + 1
        made = classification(
            inputs, np.asarray(targets), classes, holdout=Holdout(held_out, test), where=path, synthetic=False
        )
    return replace(made, streamed=True)


def _mapped(file: Path) -> np.ndarray:
    """An array of numbers whose rows are read where they are used.

    Raises:
        PadlError: it cannot be read, or holds something else.
    """
    try:
        files.open_regular(file, LARGEST_ARRAY).close()
        array = np.lib.format.open_memmap(file, mode="r")
    except Exception as error:  # what NumPy raises for hostile bytes is of many kinds
        why = getattr(error, "strerror", None) or error
        raise PadlError(f"{file} cannot be read as an array ({why}): numpy.save writes one") from error
    if array.dtype.kind not in "biuf":
        raise PadlError(f"{file} holds {array.dtype}: give an array of numbers")
    return array
