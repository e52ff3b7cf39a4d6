"""Each check of optimizers finds the one with the mistake that it is for, and shows it in lines that run."""

import jax
import pytest
from broken_optimizers import BROKEN, optimizer

from padl.app.checking import checked_entry
from padl.conformance.checks import outcome_of
from padl.conformance.suite import checks_for

CHECKS = {check.name: check for check in checks_for("optimizer", slow=True)}


def test_every_check_has_an_optimizer_that_it_finds():
    assert CHECKS.keys() - BROKEN.keys() == set()


@pytest.mark.parametrize("name", BROKEN)
def test_a_check_finds_the_optimizer_with_its_mistake(name):
    if name == "sharded" and jax.device_count() < 4:
        pytest.skip("needs four devices")
    subject = checked_entry(optimizer.get(BROKEN[name]))
    outcome = outcome_of(CHECKS[name], subject, {})
    assert outcome.status == "fail", outcome
    print(f"{name:20} {outcome.reason}")
    assert outcome.reason
