"""Say in one line what was read of a table. line, of_classes, of_numbers."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

MOST_CLASSES = 6  # whose shares are listed


def line(rows: int, description: Mapping[str, Any], targets: str, where: str) -> str:
    """Say how many rows there are, what the columns are, and what is predicted."""
    kinds = [column["kind"] for column in description["columns"]]
    plural = {"number": "numbers", "category": "categories", "date": "dates"}
    counts = [f"{n} {kind if n == 1 else plural[kind]}" for kind in plural if (n := kinds.count(kind))]
    dropped = description["dropped"]
    left_out = [f"{len(dropped)} dropped ({', '.join(dropped)})"] if dropped else []
    spread = f" as {len(description['inputs'])} inputs" if len(description["inputs"]) != len(kinds) else ""
    return f"{os.path.basename(where)}: {rows:,} rows; {', '.join([*counts, *left_out])}{spread}; {targets}"


def of_classes(name: str, names: Sequence[str], labels: np.ndarray) -> tuple[str, dict[str, Any]]:
    """Say what the classes of a target are, and what the commonest as a constant guess reaches; the same as data."""
    counts = np.bincount(labels, minlength=len(names)).tolist()
    order = sorted(range(len(names)), key=lambda i: -counts[i])
    listed = ", ".join(f"{names[i]} {100 * counts[i] / len(labels):.3g} %" for i in order[:MOST_CLASSES])
    more = f" and {len(names) - MOST_CLASSES} more" if len(names) > MOST_CLASSES else ""
    best = max(counts) / len(labels)
    said = f"target '{name}': {len(names)} classes, {listed}{more}; a constant guess reaches an accuracy of {best:.3g}"
    return said, {
        "kind": "classes",
        "rows": dict(zip(names, counts, strict=True)),
        "constant_guess": {"accuracy": best},
    }


def of_numbers(names: Sequence[str], values: np.ndarray) -> tuple[str, dict[str, Any]]:
    """Say how targets (n, targets) are spread, and what their means as a constant guess reach; the same as data."""
    guesses = dict(zip(names, map(float, values.std(0)), strict=True))
    spans = zip(names, values.min(0), values.max(0), strict=True)
    each = [
        f"'{n}', a number, {low:g} to {high:g}: a constant guess reaches an rmse of {guesses[n]:.4g}"
        for n, low, high in spans
    ]
    return f"target {'; '.join(each)}", {"kind": "numbers", "constant_guess": {"rmse": guesses}}
