"""Print what came of checks: a table, the smallest case of what fails as code, a line that counts."""

import json
from collections import Counter
from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from padl.app.checking import Subject, promises
from padl.cli.formatting import print_line
from padl.conformance.checks import Outcome
from padl.errors import printable_lines
from padl.runs.console import Output

NARROW = 90  # columns: below it a reason stands beneath the name of its check, not beside it
STYLES = {"pass": "green", "fail": "bold red", "exempt": "yellow", "not for it": "dim", "not run": "yellow"}
COUNTED = {"pass": "passed", "fail": "failed"}  # the others are counted by their own words


def print_outcomes(subject: Subject, outcomes: Sequence[Outcome], verbose: bool = False) -> None:
    """Print the table of one thing, the cases of what fails, and the count."""
    whose = "" if subject.origin in ("", "padl") else f" from {subject.origin}"
    print_line(f"{subject.kind} {subject.label}{whose}", style="bold")
    Output().print(_table(outcomes, verbose))
    for each in outcomes:
        if each.status == "fail":
            _print_failure(each)
    print_line(f"{subject.label}: {counted(outcomes)}", style="bold")


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


def print_all(results: Sequence[tuple[Subject, Sequence[Outcome]]]) -> None:
    """Print which of several things fail which checks."""
    failing = {subject.label: [o.check.name for o in outcomes if o.status == "fail"] for subject, outcomes in results}
    for label, names in failing.items():
        if names:
            print_line(f"{label} fails {', '.join(names)}")
    print_line(
        f"{len(results)} checked: {counted([each for _, outcomes in results for each in outcomes])}", style="bold"
    )


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
