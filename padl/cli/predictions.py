"""Write predictions as a table, and say in a few lines what they come to. csv_of, lines."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from padl.app.predicting import Predictions
from padl.cli.formatting import short
from padl.runs.csv_table import csv_text

MOST_CLASSES = 10  # whose counts are told


def csv_of(found: Predictions) -> str:
    """Return the text of a CSV file, with a line for each row: numbers in the digits of float32, dates by ISO 8601."""
    return csv_text(list(found.columns), zip(*found.columns.values(), strict=True), _cell)


def lines(found: Predictions) -> list[str]:
    """Say how many rows there are, what is predicted of them, and how right that is."""
    rows = len(next(iter(found.columns.values())))
    counted = f"{rows:,} row{'s' if rows > 1 else ''}"
    told = [f"{counted}: {_told(target, found.predicted(target['name']))}" for target in found.targets]
    metrics = ", ".join(f"{name} {short(value, 5)}" for name, value in found.measured.items())
    return [*told, *([f"on these rows, whose targets are known: {metrics}"] if metrics else [])]


def _told(target: Mapping[str, Any], predicted: np.ndarray) -> str:
    if target["kind"] == "category":
        counts = Counter(predicted.tolist()).most_common()
        more = f" and {len(counts) - MOST_CLASSES} more classes" if len(counts) > MOST_CLASSES else ""
        return ", ".join(f"{name} {count:,}" for name, count in counts[:MOST_CLASSES]) + more
    if target["kind"] == "date":
        return f"{target['name']} from {predicted.min()} to {predicted.max()}"
    unit = f" {target['unit']}" if target["unit"] else ""
    low, mean, high = (short(float(x), 5) for x in (predicted.min(), predicted.mean(), predicted.max()))
    return f"{target['name']} {mean}{unit} in the mean, {low} to {high}"


def _cell(value: Any) -> str:
    return "" if isinstance(value, np.datetime64) and np.isnat(value) else str(value)
