"""All checks, by what they are for: one generator, for PADL's own tests and for strangers. checks_for, run_checks."""

from collections.abc import Iterable, Iterator
from typing import Any

from padl.conformance import (
    loss_checks,
    loss_mathematics,
    loss_propriety,
    loss_refusals,
    model_checks,
    optimizer_companions,
    optimizer_descent,
    optimizer_edges,
    optimizer_forms,
    optimizer_laws,
    optimizer_layouts,
    optimizer_programs,
    optimizer_words,
    schedule_checks,
    task_checks,
)
from padl.conformance.checks import Check, Outcome, outcome_of
from padl.types import Kind

MODULES = (
    optimizer_programs,
    optimizer_forms,
    optimizer_companions,
    optimizer_descent,
    optimizer_edges,
    optimizer_words,
    optimizer_laws,
    optimizer_layouts,
    loss_checks,
    loss_mathematics,
    loss_propriety,
    loss_refusals,
    model_checks,
    schedule_checks,
    task_checks,
)
CHECKS: tuple[Check, ...] = tuple(
    value for module in MODULES for value in vars(module).values() if isinstance(value, Check)
)


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
        yield outcome_of(each, subject, subject.traits.get("exempt", {}))._replace(label=subject.label)
