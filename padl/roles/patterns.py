"""Which parameters a word of a user's means: a role, or a shell pattern over dotted paths. matches, cover."""

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from padl.errors import PadlError, near
from padl.roles.role import ROLES, Role
from padl.roles.table import RoleRow

MOST = 20  # paths that an error lists


def matches(pattern: str, path: str, role: Role) -> bool:
    """Tell whether a parameter is meant by a pattern.

    A pattern that is the name of a role means that role, also where a module or a parameter is called so: `bias` means
    all biases, and `*bias` or `bias.*` those of a path. Any other is a shell pattern over the whole dotted path, in
    which `*` passes over dots too: `blocks.*.kernel`.
    """
    return role == pattern if pattern in ROLES else fnmatchcase(path, pattern)


def cover(patterns: Iterable[str], table: Sequence[RoleRow], required: bool = True) -> dict[str, tuple[str, ...]]:
    """Give each parameter to the pattern that means it: {pattern: paths}, both in the order that they are given in.

    Where several mean one parameter, the closest has it, in whatever order they are given: a whole path before a shell
    pattern, that before a role, and `*` last. A role that no parameter has is given none.

    Args:
        required: each parameter must be meant by a pattern; without it those that are not are left out.

    Raises:
        PadlError: a pattern is no role and no path matches it, two shell patterns mean one parameter, or one that is
            required is not meant by any.
    """
    given = list(dict.fromkeys(patterns))
    for pattern in given:
        if pattern not in ROLES and not any(matches(pattern, row.path, row.role) for row in table):
            paths = [row.path for row in table]
            raise PadlError(
                f"'{pattern}' is no role and matches no parameter{near(pattern, [*ROLES, *paths])} (roles: "
                f"{', '.join(ROLES)}; parameters: {_listed(paths)})"
            )
    owners = {row.path: _owner(row, given) for row in table}
    left = [path for path, owner in owners.items() if owner is None]
    if required and left:
        of = f"'{left[0]}', of role '{next(row.role for row in table if row.path == left[0])}'"
        more = f" (nor {_listed(left[1:])})" if left[1:] else ""
        raise PadlError(f"no pattern covers {of}{more}: name it, its role, or '*' for all that is left")
    return {pattern: tuple(path for path, owner in owners.items() if owner == pattern) for pattern in given}


def _owner(row: RoleRow, patterns: Sequence[str]) -> str | None:
    """The closest pattern that means a parameter; None where none does."""
    meant = [pattern for pattern in patterns if matches(pattern, row.path, row.role)]
    if not meant:
        return None
    closest = min(_distance(pattern, row.path) for pattern in meant)
    found = [pattern for pattern in meant if _distance(pattern, row.path) == closest]
    if len(found) > 1:
        raise PadlError(f"'{found[0]}' and '{found[1]}' both match {row.path}: leave one out, or write its whole path")
    return found[0]


def _distance(pattern: str, path: str) -> int:
    if pattern in ROLES:
        return 2
    return 0 if pattern == path else 3 if pattern == "*" else 1


def _listed(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - MOST} more" if len(paths) > MOST else ""
    return ", ".join(paths[:MOST]) + more
