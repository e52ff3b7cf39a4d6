"""Say which parameter has which optimizer, where groups or roles decide it.

parameter_rows, parameter_lines, files_of.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from padl.app.companions import idle_line, idle_wraps
from padl.app.composed_optimizer import REST, owners
from padl.app.composition import GROUPS
from padl.app.run_spec import RunSpec
from padl.coercion import written
from padl.roles import RoleRow, roles_line
from padl.tasks.parameter_roles import parameter_table

MOST = 4  # parameters of a group that a line names
PARAMETERS = "parameters.json"
SHOWN = ("learning_rate", "weight_decay")  # hyperparameters that differ most often from group to group


def parameter_rows(spec: RunSpec) -> dict[str, dict[str, Any]]:
    """Return {path: shape, role, group, optimizer and its hyperparameters}; {} where neither groups nor roles decide.

    Raises:
        PadlError: a group that is no role and matches no parameter.
    """
    if not spec.experiment.optimizer.wants_roles:
        return {}
    table, of = _table(spec)
    return {
        row.path: {"shape": list(row.shape), "role": row.role, "axes": _axes(row), **_optimizer(spec, of[row.path])}
        for row in table
    }


def parameter_lines(spec: RunSpec) -> list[str]:
    """Return a line for each group, for the roles that were inferred, and for an optimizer or a wrapper for
    some roles that has none of the parameters; [] where neither groups nor roles decide anything."""
    if not spec.experiment.optimizer.wants_roles:
        return []
    table, of = _table(spec)
    optimizer = spec.parts["optimizer"]
    groups = optimizer.config.get(GROUPS, {})
    members = {group: [row for row in table if of[row.path] == group] for group in (*groups, REST)}
    lines = [_line(spec, group, rows) for group, rows in members.items()] if groups else []
    idle = idle_line(optimizer.entry, optimizer.config, members[REST])
    return [*lines, *filter(None, (idle, *idle_wraps(optimizer.config, table), roles_line(table)))]


def files_of(spec: RunSpec) -> dict[str, Any]:
    """Return what a run folder has beside its config.yaml, {file name: content}, with parameters.json where there are
    rows for it."""
    rows = parameter_rows(spec)
    return {**spec.files, **({PARAMETERS: rows} if rows else {})}


def _table(spec: RunSpec) -> tuple[list[RoleRow], Mapping[str, str]]:
    """The rows of all parameters, and the group of each."""
    table = parameter_table(spec.experiment.objective, spec.hparams)
    return table, owners([*spec.parts["optimizer"].config.get(GROUPS, {})], table)


def _axes(row: RoleRow) -> dict[str, list[int] | int]:
    named = {name: list(getattr(row, name)) for name in ("inputs", "outputs", "stacked") if getattr(row, name)}
    return {**named, **({"parts": row.parts} if row.parts > 1 else {})}


def _optimizer(spec: RunSpec, group: str) -> dict[str, Any]:
    """The group of a parameter, and the optimizer that it has there."""
    config = spec.parts["optimizer"].config
    own = config if group == REST else config[GROUPS][group]
    numbers = {key: value for key, value in own.items() if key not in ("name", "wrap", GROUPS)}
    return {"group": group, "optimizer": own["name"], "hyperparameters": numbers}


def _line(spec: RunSpec, group: str, rows: Iterable[RoleRow]) -> str:
    """`optimizer of bias (2 parameters: a.bias, b.bias): adamw learning_rate=0.1 weight_decay=0`."""
    paths, told = [row.path for row in rows], _optimizer(spec, group)
    named = ", ".join(paths[:MOST]) + (f" and {len(paths) - MOST} more" if len(paths) > MOST else "")
    count = f"{len(paths)} parameter{'' if len(paths) == 1 else 's'}{': ' if paths else ''}{named}"
    numbers = [f"{key}={written(told['hyperparameters'][key])}" for key in SHOWN if key in told["hyperparameters"]]
    return f"optimizer of {group} ({count}): {' '.join([told['optimizer'], *numbers])}"
