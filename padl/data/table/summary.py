"""Say in one line what was read of a table. line, constant_guess."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from padl.types import short

MOST_CLASSES = 6  # whose shares are listed


def line(rows: int, description: Mapping[str, Any], targets: str, where: str) -> str:
    """Say how many rows there are, what the columns are, and what is predicted."""
    kinds = [column["kind"] for column in description["columns"]]
    plural = {"number": "numbers", "category": "categories", "date": "dates"}
    counts = [f"{n} {kind if n == 1 else plural[kind]}" for kind in plural if (n := kinds.count(kind))]
    dropped = description["dropped"]
    left_out = [f"{len(dropped)} dropped ({', '.join(dropped)})"] if dropped else []
    spread = f" as {len(description['inputs'])} inputs" if len(description["inputs"]) != len(kinds) else ""
    return f"{where}: {rows:,} rows; {', '.join([*counts, *left_out])}{spread}; {targets}"


def of_classes(name: str, names: list[str], labels: np.ndarray) -> tuple[str, dict[str, Any]]:
    """Say what the classes of a target are, and what the commonest as a constant guess reaches; the same as data."""
    counts = np.bincount(labels, minlength=len(names))
    shares = {name: count / len(labels) for name, count in zip(names, counts.tolist(), strict=True)}
    listed = sorted(shares, key=lambda name: -shares[name])[:MOST_CLASSES]
    more = f" and {len(names) - len(listed)} more" if len(listed) < len(names) else ""
    text = ", ".join(f"{name} {100 * shares[name]:.3g} %" for name in listed)
    best = max(shares.values())
    said = f"target '{name}': {len(names)} classes, {text}{more}; a constant guess reaches an accuracy of {best:.3g}"
    return said, {"rows_of_classes": dict(zip(names, counts.tolist(), strict=True)), "constant_guess": {"accuracy": best}}


def of_numbers(targets: Mapping[str, np.ndarray]) -> tuple[str, dict[str, Any]]:
    """Say how targets that are numbers are spread, and what their mean as a constant guess reaches; the same as data."""
    parts, guesses = [], {}
    for name, values in targets.items():
        guesses[name] = float(values.std())
        ends = f"{short(float(values.min()))} to {short(float(values.max()))}"
        parts.append(f"'{name}': a number, {ends}; its mean as a constant guess reaches an rmse of {guesses[name]:.4g}")
    return f"target {'; '.join(parts)}", {"constant_guess": {"rmse": guesses}}
