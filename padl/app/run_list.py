"""List the runs and sweeps below a folder: `padl runs`, `padl.list_runs`. Filters, sorting, RunList.

Nothing here imports JAX: a list of hundreds of runs is there at once.
"""

import fnmatch
import json
import operator
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from padl.app.frames import data_frame
from padl.errors import PadlError, near
from padl.nested import flattened, with_equal_keys
from padl.readable import Card, Readable, number
from padl.runs.overview import COLUMNS, Row, find, row_of

FILTER = re.compile(r"([\w./-]+?)\s*(!=|>=|<=|=|<|>)(.*)", re.DOTALL)
ORDERINGS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge,
}  # fmt: skip
BRIEF = ("name", "differs", "status", "steps", "metric", "best")  # columns of a card


@dataclass(frozen=True, repr=False)
class RunList(Readable):
    """Runs and sweeps as a table. It shows the first of them.

    Attributes:
        found: a `padl.runs.overview.Row` for each. folder: that was looked through.
    """

    found: list[Row]
    folder: Path

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A dict for each: the columns of `padl runs`, then "kind", "problem", the metrics, and every key of its
        configuration, as "optimizer.learning_rate"; None where one has not what another has."""
        every = [_flat(row) for row in self.found]
        return with_equal_keys(every)

    def card(self) -> Card:
        """Say which runs there are."""
        rows = [[_brief(row, name) for name in BRIEF] for row in self.found]
        problems = [f"{row.values['name']}: {row.problem}" for row in self.found if row.problem]
        return Card(f"{len(rows):,} runs and sweeps in {self.folder}", {}, BRIEF if rows else (), rows, problems)

    def to_frame(self) -> Any:
        """Make a `pandas.DataFrame` of the rows; PadlError without pandas."""
        return data_frame(self.rows)


def list_runs(
    folder: str | Path = "runs",
    *,
    filter: str | Sequence[str] = (),
    sort: str = "-when",
    limit: int | None = None,
    members: bool = False,
) -> RunList:
    """List the runs and sweeps below a folder, as `padl runs` does.

    Args:
        folder: that runs were made in; one of a sweep lists its members.
        filter: "KEY=VALUE", or several: each must hold. KEY is a column, a metric as "best/loss", or a key of the
            configuration, whose last word is enough where that is clear. = and != take patterns as "ada*"; < > <= >=
            compare.
        sort: a key likewise, descending with a - before it. limit: at most so many rows, of the sorted.
        members: whether members of sweeps are listed too.

    Raises:
        PadlError: no such folder; a filter or a key that no run has.

    >>> list_runs("runs", filter=["optimizer=adam", "best>0.9"], sort="-best").rows
    [...]
    """
    root = Path(os.path.expanduser(folder))  # ~stranger stays as it is
    if not root.is_dir():
        what = "is no folder" if root.exists() else "is not there"
        raise PadlError(f"{folder} {what}: padl runs takes a folder that runs were made in, runs/ where none is given")
    if limit is not None and limit < 1:
        raise PadlError(f"limit={limit} must be 1 or more")
    rows = [row for path, kind in find(root, members) if (row := row_of(path, kind, root)) is not None]
    table = [(row, _flat(row)) for row in rows]
    names = list(dict.fromkeys(name for _, flat in table for name in flat))
    for each in [_filter(text) for text in ([filter] if isinstance(filter, str) else filter)] if rows else []:
        key = _full_name(each.key, names)
        table = [(row, flat) for row, flat in table if each.holds(flat.get(key))]
    return RunList([row for row, _ in _sorted(table, names, sort)][:limit], root)


class Filter(NamedTuple):
    """What must hold of a value: `sign` is one of = != < > <= >=."""

    key: str
    sign: str
    value: str

    def holds(self, value: Any) -> bool:
        """Tell whether it holds; of a value that is not there only != does."""
        if value is None and self.value != "null":
            return self.sign == "!="
        numbers = _number(value), _number(self.value)
        if self.sign in ORDERINGS:
            pair = (str(value), self.value) if None in numbers else numbers
            return isinstance(value, str) == (None in numbers) and ORDERINGS[self.sign](*pair)
        equal = numbers[0] == numbers[1] if None not in numbers else fnmatch.fnmatchcase(_word(value), self.value)
        return equal == (self.sign == "=")


def _filter(text: str) -> Filter:
    match = FILTER.fullmatch(text.strip())
    if not match:
        raise PadlError(f"'{text}' filters nothing: KEY=VALUE, or with != < > <= >=, as optimizer=ada* or 'best>0.9'")
    return Filter(match[1], match[2], match[3].strip())


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _word(value: Any) -> str:
    """A value as it is typed: true, null, [64,64]."""
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), default=str)


def _flat(row: Row) -> dict[str, Any]:
    config = flattened(row.config)
    names = {kind: config.get(f"{kind}.name") for kind in ("loss", "schedule") if f"{kind}.name" in config}
    about = {"kind": row.kind, "folder": str(row.folder), "problem": row.problem or None}
    of_config = {key: value for key, value in config.items() if key not in row.values}
    return {**row.values, **names, **row.metrics, **about, **of_config}


def _full_name(key: str, names: Sequence[str]) -> str:
    """`optimizer.learning_rate` for `learning_rate`; PadlError for a key that no run has, or a last word of several."""
    ending = [name for name in names if name.rpartition(".")[2] == key]
    if key in names or key in COLUMNS:
        return key
    if len(ending) == 1:
        return ending[0]
    if ending:
        raise PadlError(f"'{key}' may be {' or '.join(ending)}: say which")
    advice = near(key, names) or f" (columns: {', '.join(COLUMNS)}; keys as in config.yaml)"
    raise PadlError(f"no run here has '{key}'{advice}")


Table = list[tuple[Row, dict[str, Any]]]  # rows, each with all that it may be sorted by


def _sorted(table: Table, names: Sequence[str], sort: str) -> Table:
    """Put rows in the order of a key: numbers before texts, and what has no value last."""
    key, descends = _full_name(sort.removeprefix("-"), names) if table else "", sort.startswith("-")

    def order(item: tuple[Row, dict[str, Any]]) -> tuple[bool, float, str]:
        value = item[1][key]
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return not is_number, float(value) if is_number else 0.0, "" if is_number else _word(value)

    with_value = [item for item in table if item[1].get(key) is not None]
    return sorted(with_value, key=order, reverse=descends) + [item for item in table if item[1].get(key) is None]


def _brief(row: Row, name: str) -> str:
    return number(row.values.get(name))
