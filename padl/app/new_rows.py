"""Make inputs of new rows as of those that a model was trained on: tables, data frames, images. NewRows, read, encode.

What is read is the user's; data.json of the run says how.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from padl.data import image_files, image_pixels
from padl.data.table import advice, encoding
from padl.data.table.frames import from_frame, is_frame
from padl.data.table.reading import TextOptions
from padl.data.table.reading import read as read_table
from padl.data.table.source_table import Table
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
    if np.ndim(rows) == 0:
        raise PadlError(f"rows of type {type(rows).__name__} are neither a table, images nor an array")
    return NewRows(rows, {})


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
    return NewRows(inputs, known, notes=(*table.notes, *notes))


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
