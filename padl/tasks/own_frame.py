"""Make a task of a data frame from Python, by the code that reads tables of files. of_frame."""

import re
from dataclasses import replace
from typing import Any

import numpy as np

from padl.data.table.arrow import arrow
from padl.data.table.frames import from_frame, is_frame
from padl.data.table.source_table import Table
from padl.tasks.table_split import SplitBy
from padl.tasks.table_targets import TargetKind
from padl.tasks.table_task import TableOptions, table_task
from padl.tasks.task import Task
from padl.types import PadlError, one_line

SIMPLE, QUOTED = r"task\.types\.(\w+)=(\w+)", r"""'task\.types="\{(?:\\")?(.+?)(?:\\")?: (\w+)\}"'"""


def of_frame(
    frame: Any,
    targets: Any,
    kind: TargetKind,
    classes: int | None,
    by: SplitBy,
    options: TableOptions,
    title: str,
) -> Task:
    """Make a task of a data frame.

    Args:
        targets: the name of a column, or several in a list or tuple; or the targets themselves, (n,) or a data frame.

    Raises:
        PadlError: what is wrong with the frame, where, and the argument that settles it.
    """
    table = from_frame(frame, title)
    if _is_names(targets):
        names = (targets,) if isinstance(targets, str) else tuple(targets)
    else:
        table, names = _with_targets(table, frame, targets)
    try:
        made = table_task(table, names, kind, classes, by, options, rows=table.rows, title=title)
    except PadlError as error:
        raise PadlError(in_python(str(error))) from error
    said, describe = tuple(map(in_python, made.said)), made.describe
    return replace(made, said=said, describe=lambda split: {**describe(split), "said": list(said)} if describe else {})


def in_python(message: str) -> str:
    """Write the options of the command line that a message names as arguments of Python."""
    message = re.sub(QUOTED, r"types={'\1': '\2'}", re.sub(SIMPLE, r"types={'\1': '\2'}", message))
    message = re.sub(r"""'task\.drop=\["(.+?)"\]'|task\.drop=\[([^\]]*)\]""", r"drop=['\1\2']", message)
    message = re.sub(r"task\.na=\['?(.*?)'?\]", r"na=['\1']", message)
    message = re.sub(r"task\.(decimal|thousands|kind|missing|dates)=([^\s;]+?)(?=[\s;]|, |$)", r"\1='\2'", message)
    return message.replace("task.target", "targets").replace("task.", "")


def _is_names(targets: Any) -> bool:
    if isinstance(targets, str):
        return True
    return isinstance(targets, (list, tuple)) and len(targets) < 100 and all(isinstance(x, str) for x in targets)


def _with_targets(table: Table, frame: Any, targets: Any) -> tuple[Table, tuple[str, ...]]:
    """The table with the targets as its last columns, and their names."""
    beside = from_frame(targets, f"{table.where}: targets") if is_frame(targets) else _column(targets, table.where)
    name = next((name for name in beside.names if name in table.names), None)
    if name is not None:
        raise PadlError(
            f"{table.where}: targets are called '{name}', as a column of the inputs is, which would tell them: give"
            f" targets='{name}' to predict that column, or inputs without it"
        )
    if beside.rows != table.rows:
        raise PadlError(f"{table.where}: {table.rows} inputs and {beside.rows} targets: one for each input is wanted")
    if all(hasattr(x, "iloc") for x in (frame, targets)) and not targets.index.equals(frame.index):
        raise PadlError(f"{table.where}: the inputs and the targets have not one index: are their rows in one order?")
    names, columns = (*table.names, *beside.names), (*table.columns, *beside.columns)
    return table._replace(names=names, columns=columns), beside.names


def _column(targets: Any, where: str) -> Table:
    """Targets (n,) as a table of one column."""
    pa = arrow()
    name = str(name) if (name := getattr(targets, "name", None)) is not None else "target"
    try:
        column = targets.to_arrow() if hasattr(targets, "to_arrow") else pa.array(_plain(targets), from_pandas=True)
    except (pa.ArrowException, TypeError, ValueError, KeyError) as error:
        raise PadlError(f"{where}: the targets are no column ({one_line(error)})") from error
    return Table((name,), (column,), where)


def _plain(targets: Any) -> Any:
    """What Arrow makes a column of."""
    if hasattr(targets, "iloc") or isinstance(targets, (list, tuple)):
        return targets
    array = np.asarray(targets)
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
