"""Every check of losses, models, tasks and schedules catches the mistake it is for, and no other check does."""

import contextlib
import io

import broken_losses
import broken_models
import broken_schedules
import broken_tasks
import jax
import pytest
from broken import Broken, item

from padl.conformance.checked_item import CheckedItem
from padl.conformance.checked_loss import CheckedLoss
from padl.conformance.checked_model import CheckedModel
from padl.conformance.checked_task import CheckedTask
from padl.conformance.suite import checks_for, run_checks
from padl.types import Kind

KINDS: dict[Kind, tuple[type[CheckedItem], dict[str, Broken], dict[str, Broken]]] = {
    "loss": (CheckedLoss, broken_losses.BROKEN, broken_losses.WIDE),
    "model": (CheckedModel, broken_models.BROKEN, broken_models.WIDE),
    "task": (CheckedTask, broken_tasks.BROKEN, broken_tasks.WIDE),
    "schedule": (CheckedItem, broken_schedules.BROKEN, broken_schedules.WIDE),
}
ROWS = [(kind, name) for kind, (_, broken, _) in KINDS.items() for name in broken]
WIDE = [(kind, name) for kind, (_, _, wide) in KINDS.items() for name in wide]


def outcomes(kind, broken, only=()):
    return list(run_checks(item(kind, KINDS[kind][0], broken), checks_for(kind, only)))


def runs(code):
    """Run a case, as somebody does who was given it."""
    try:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile(code, "case", "exec"), {})
    finally:
        jax.config.update("jax_enable_x64", False)  # which a case may turn on
    return printed.getvalue()


@pytest.mark.parametrize("kind", KINDS)
def test_every_check_has_something_broken_that_it_is_for(kind):
    assert {each.name for each in checks_for(kind)} == KINDS[kind][1].keys()


@pytest.mark.parametrize(("kind", "name"), ROWS)
def test_a_mistake_is_caught_by_its_check_and_by_no_other_and_the_case_runs(kind, name):
    broken = KINDS[kind][1][name]
    failed = {each.check.name: each for each in outcomes(kind, broken) if each.status == "fail"}
    assert failed.keys() == {name, *broken.also}
    assert failed[name].reason
    assert runs(failed[name].case)


@pytest.mark.parametrize(("kind", "name"), WIDE)
def test_a_mistake_that_few_checks_survive_is_named_by_its_own(kind, name):
    (found,) = outcomes(kind, KINDS[kind][2][name], [name])
    assert found.status == "fail"
    assert "in Python" in found.reason
    assert runs(found.case)
