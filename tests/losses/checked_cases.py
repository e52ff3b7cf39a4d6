"""The cases as checks see them: what a program computes is shared by all tests of a case."""

from functools import cache

from cases import CASES

from padl.app import names
from padl.conformance.checked_loss import CheckedLoss


@cache
def subject(name: str) -> CheckedLoss:
    """By the name of a case."""
    case = CASES[name]
    entry = names.find("loss", case.name)
    return CheckedLoss(entry, "import padl", f"padl.loss({case.name!r}", case.hyperparameters, case.arguments)
