"""Tables. permeability: by a law of physics, with noise. csv: the user's own."""

import csv as csv_module
import io
import os
from functools import lru_cache
from typing import Literal

import numpy as np

from padl import files
from padl.data.checks import check_finite, check_resolution
from padl.data.source import frozen
from padl.data.split import Holdout
from padl.registry import task
from padl.tasks.classification import classification
from padl.tasks.regression import regression
from padl.tasks.task import Task
from padl.types import PadlError, Scalar, printable

LARGEST_TABLE = 2**31  # bytes; a table is read into memory whole
EXCERPT = 80  # signs of a file that a message shows: it may be one that was never meant to be a table


@task(
    family="tables",
    loss="mse",
    model="mlp",
    reference="Kozeny 1927; Carman 1937, Trans. Inst. Chem. Eng. 15; synthetic measurements",
)
def permeability(
    rows: int = 2000, noise: Scalar = 0.05, held_out: float = 0.2, test: float = 0.0, data_seed: int = 0
) -> Task:
    """Permeability of a packed bed to a fluid. Synthetic: drawn from the Kozeny-Carman law, with measurement noise.

        k / μ = d² φ³ / (72 τ (1 - φ)² μ)      predicted: log10 of it, in m² / (Pa s)

    d: particle size, 20 to 500 µm; φ: porosity, 0.25 to 0.55; τ: tortuosity, (path / thickness)², 1.5 to 3.5,
    independent of φ; μ: viscosity, 0.3 to 30 mPa s. d and μ are spread evenly in their logarithms. With τ = 2.5 this is
    Carman's constant of 180.

    Args:
        rows: how many samples.
        noise: standard deviation of the measurement of log10, in decades, >= 0. Held-out rows have it too, so that it
            is the least error anybody can reach.
        held_out: share of the rows that choose the best parameters, in (0, 1). data_seed: of the drawing.
        test: share that the trained parameters are evaluated on once, in [0, 1).
    """
    inputs, targets, deviations = _packed_beds(rows, data_seed)
    about = {"synthetic": True, "features": ["particle_size", "porosity", "tortuosity", "viscosity"]}
    return regression(inputs, targets, noise=deviations, holdout=Holdout(held_out, test), where="permeability", **about)


@lru_cache(maxsize=4)
def _packed_beds(rows: int, data_seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(size in µm, porosity, tortuosity, viscosity in mPa s), log10 of k / μ in SI, standard normal deviations."""
    rng = np.random.default_rng(data_seed)
    u = rng.uniform(size=(rows, 4))
    d, viscosity = 20 * 25 ** u[:, 0], 0.3 * 100 ** u[:, 3]
    porosity, tortuosity = 0.25 + 0.3 * u[:, 1], 1.5 + 2.0 * u[:, 2]
    k = (d * 1e-6) ** 2 * porosity**3 / (72 * tortuosity * (1 - porosity) ** 2)
    inputs = np.stack([d, porosity, tortuosity, viscosity], 1).astype(np.float32)
    return frozen(inputs), frozen(np.log10(k / (viscosity * 1e-3))), frozen(rng.standard_normal(rows))


@task(
    family="tables",
    loss={"regression": "mse", "classification": "cross_entropy"},
    model="mlp",
    reference="the user's own table",
)
def csv(
    path: str = "",
    target: str = "",
    kind: Literal["auto", "classification", "regression"] = "auto",
    classes: int | None = None,
    held_out: float = 0.2,
    test: float = 0.0,
) -> Task:
    """Your own table: a CSV file with a header, one row a sample. Columns of text become one column for each value.

    Args:
        path: of the file, comma separated, UTF-8.
        target: the column to predict; "" takes the last.
        kind: auto takes a target of text, or of whole numbers with at most 20 different values, for classes.
        classes: the target holds the labels 0 .. classes-1; None numbers its different values in their order.
        held_out: share of the rows that choose the best parameters, in (0, 1), stratified where they have classes.
        test: share that the trained parameters are evaluated on once, in [0, 1).

    Raises:
        PadlError: no file, no rows, a row with too few or too many fields, an empty field, NaN or infinity, a target
            that does not exist or does not suit its kind; it names the column and the row.
    """
    header, table = _read(path)
    target = printable(target) or header[-1]
    if target not in header:
        raise PadlError(f"task.target='{target}' is no column of {path}: it has {_excerpt(header)}")
    columns = {name: _column([row[i] for row in table], name, path) for i, name in enumerate(header)}
    inputs = _features({name: values for name, values in columns.items() if name != target}, path)
    values = columns[target]
    if kind == "regression" and classes is not None:
        raise PadlError(f"task.classes={classes} is for classification, and task.kind=regression: leave one out")
    if kind == "auto":
        kind = "classification" if classes or _looks_like_classes(values) else "regression"
    if kind == "regression":
        if values.dtype.kind == "U":
            raise PadlError(f"{path}: column '{target}' holds text: task.kind=classification, or another task.target")
        return regression(inputs, values, holdout=Holdout(held_out, test), where=path, synthetic=False)
    names, labels = _classes(values, classes, target, path)
    return classification(
        inputs, labels, len(names), holdout=Holdout(held_out, test), where=path, synthetic=False, names=names
    )


def _read(path: str) -> tuple[list[str], list[list[str]]]:
    """The header and the rows, every row as long as the header."""
    if not path:
        raise PadlError("task 'csv' needs a table: task.path=FILE.csv, and task.target=COLUMN unless it is the last")
    try:
        text = files.read(os.path.expanduser(path), LARGEST_TABLE).decode("utf-8-sig")
        reader = csv_module.reader(io.StringIO(text, newline=""), strict=True)
        header = [printable(name.strip()) for name in next(reader, [])]
        if len(header) == 1 and ";" in header[0]:
            raise PadlError(f"{path}: its fields are separated by semicolons: save it with commas")
        table = []
        for row in reader:
            if row and len(row) != len(header):
                raise PadlError(f"{path}, line {reader.line_num}: {len(row)} fields where the header has {len(header)}")
            if row:
                table.append([field.strip() for field in row])
    except (OSError, UnicodeDecodeError, csv_module.Error) as error:
        why = getattr(error, "strerror", None) or error
        raise PadlError(f"task.path={path!r} cannot be read as CSV: {why}") from error
    if len(header) < 2 or len(set(header)) < len(header):
        raise PadlError(f"{path}: the first line must name two or more columns, each once; it has: {_excerpt(header)}")
    if not table:
        raise PadlError(f"{path}: no rows below the header")
    return header, table


def _excerpt(words: list[str]) -> str:
    """The words, so many of them as say what kind of file it is."""
    text = ", ".join(words)
    return text if len(text) <= EXCERPT else f"{text[:EXCERPT]} …"


def _column(fields: list[str], name: str, path: str) -> np.ndarray:
    """Numbers as float64, or text; an empty field, NaN and infinity raise."""
    if "" in fields:
        raise PadlError(
            f"{path}: empty field in column '{name}', row {fields.index('') + 1}: fill it or remove the row"
        )
    words = [i for i, field in enumerate(fields) if not _is_number(field)]
    if words and len(words) < len(fields) / 2:
        first = words[0]
        raise PadlError(
            f"{path}: '{_excerpt([printable(fields[first])])}' in column '{name}', row {first + 1}, is no number,"
            " as most there are"
        )
    if words:
        return np.array(fields)
    numbers = np.array([float(field) for field in fields])
    check_finite(numbers[:, None], [name], path)
    check_resolution(numbers[:, None], [name], path)
    return numbers


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _features(columns: dict[str, np.ndarray], path: str) -> np.ndarray:
    """(rows, features) float32: numbers as they are, text as one column of 0 and 1 for each value."""
    for name, values in columns.items():
        different = len(np.unique(values))
        if values.dtype.kind == "U" and different > max(20, len(values) / 2):
            raise PadlError(f"{path}: column '{name}' holds {different} different texts: a name, no feature; remove it")
    parts = [v[:, None] if v.dtype.kind == "f" else v[:, None] == np.unique(v)[None] for v in columns.values()]
    return np.concatenate(parts, axis=1).astype(np.float32)


def _looks_like_classes(values: np.ndarray) -> bool:
    return values.dtype.kind == "U" or (len(np.unique(values)) <= 20 and bool((values == np.floor(values)).all()))


def _classes(values: np.ndarray, classes: int | None, target: str, path: str) -> tuple[list[str], np.ndarray]:
    """The names of the classes, and the label of every row."""
    if classes is None:
        different, labels = np.unique(values, return_inverse=True)
        if len(different) < 2 or (values.dtype.kind == "f" and len(different) > max(20, len(values) // 2)):
            raise PadlError(
                f"{path}: column '{target}' has {len(different)} different values: no classes to tell apart"
            )
        return [f"{v:g}" if values.dtype.kind == "f" else str(v) for v in different], labels
    if values.dtype.kind == "U" or (values != np.floor(values)).any():
        raise PadlError(
            f"{path}: task.classes={classes} wants whole numbers in column '{target}': leave it out for text"
        )
    return [str(c) for c in range(classes)], values.astype(np.int64)
