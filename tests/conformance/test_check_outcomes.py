"""What comes of a check: passed, failed, exempt; which case is shown; and that every case shown is Python that runs."""

from dataclasses import dataclass, field

import optax
import pytest
from plain_mistakes import MISTAKES

import padl
from padl.conformance.checks import Check, Failure, NotForIt, NotRun, outcome_of


@dataclass
class Stub:
    """Something that is checked: a number, and smaller ones."""

    x: int
    smaller: list["Stub"] = field(default_factory=list)


def promise(stub: Stub) -> None:
    """It is less than 2."""
    if stub.x >= 2:
        raise Failure(f"{stub.x} is not less than 2", f"print({stub.x})")


PROMISE = Check("optimizer", "contract", promise)


def raising(error):
    def check(stub):
        raise error

    return Check("optimizer", "contract", check)


def test_a_promise_that_is_kept_passes_and_one_that_is_not_fails_with_reason_and_case():
    assert outcome_of(PROMISE, Stub(1), {})[1:4] == ("pass", "", "")
    assert outcome_of(PROMISE, Stub(2), {})[1:4] == ("fail", "2 is not less than 2", "print(2)")


def test_what_makes_no_such_promise_and_what_cannot_be_made_here_are_told_apart():
    assert outcome_of(raising(NotForIt("it has no rate")), Stub(1), {})[1:3] == ("not for it", "it has no rate")
    assert outcome_of(raising(NotRun("one device")), Stub(1), {})[1:3] == ("not run", "one device")


def test_whatever_a_rule_raises_is_a_failure_with_its_place():
    status, reason, case = outcome_of(raising(KeyError("nix")), Stub(1), {})[1:4]
    assert (status, case) == ("fail", "")
    assert reason.startswith(f"raises KeyError: 'nix' ({__file__}:")


def test_an_exempt_check_that_fails_says_why_it_may_and_one_that_passes_is_a_failure():
    exempt = {"promise": "numbers are large here"}
    assert outcome_of(PROMISE, Stub(2), exempt)[1:4] == ("exempt", "numbers are large here", "")
    status, reason, _ = outcome_of(PROMISE, Stub(1), exempt)[1:4]
    assert status == "fail"
    assert "passes: take the exemption away" in reason


def test_an_exemption_does_not_reach_what_makes_no_such_promise():
    assert outcome_of(raising(NotForIt("no rate")), Stub(1), {"check": "why"})[1] == "not for it"


def test_the_case_is_of_the_first_smaller_one_that_fails_too():
    small = [Stub(1), Stub(3), Stub(4)]
    assert outcome_of(PROMISE, Stub(9, small), {})[1:4] == ("fail", "9 is not less than 2", "print(3)")
    assert outcome_of(PROMISE, Stub(9, small[:1]), {}).case == "print(9)"


@pytest.mark.parametrize("make", MISTAKES, ids=lambda make: make.__name__)
def test_a_mistake_is_caught_and_every_case_shown_of_it_is_python_that_runs(make):
    failures = padl.check(make, only=[*MISTAKES.values(), "no_params", "extreme_gradients"]).failures
    assert MISTAKES[make] in [each.check.name for each in failures]
    for each in failures:
        assert each.case or "raises" in each.reason
        raised = raised_by(each.case)
        assert not raised or raised in each.reason or "Python branch" in each.reason, each.case


def raised_by(code):
    """The name of the error that some lines of Python end in; "" where they run."""
    try:
        exec(compile(code, "case", "exec"), {})
    except Exception as error:
        return type(error).__name__
    return ""


def test_a_transformation_without_numbers_is_checked_and_one_number_is_no_weak_type():
    found = {each.check.name: each.status for each in padl.check(optax.sgd(0.1), only=["members", "any_tree"])}
    assert found == {"members": "not for it", "any_tree": "pass"}
    assert (
        padl.check(optax.adam, only="any_tree")[0].status == "pass"
    )  # its moments are weak for a weak parameter alone
