"""Each check of optimizers finds the one with the mistake that it is for, and shows it in lines that run."""

import contextlib
import io
from dataclasses import replace

import jax
import pytest
from broken_optimizers import BROKEN, optimizer

from padl.app.checked_things import checked_entry
from padl.conformance.checks import outcome_of
from padl.conformance.suite import checks_for

CHECKS = {check.name: check for check in checks_for("optimizer", slow=True)}
IMPORT = "from broken_optimizers import optimizer"


def subject(name):
    made = checked_entry(optimizer.get(BROKEN[name]))
    return replace(made, code=IMPORT, call=f"optimizer.get({BROKEN[name]!r}).function(")


def test_every_check_has_an_optimizer_that_it_finds():
    assert CHECKS.keys() - BROKEN.keys() == set()


@pytest.mark.parametrize("name", BROKEN)
def test_a_check_finds_the_optimizer_with_its_mistake(name):
    if name == "sharded" and jax.device_count() < 4:
        pytest.skip("needs four devices")
    outcome = outcome_of(CHECKS[name], subject(name), {})
    assert outcome.status == "fail", outcome
    assert outcome.reason
    if outcome.case:
        _run(outcome.case)


def _run(case):
    """Run the lines of a case: they are Python, and what they name is there; the optimizer may raise."""
    program = compile(case, "case", "exec")
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            exec(program, {})
        except (NameError, SyntaxError, ImportError, AttributeError):
            raise
        except Exception:
            return


def test_an_exemption_whose_check_passes_is_a_failure():
    check = CHECKS["state_arrays"]
    outcome = outcome_of(check, subject("descends"), {"state_arrays": "no reason"})
    assert outcome.status == "fail"
    assert "take the exemption away" in outcome.reason
    assert outcome_of(CHECKS["descends"], subject("descends"), {"descends": "it climbs"}).status == "exempt"
