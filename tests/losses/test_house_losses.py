"""Every loss of PADL keeps what `padl.conformance` checks of anyone's, at each of the cases."""

import pytest
from cases import CASES
from checked_cases import subject

from padl.conformance.checks import outcome_of
from padl.conformance.suite import checks_for

FIRST = {case.name: name for name, case in reversed(CASES.items())}
ROWS = [
    pytest.param(name, each, id=f"{name}-{each.name}")
    for name, case in CASES.items()
    for each in checks_for("loss")
    if each.name != "elicits" or FIRST[case.name] == name  # which is looked at with the defaults
]


@pytest.mark.parametrize(("name", "check"), ROWS)
def test_a_loss_keeps_its_promise(name, check):
    found = outcome_of(check, subject(name), subject(name).traits.get("exempt", {}))
    assert found.status in ("pass", "not for it", "exempt"), f"{found.reason}\n{found.case}"
