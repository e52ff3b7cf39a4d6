"""What a check is, and what comes of one. Check, check, Outcome, Failure, NotForIt, outcome_of.

A check is a plain function of what is checked: it returns where the promise in its first line is kept, and raises
`Failure` where it is not. `suite.py` has all of them.
"""

import re
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from padl.origins import HERE
from padl.types import Kind, one_line

Group = Literal["load", "contract", "behaviour"]
ELSEWHERE = re.compile("site-packages|^<")  # files that are libraries', or none
RUNS = "runs"  # the check without which no other can be made
Status = Literal["pass", "fail", "exempt", "not for it", "not run"]


class Failure(AssertionError):
    """A promise that is not kept: why, and the smallest case as lines of Python that run."""

    def __init__(self, reason: str, case: str = ""):
        super().__init__(reason)
        self.reason, self.case = reason, case


class NotForIt(Exception):
    """What is checked makes no such promise: why."""


class NotRun(Exception):
    """A check that could not be made: why. Another check fails for it, or the machine has not what it takes."""


@dataclass(frozen=True)
class Check:
    """One promise.

    Attributes:
        kind: of what is checked. group: "load" looks at signatures only, "contract" at what others build on,
            "behaviour" at what it does to parameters. function: (what is checked) -> None; raises `Failure`, `NotForIt`
            or `NotRun`. slow: whether it is left out unless it is asked for.
    """

    kind: Kind
    group: Group
    function: Callable[[Any], None]
    slow: bool = False

    @property
    def name(self) -> str:
        """As it is typed: update_dtype."""
        return self.function.__name__

    @property
    def promise(self) -> str:
        """What is kept where it passes: one line."""
        return (self.function.__doc__ or "").partition("\n")[0]


class Outcome(NamedTuple):
    """What came of a check.

    Attributes:
        status: "exempt" where it fails and the decorator says why it may; "fail" where it passes in spite of that.
        reason: in a line; "" where it passes. case: Python that shows a failure. seconds: it took. label: of what was
            checked.
    """

    check: Check
    status: Status
    reason: str = ""
    case: str = ""
    seconds: float = 0.0
    label: str = ""


def check(kind: Kind, group: Group, slow: bool = False) -> Callable[[Callable[[Any], None]], Check]:
    """Make a `Check` of a function."""
    return lambda function: Check(kind, group, function, slow)


def outcome_of(check: Check, subject: Any, exempt: Mapping[str, str]) -> Outcome:
    """Make a check.

    Args:
        subject: what is checked; its `smaller` are the same with less, of which the first to fail too gives the case.
        exempt: {name of a check: why it may fail}.
    """
    start = time.perf_counter()
    if check.name != RUNS and getattr(subject, "unusable", ""):
        return Outcome(check, "not run", f"the check {RUNS} fails")
    status, reason, case = _tried(check, subject)
    if status == "fail":
        case = next((less for each in subject.smaller if (less := _tried(check, each))[0] == "fail"), ("", "", case))[2]
    if check.name in exempt and status == "pass":
        status, reason = "fail", f"is exempt ({exempt[check.name]}), and passes: take the exemption away"
    elif check.name in exempt and status == "fail":
        status, reason, case = "exempt", exempt[check.name], ""
    return Outcome(check, status, reason, case, time.perf_counter() - start)


def _tried(check: Check, subject: Any) -> tuple[Status, str, str]:
    try:
        check.function(subject)
    except Failure as failure:
        return "fail", failure.reason, failure.case
    except NotForIt as error:
        return "not for it", str(error), ""
    except NotRun as error:
        return "not run", str(error), ""
    except Exception as error:  # of what is checked: whatever a stranger's code raises is an answer
        return "fail", f"raises {one_line(error)}{place_of(error)}", ""
    return "pass", "", ""


def place_of(error: BaseException) -> str:
    """` (mine.py:12)`, of the last line that was run of a file that is neither PADL's nor a library's."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if HERE not in Path(f.filename).resolve().parents and not ELSEWHERE.search(f.filename)]
    return f" ({own[-1].filename}:{own[-1].lineno})" if own else ""
