"""PADL's own optimizers, and those in plugins/, keep what `padl check` promises of them.

All checks of an optimizer share its programs, so that they are one test. Those that compile programs of their own are
left to `python scripts/check_house.py`, which makes all of them.
"""

import pytest

import padl
from padl.app.checked_things import checked_entry
from padl.conformance.suite import checks_for, run_checks
from padl.registry import optimizer

ELSEWHERE = {  # more programs each; the values are what else holds it here
    "members": "test_optimizer_contract: vmap takes many",
    "sharded": "tests/engine",
    "rate_schedule": "test_learning_rate",
    "names_of_arrays": "",
    "checkpoint": "tests/engine/test_snapshot",
    "layout": "test_matrixwise",
    "stack": "test_matrixwise",
    **dict.fromkeys(("zero_gradients", "zero_parameters", "extreme_gradients", "spike", "nan_gradient"), ""),
    "deterministic": "",
}
CHECKS = [check for check in checks_for("optimizer") if check.name not in ELSEWHERE]


@pytest.mark.parametrize("name", padl.names("optimizer"))
def test_an_optimizer_keeps_what_checks_promise(name):
    failures = [o for o in run_checks(checked_entry(optimizer.get(name)), CHECKS) if o.status in ("fail", "not run")]
    assert not failures, "\n".join(f"{o.check.name}: {o.reason}\n{o.case}" for o in failures)


def test_what_is_left_to_the_script_is_there():
    assert ELSEWHERE.keys() <= {check.name for check in checks_for("optimizer")}
