"""Make an optimizer with wrappers around it and groups of its own, of functions and numbers. Composed, owners.

composition.py makes one of a configuration, and checks it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from optax import GradientTransformation

from padl.nested import without
from padl.optimizers.groups import OptimizerGroup, grouped
from padl.optimizers.units import by_path, known_roles
from padl.registry import StaticPartial
from padl.roles import ParameterRole, RoleRow, cover, roles_table
from padl.types import LearningRate, PyTree

INNER = "inner"  # the argument of a wrapper that takes what is wrapped
SCHEDULE = "schedule"  # key of a group beside its hyperparameters
REST = "rest"  # the group of what is in none


class GroupChoice(NamedTuple):
    """What chooses the program of one group.

    Attributes:
        optimizer: makes it. schedule: of its own; None has the run's. every: as of `OptimizerGroup`.
    """

    optimizer: StaticPartial
    schedule: StaticPartial | None
    every: int


@dataclass(frozen=True)
class Composed(StaticPartial):
    """What makes an optimizer with its groups and wrappers, of their traced scalars.

    Attributes:
        groups: by pattern; what is in none has the optimizer itself. wraps: by name, the first innermost.
    """

    groups: tuple[tuple[str, GroupChoice], ...] = ()
    wraps: tuple[tuple[str, StaticPartial], ...] = ()

    @property
    def wants_roles(self) -> bool:
        """Whether it is to be given the roles of the parameters."""
        parts = [super(), *(group.optimizer for _, group in self.groups), *(wrap for _, wrap in self.wraps)]
        return bool(self.groups) or any(part.wants_roles for part in parts)

    def __call__(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        *,
        wrap: Mapping[str, Any] | None = None,
        groups: Mapping[str, Any] | None = None,
        roles: Any = None,
        **scalars: Any,
    ) -> GradientTransformation:
        """Make the optimizer.

        Args:
            wrap, groups: the traced scalars of each. roles: {path: role} of the parameters; None infers them.
        """
        made = super().__call__(roles=roles, **scalars)
        if self.groups:
            of = {pattern: _group(choice, roles, (groups or {})[pattern]) for pattern, choice in self.groups}
            made = grouped({**of, REST: OptimizerGroup(made)}, partial(_assign, [*of], roles))
        for name, choice in self.wraps:
            made = choice(roles=roles, **{INNER: made, **(wrap or {}).get(name, {})})
        return made


def owners(patterns: Sequence[str], table: Sequence[RoleRow]) -> dict[str, str]:
    """Return the group of each parameter, {path: pattern}; of those in none `rest`.

    Raises:
        PadlError: as of `padl.roles.cover`.
    """
    covered = cover(patterns, table, required=False)
    return {row.path: REST for row in table} | {path: pattern for pattern, of in covered.items() for path in of}


def _assign(patterns: Sequence[str], roles: Mapping[str, ParameterRole] | None, params: PyTree) -> dict[str, str]:
    """The group of each parameter, where the parameters or their shapes are at hand."""
    arrays, known = by_path(params), known_roles(params, roles)
    return owners(patterns, roles_table(arrays, {path: known[path] for path in arrays}))


def _group(choice: GroupChoice, roles: Any, scalars: Mapping[str, Any]) -> OptimizerGroup:
    numbers = without(scalars, SCHEDULE)
    rate = numbers.get("learning_rate")
    if choice.schedule is not None and isinstance(rate, LearningRate):
        shape = partial(choice.schedule, **scalars[SCHEDULE])
        numbers["learning_rate"] = LearningRate(rate.peak, shape, rate.steps)
    return OptimizerGroup(choice.optimizer(roles=roles, **numbers), choice.every)
