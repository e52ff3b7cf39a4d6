"""All checks, by what they are for: one generator, for PADL's own tests and for strangers. checks_for, run_checks."""

from collections.abc import Iterable, Iterator
from typing import Any

from padl.conformance import (
    optimizer_companions,
    optimizer_descent,
    optimizer_edges,
    optimizer_forms,
    optimizer_laws,
    optimizer_layouts,
    optimizer_programs,
)
from padl.conformance.checks import Check, Failure, Outcome, outcome_of
from padl.errors import near
from padl.types import KINDS, Kind

MODULES = (
    *(optimizer_programs, optimizer_forms, optimizer_companions, optimizer_descent, optimizer_edges, optimizer_laws),
    optimizer_layouts,
)
CHECKS: tuple[Check, ...] = tuple(
    value for module in MODULES for value in vars(module).values() if isinstance(value, Check)
)


def exemptions(subject: Any) -> None:
    """The checks that its decorator exempts it from are checks there are."""
    named = [each.name for each in CHECKS]
    unknown = next((name for name in subject.traits.get("exempt", {}) if name not in named), None)
    if unknown is not None:
        raise Failure(f"no check '{unknown}'{near(unknown, named)} ('padl check --list' shows all)")


CHECKS += tuple(Check(kind, "load", exemptions) for kind in KINDS)


def checks_for(kind: Kind, only: Iterable[str] = (), slow: bool = False) -> list[Check]:
    """List the checks of a kind.

    Args:
        only: names of checks or of groups; all where it is empty. slow: whether slow ones are among them.
    """
    wanted = set(only)
    named = lambda check: not wanted or check.name in wanted or check.group in wanted  # noqa: E731
    return [
        each for each in CHECKS if each.kind == kind and named(each) and (slow or not each.slow or each.name in wanted)
    ]


def run_checks(subject: Any, checks: Iterable[Check]) -> Iterator[Outcome]:
    """Put something through checks, and give the outcome of each as it is known."""
    for each in checks:
        yield outcome_of(each, subject, subject.traits.get("exempt", {}))
