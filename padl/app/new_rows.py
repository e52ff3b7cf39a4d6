"""Make inputs of new rows as of those that a model was trained on: tables, data frames, images.

NewRows, read, as_inputs, encode. What is read is the user's; data.json of the run says how.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from padl.data import image_files, image_pixels
from padl.data.checks import is_beyond_32_bits
from padl.data.table import advice, encoding
from padl.data.table.frames import from_frame, is_frame
from padl.data.table.reading import TextOptions
from padl.data.table.reading import read as read_table
from padl.data.table.source_table import Table, excerpt
from padl.tasks.own_data import as_array
from padl.tasks.table_targets import observed
from padl.types import PadlError, printable


class NewRows(NamedTuple):
    """Rows to predict.

    Attributes:
        inputs: (n, ...) as the model takes them. observed: what is known of targets, {name: (n,)}; "" or NaN in it
            where nothing is. files: of images, their names; () of other rows. notes: lines on what was passed over.
    """

    inputs: Any
    observed: Mapping[str, np.ndarray]
    files: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read(data: Mapping[str, Any], task: Mapping[str, Any], rows: Any) -> NewRows:
    """Read new rows, which keep their order.

    Args:
        data: data.json of the run. task: what is known of its data.
        rows: of a run on a table: a file, or what `from_frame` takes; of one on a folder of images: a folder, or one
            image; of any other: an array (n, ...).

    Raises:
        PadlError: they are no such rows, or cannot be encoded.
    """
    if isinstance(rows, (str, Path)):
        path = Path(os.path.expanduser(rows))
        if "images" in data:
            return _images(data["images"], task, path)
        _check_described(data)
        return _table(data["encoding"], _as_trained(data, path))
    if is_frame(rows):
        _check_described(data)
        return _table(data["encoding"], from_frame(rows))
    return NewRows(as_inputs(rows, "rows"), {})


def as_inputs(values: Any, what: str = "inputs") -> Any:
    """Return an array, a tensor or nested lists as an array that a model takes, one of JAX as it is.

    Args:
        what: it is, in a message.

    Raises:
        PadlError: it is no array of numbers.
    """
    if isinstance(values, jax.Array):
        array = values
    else:
        if isinstance(values, (str, bytes)) or not hasattr(values, "__len__"):
            raise PadlError(f"{what} of type {type(values).__name__} are neither a table, images nor an array")
        array = as_array(values, what)
        if array.dtype in (np.float64, np.longdouble) or is_beyond_32_bits(array):
            with np.errstate(over="ignore"):  # an infinity, which no finite prediction comes of
                array = array.astype(np.float32)
    if not any(jnp.issubdtype(array.dtype, kind) for kind in (np.bool_, np.integer, np.floating)):
        raise PadlError(f"{what} hold {array.dtype}: give numbers, (n, ...), or a data frame")
    return array


def encode(data: Mapping[str, Any], frame: Any) -> encoding.Encoded:
    """Encode a data frame.

    Raises:
        PadlError: the model was trained on no table, or it cannot be encoded.
    """
    _check_described(data)
    return encoding.encode(data["encoding"], from_frame(frame))


def _check_described(data: Mapping[str, Any]) -> None:
    if "images" in data:
        raise PadlError("the model was trained on images: give a folder of them, or one")
    if "encoding" not in data:
        raise PadlError(
            "the model was trained on arrays, and no data.json of its run says how columns become inputs: give an array"
            " (n, ...) in Python, or train on the table (task=csv, or padl.tasks.arrays of a data frame)"
        )


def _as_trained(data: Mapping[str, Any], path: Path) -> Table:
    """A file, read with the delimiter, the encoding and the header of the one trained on, or else as any table is."""
    form, name = data.get("file"), str(path)
    needed = {column["name"] for column in data["encoding"]["columns"]}
    if isinstance(form, Mapping) and form.get("format") == "text":
        try:
            has_header = form.get("header") is not False
            table = read_table(name, TextOptions(str(form.get("delimiter")), str(form.get("encoding")), has_header))
            if needed <= set(table.names):
                return table
        except PadlError:  # of another layout
            pass
    try:
        return read_table(name)
    except PadlError as error:
        raise PadlError(advice.without_options(str(error))) from error


def _table(description: encoding.Description, table: Table) -> NewRows:
    inputs, notes = encoding.encode(description, table)
    numbers, known = encoding.column_types(description).numbers, {}
    for target in (target for target in description["targets"] if target["name"] in table.names):
        try:
            known[target["name"]] = observed(target, table, numbers)
        except PadlError:
            notes = (*notes, f"{table.where}: column '{target['name']}' holds no such target as the model predicts")
        else:
            notes = (*notes, *_of_other_classes(target, known[target["name"]], table.where))
    return NewRows(inputs, known, notes=(*table.notes, *notes))


def _of_other_classes(target: Mapping[str, Any], values: np.ndarray, where: str) -> list[str]:
    """A line on classes that the model does not predict."""
    if target["kind"] != "category":
        return []
    others = sorted({*values.tolist()} - {*target["classes"], ""})
    rows = int(np.isin(values, others).sum())
    names = excerpt([f"'{name}'" for name in others])
    said = f"{where}: column '{target['name']}' has {names}, which the model does not predict: they count as wrong"
    return [f"{said} ({rows} {'row' if rows == 1 else 'rows'})"] if others else []


def _images(description: Mapping[str, Any], task: Mapping[str, Any], path: Path) -> NewRows:
    files, notes = image_files.below(path) if path.is_dir() else ([path], [])
    root = path if path.is_dir() else path.parent
    inputs, changed = image_pixels.read_all(files, description["size"], description["colour"], root)
    names = tuple(printable(file.relative_to(root).as_posix()) for file in files)
    return NewRows(inputs, _classes_by_folder(names, task), names, (*notes, *changed))


def _classes_by_folder(names: tuple[str, ...], task: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The class of each image, where every one lies in a folder of a class."""
    folders = [name.partition("/")[0] if "/" in name else "" for name in names]
    return {"class": np.array(folders)} if set(folders) <= set(task.get("names") or ()) else {}
