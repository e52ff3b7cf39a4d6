"""`padl check`: put an optimizer through checks, one of anyone's."""

import contextlib
import json
import sys
from collections.abc import Sequence
from typing import Any

from padl.cli.options import Options
from padl.runs.exit_codes import DONE, FAILED

OPTIONS = Options(
    "check",
    usage=["THING [KEY=VALUE ...] [THING ...] [--only NAME,...] [--json]", "THING --oracle FILE.py", "--list"],
    about="Put optimizers, losses, models, tasks and schedules through checks: shapes and\n"
    "dtypes, programs, edge cases, whether each number matters. Print what passes,\n"
    "and of what fails the smallest case as Python; of an optimizer what is measured\n"
    "too. Exit code 1 where something fails.",
    examples=[
        "padl check adam",
        "padl check adamw weight_decay=0.1 lion --only behaviour",
        "padl check mine.py                        all that a file registers",
        "padl check optax:contrib.muon             a function that Optax would call",
        "padl check lion --oracle lion_numpy.py    against a function of NumPy",
        "padl check --list                         every check, and what it promises",
    ],
)
OPTIONS.add_argument(
    "words",
    metavar="THING",
    nargs="*",
    help="a name as in 'padl list', optimizer:NAME, FILE.py, a folder, an installed plugin, module:function or"
    " FILE.py:function; KEY=VALUE behind it to check it with",
)
OPTIONS.add_value(
    "--only",
    "NAME,...",
    "checks or groups of checks, as contract and behaviour",
    "--only takes names of checks once, with commas between them: padl check adam --only descends,members",
)
OPTIONS.add_value(
    "--oracle",
    "FILE.py",
    "compare with a function in it, (w, grads, **hyperparameters), which yields w after each step",
    "--oracle takes one file: padl check lion --oracle lion_numpy.py",
)
OPTIONS.add_argument("--slow", action="store_true", help="make slow checks too, and measure what it costs")
OPTIONS.add_argument("--verbose", action="store_true", help="say what each check promises")
OPTIONS.add_argument("--json", action="store_true", help="print all of it as JSON, and nothing else")
OPTIONS.add_argument("--list", action="store_true", help="list the checks, and check nothing")


def run(arguments: list[str]) -> int:
    """Print what comes of the checks of all that the words name."""
    given = OPTIONS.read(arguments)
    things = _things(given.words)
    if not things and not given.list:
        OPTIONS.error("padl check takes what to check: padl check adam, padl check mine.py ('padl check --help')")
    from padl.app import checking
    from padl.cli import check_report

    if given.list:
        check_report.print_checks(given.json)
        return DONE
    only = [word.strip() for word in given.only.split(",")] if given.only else []
    checking.prepare()
    with contextlib.redirect_stdout(sys.stderr):  # what a file prints as it is loaded
        found = [each for word, settings in things for each in checking.subjects(word, checking.settings_of(settings))]
        plan = checking.planned(found, only, given.slow, given.oracle)
    results, cards = [], {}
    for subject, checks in plan:
        outcomes = _outcomes(subject, checks)
        results.append((subject, outcomes))
        if not only and subject.kind == "optimizer":
            cards[id(subject)] = _card(subject, given.slow)
        if not given.json:
            check_report.print_outcomes(subject, outcomes, cards.get(id(subject)), given.verbose)
    code = FAILED if any(each.status == "fail" for _, outcomes in results for each in outcomes) else DONE
    if given.json:
        print(json.dumps(check_report.as_data(results, cards, code), indent=1))
    elif len(results) > 1:
        check_report.print_all(results)
    return code


def _things(words: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Each thing with the words KEY=VALUE behind it."""
    things: list[tuple[str, list[str]]] = []
    for word in words:
        if "=" not in word:
            things.append((word, []))
        elif not things:
            OPTIONS.error(f"'{word}' stands before what it is of: padl check adam {word}")
        else:
            things[-1][1].append(word)
    return things


def _card(subject: Any, slow: bool) -> Any:
    """Measure what is not judged; what a rule prints goes to standard error."""
    from padl.app.checking import measured
    from padl.runs.console import Working

    with contextlib.redirect_stdout(sys.stderr), Working(f"measuring {subject.label}"):
        return measured(subject, slow)


def _outcomes(subject: Any, checks: Sequence[Any]) -> list[Any]:
    """Make checks, and say on a terminal which; what a rule prints goes to standard error."""
    from padl.app import checking
    from padl.runs.console import Working

    outcomes = []
    with contextlib.redirect_stdout(sys.stderr), Working(f"checking {subject.label}") as working:
        for number, each in enumerate(checks, start=1):
            working.say(f"{subject.label}: {each.name} ({number} of {len(checks)})")
            outcomes += checking.outcomes(subject, [each])
    return outcomes
