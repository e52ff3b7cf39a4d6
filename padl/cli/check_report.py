"""Print what came of checks: a table, the smallest case of what fails as code, a line that counts."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import optax
from rich import box
from rich.table import Table
from rich.text import Text

from padl.app.checking import Subject, promises
from padl.app.optimizer_card import plain
from padl.cli.check_card import lines_of
from padl.cli.formatting import print_line
from padl.coercion import written
from padl.conformance.checks import Check, Outcome
from padl.conformance.measurements import OptimizerCard
from padl.errors import printable_lines
from padl.runs.console import Output
from padl.version import __version__

Results = Sequence[tuple[Subject, Sequence[Outcome]]]
NARROW = 90  # columns: below it a reason stands beneath the name of its check, not beside it
STYLES = {"pass": "green", "fail": "bold red", "exempt": "yellow", "not for it": "dim", "not run": "yellow"}
COUNTED = {"pass": "passed", "fail": "failed"}  # the others are counted by their own words


def print_outcomes(
    subject: Subject, outcomes: Sequence[Outcome], card: OptimizerCard | None = None, verbose: bool = False
) -> None:
    """Print the table of one thing, the cases of what fails, what is measured, and the count."""
    whose = "" if subject.origin in ("", "padl") else f" from {subject.origin}"
    print_line(f"{subject.kind} {_titled(subject)}{whose}", style="bold")
    Output().print(_table(outcomes, verbose))
    for each in outcomes:
        if each.status == "fail":
            _print_failure(each)
    for hint in subject.hints:
        print_line(f"hint: {hint}")
    if card is not None:
        print_line("\n".join([*lines_of(card), ""]))
    print_line(f"{_titled(subject)}: {counted(outcomes)}", style="bold")


def _titled(subject: Subject) -> str:
    """`adamw weight_decay=0.1`."""
    return " ".join([subject.label, *(f"{name}={written(x)}" for name, x in subject.settings.items())])


def _table(outcomes: Sequence[Outcome], verbose: bool) -> Table:
    """A row for each check; a reason beside it, or beneath its name where there is no room."""
    narrow = Output().width < NARROW
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("check", overflow="fold", no_wrap=not narrow)
    table.add_column("result", no_wrap=True)
    table.add_column("s", justify="right", no_wrap=True)
    if not narrow:
        table.add_column("reason", overflow="fold")
    for each in outcomes:
        lines = [each.check.promise] * verbose + [each.reason] * bool(each.reason)
        why = Text(printable_lines("\n".join(lines)), "" if each.status == "fail" else "dim")
        name = Text(each.check.name)
        result = Text(each.status, STYLES[each.status])
        first = Text("\n").join([name, why]) if narrow and lines else name
        table.add_row(first, result, f"{each.seconds:.1f}", *([] if narrow else [why]))
    return table


def _print_failure(outcome: Outcome) -> None:
    """What was promised, and code that can be pasted."""
    _print_text(f"{outcome.check.name}: {outcome.check.promise}", "bold")
    if outcome.case:
        print_line(f"\n{outcome.case}\n")


def _print_text(text: str, style: str = "") -> None:
    """Print a text, on a terminal in lines that break between words."""
    console = Output()
    console.print(Text(printable_lines(text), style), soft_wrap=not console.is_terminal)


def counted(outcomes: Sequence[Outcome]) -> str:
    """`29 passed, 1 failed, 4 not for it, in 8.2 s`."""
    counts = Counter(each.status for each in outcomes)
    words = [f"{counts[status]} {COUNTED.get(status, status)}" for status in STYLES if counts[status]]
    return f"{', '.join(words) or 'no checks'}, in {sum(each.seconds for each in outcomes):.1f} s"


def print_all(results: Results) -> None:
    """Print which of several things fail which checks."""
    for subject, outcomes in results:
        failing = [each.check.name for each in outcomes if each.status == "fail"]
        if failing:
            print_line(f"{_titled(subject)} fails {', '.join(failing)}")
    every = [each for _, outcomes in results for each in outcomes]
    print_line(f"{len(results)} checked: {counted(every)}", style="bold")


def print_checks(as_json: bool) -> None:
    """Print every check with its group and what it promises."""
    rows = promises()
    if as_json:
        print(json.dumps([row._asdict() for row in rows], indent=1))
        return
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in ("check", "of", "group"):
        table.add_column(column, no_wrap=True)
    table.add_column("promise", overflow="fold")
    for row in rows:
        table.add_row(row.name, row.kind, f"{row.group}, slow" if row.slow else row.group, Text(row.promise))
    Output().print(table)


def as_data(results: Results, cards: Mapping[int, OptimizerCard], exit_code: int) -> dict[str, Any]:
    """Make what JSON can hold of what came of checks, with the versions that it is of."""
    checked = [
        {
            "kind": subject.kind,
            "label": subject.label,
            "origin": subject.origin,
            "settings": dict(subject.settings),
            "hints": list(subject.hints),
            "checks": [{**_of_check(each.check), **_of_outcome(each)} for each in found],
            **({"measured": plain(cards[id(subject)])} if id(subject) in cards else {}),
        }
        for subject, found in results
    ]
    versions = {"padl": __version__, "jax": jax.__version__, "optax": optax.__version__}
    devices = {"platform": jax.default_backend(), "devices": jax.device_count()}
    return {"versions": versions, **devices, "exit_code": exit_code, "checked": checked}


def _of_check(check: Check) -> dict[str, str]:
    return {"name": check.name, "group": check.group, "promise": check.promise}


def _of_outcome(outcome: Outcome) -> dict[str, Any]:
    return {key: value for key, value in outcome._asdict().items() if key in ("status", "reason", "case", "seconds")}
