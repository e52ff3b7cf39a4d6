"""Make a task of your own arrays. arrays."""

import numbers
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from padl.data.checks import is_beyond_32_bits
from padl.data.split import Holdout
from padl.data.table.frames import is_frame
from padl.registry import check, signature
from padl.tasks.classification import classification
from padl.tasks.own_frame import of_frame
from padl.tasks.regression import regression
from padl.tasks.standardise import check_numbers
from padl.tasks.table_file import csv
from padl.tasks.table_split import SplitBy
from padl.tasks.table_task import TableOptions
from padl.tasks.task import Task
from padl.types import PadlError, one_line

FEW = 20  # different whole numbers that pass for classes
Kind = Literal["auto", "classification", "regression"]


def arrays(
    inputs: Any,
    targets: Any,
    *,
    kind: Kind = "auto",
    classes: int | None = None,
    held_out: float = 0.2,
    test: float = 0.0,
    title: str = "arrays",
    **options: Any,
) -> Task:
    """Make a task of arrays, or of a data frame: predict each target from its input.

    >>> task = padl.tasks.arrays(x, y)                      # x (n, ...), y (n,)
    >>> task = padl.tasks.arrays(frame, "price", types={"zip": "category"}, missing="impute")
    >>> record = padl.train(task=task, model="mlp")

    Args:
        inputs: (n, ...) numbers, as a NumPy or JAX array, a torch tensor or nested lists; standardised by the training
            rows. Or a data frame (pandas, polars, Arrow), a dict of columns or a list of rows as dicts: read as the
            task `csv` reads a file.
        targets: (n,), or (n, 1): numbers to predict, or classes: whole numbers, booleans or text. Of a data frame also
            the name of a column, or of several with numbers, or another frame.
        kind: auto takes targets of floating point for numbers, and text, booleans and whole numbers for classes; whole
            numbers with more than 20 different values that are not most often repeated need it said.
        classes: the targets are the labels 0 .. classes-1; None numbers their different values in their order.
        held_out: share of the rows that choose the best parameters, in (0, 1), stratified where they have classes.
        test: share that the trained parameters are evaluated on once, in [0, 1). title: what the run is called.
        options: of a data frame: drop, types, missing, na, dates, decimal, thousands, and the column that splits it,
            group, order or split, as of the task `csv`.

    Raises:
        PadlError: shapes that do not go together, what is no number, NaN or infinity, too few rows or classes; of a
            data frame, as the task `csv`.
    """
    given = {"kind": kind, "classes": classes, "held_out": held_out, "test": test, "title": title}
    hyperparameters = {name: each for name, each in signature(arrays).items() if name in given}
    classes = check(given, hyperparameters, where="", owner="padl.tasks.arrays")["classes"]
    check_title(title)
    if is_frame(inputs):
        told = _options(options)
        by = SplitBy(held_out, test, *(told.pop(name) for name in ("group", "order", "split")))
        return of_frame(inputs, targets, kind, classes, by, TableOptions(**told), title)
    if options:
        raise PadlError(f"{title}: {next(iter(options))}= is for a data frame, and the inputs are none: leave it out")
    if isinstance(targets, str):
        raise PadlError(f"{title}: targets='{targets}' names a column of a data frame, and the inputs are none")
    x, y = _numbers(inputs, title), _targets(targets, title)
    if x.ndim < 2:
        raise PadlError(f"{title}: inputs {x.shape} must be (n, ...): a single column is inputs[:, None]")
    if 0 in x.shape[1:]:
        raise PadlError(f"{title}: inputs {x.shape} hold no numbers")
    if len(x) != len(y):
        raise PadlError(f"{title}: {len(x)} inputs and {len(y)} targets: one target for each input is wanted")
    if not len(x):
        raise PadlError(f"{title}: no rows")
    x = _in_32_bits(x, title)
    about = {"holdout": Holdout(held_out, test), "where": title, "title": title, "synthetic": False}
    if (_kind(y, classes, title) if kind == "auto" else kind) == "regression":
        if classes is not None or y.dtype.kind not in "fiu":
            raise PadlError(f"{title}: numbers are to be predicted, and the targets are {_told(y, classes)}")
        return regression(x, y.astype(np.float64), **about)
    names, labels = _classes(y, classes, title)
    return classification(x, labels, len(names), names=names, **about)


def _options(options: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of a data frame, checked as the options of the task `csv`."""
    names = (*TableOptions._fields, "group", "order", "split")
    known = {name: option for name, option in signature(csv).items() if name in names}
    return check(options, known, where="", owner="padl.tasks.arrays of a data frame")


def _numbers(inputs: Any, title: str) -> np.ndarray:
    array = as_array(inputs, f"{title}: inputs")
    if array.dtype.kind not in "biuf":
        raise PadlError(f"{title}: inputs hold {array.dtype}: give numbers, (n, ...)")
    return array


def _in_32_bits(inputs: np.ndarray, title: str) -> np.ndarray:
    """Inputs (n, ...) as the device can hold them; numbers of 64 bits are looked at while they have all their bits."""
    kind, size = inputs.dtype.kind, inputs.dtype.itemsize
    if size > 4:
        check_numbers(inputs, title)
    if kind == "b" or (kind == "f" and size > 4) or is_beyond_32_bits(inputs):
        return inputs.astype(np.float32)
    return inputs


def _targets(targets: Any, title: str) -> np.ndarray:
    array = as_array(targets, f"{title}: targets")
    if array.dtype.kind == "O":
        array = _objects(array, title)
    if array.dtype.kind not in "biufU":
        raise PadlError(f"{title}: targets hold {array.dtype}: give numbers, or text for classes")
    array = array[:, 0] if array.shape == (len(array), 1) else array
    if array.ndim != 1:
        raise PadlError(f"{title}: targets {array.shape} must be (n,): one for each input")
    return array


def _objects(targets: np.ndarray, title: str) -> np.ndarray:
    """Targets of mixed types, as numbers where all are, else as text."""
    for i, value in enumerate(targets.ravel()):
        if value is None or type(value).__name__ in ("NAType", "NaTType") or value != value:
            raise PadlError(f"{title}: target {i} is missing ({value}): remove its row")
    if all(isinstance(value, numbers.Real) for value in targets.ravel()):
        return np.array(targets.tolist())
    return np.array([str(value) for value in targets.ravel()]).reshape(targets.shape)


def check_title(title: Any) -> None:
    """Raise PadlError for a title that is no line of text."""
    if not isinstance(title, str) or not title.strip() or not title.isprintable():
        raise PadlError(f"title={title!r} must be one line of text")


def as_array(values: Any, what: str) -> np.ndarray:
    """Return an array, a tensor or nested lists as a NumPy array with rows; raises PadlError with `what` they are."""
    if np.ma.is_masked(values):
        raise PadlError(f"{what} are masked in places: fill these, or leave their rows out")
    try:
        array = np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)
    except Exception as error:  # whatever a stranger's object raises
        raise PadlError(f"{what} are no array ({one_line(error)})") from error
    if array.ndim == 0:
        raise PadlError(f"{what} are {type(values).__name__}, and not an array of rows")
    return array.astype(np.float32) if array.dtype.name == "bfloat16" else array


def _kind(targets: np.ndarray, classes: int | None, title: str) -> Kind:
    if classes is not None or targets.dtype.kind in "bU":
        return "classification"
    if targets.dtype.kind == "f":
        return "regression"
    different = len(np.unique(targets))
    if different > FEW and different > len(targets) / 2:
        raise PadlError(
            f"{title}: {different} different whole numbers in {len(targets)} targets: say kind='regression', or"
            " kind='classification'"
        )
    return "classification"


def _classes(targets: np.ndarray, classes: int | None, title: str) -> tuple[list[str], np.ndarray]:
    """The names of the classes, and the label of every row."""
    if classes is not None:
        if targets.dtype.kind not in "biu":
            raise PadlError(f"{title}: classes={classes} is for whole numbers, and the targets are {targets.dtype}")
        return [str(c) for c in range(classes)], targets.astype(np.int64)
    different, labels = np.unique(targets, return_inverse=True)
    if len(different) < 2:
        raise PadlError(f"{title}: every target is {different[0]}: no classes to tell apart")
    return [f"{v:g}" if targets.dtype.kind == "f" else str(v) for v in different], labels


def _told(targets: np.ndarray, classes: int | None) -> str:
    return f"{classes} classes" if classes is not None else str(targets.dtype)
