"""Write docs/optimizers.md from what is registered: every optimizer with its equation, state and conventions.

    python scripts/optimizers_page.py

tests/test_optimizers_page.py says where the page is not what this writes.
"""

import inspect
import re
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path

from padl.app import names
from padl.app.optimizer_facts import facts_of, year_of
from padl.coercion import written
from padl.optimizers.transformation import NEEDS
from padl.origins import PADL
from padl.registry import Entry

PAGE = Path(__file__).parent.parent / "docs" / "optimizers.md"
FAMILIES: Mapping[str, str] = {
    "descent": "Descent and momentum",
    "sign": "Signs",
    "adaptive": "A step length for every coordinate",
    "adam": "The Adam family",
    "norm": "A step length for every array",
    "factored": "Second moments in factors",
    "memory": "One mean alone",
    "muon": "Orthogonal steps of matrices",
    "curvature": "Curvature",
    "polyak": "A step from the value of the loss",
    "iterate averaging": "Without a schedule",
    "learning-rate-free": "Without a learning rate to tune",
    "wrapper": "Around another optimizer",
}  # in this order; others follow by their own names
HEAD = """\
# Optimizers

Every optimizer of PADL, as its paper has it: the equation, the defaults, what it keeps, and where libraries differ.
`padl show NAME` prints the same with the ranges of all arguments. `padl diff adam@torch adam@keras` says how far two
conventions part.

*This page is written by `python scripts/optimizers_page.py` from the code.*
"""


def page() -> str:
    """Return the page."""
    entries = [entry for entry in names.of("optimizer") if entry.origin == PADL]
    return "\n".join([HEAD, *_overview(entries), *_sections(entries)]).rstrip() + "\n"


def _overview(entries: list[Entry]) -> Iterator[str]:
    """A table of all, in the order of the sections."""
    yield "| name | year | state | paper |"
    yield "|---|---|---|---|"
    for family, members in _by_family(entries):
        yield f"| **{FAMILIES.get(family, family)}** | | | |"
        for entry in members:
            cells = (year_of(entry.reference) or "", f"{facts_of(entry).state:.3g}", entry.reference)
            yield f"| [`{entry.name}`](#{entry.name}) | {' | '.join(map(str, cells))} |"
    yield ""
    yield "State is counted in arrays of the size of a matrix of 100 × 100; of a wrapper without what it wraps."
    yield ""


def _sections(entries: list[Entry]) -> Iterator[str]:
    for family, members in _by_family(entries):
        yield f"## {FAMILIES.get(family, family)}\n"
        for entry in members:
            yield from _section(entry)


def _section(entry: Entry) -> Iterator[str]:
    facts = facts_of(entry)
    text, _, arguments = (inspect.getdoc(entry.function) or "").partition("\nArgs:")
    yield f"### {entry.name}\n"
    yield text.strip() + "\n"
    if arguments:
        yield "\n".join(_arguments(arguments)) + "\n"
    yield f"Defaults: {', '.join(_default(entry, name) for name in entry.hyperparameters)}.\n"
    reads = [f"`{need}`, {NEEDS[need]}" for need in facts.needs]
    if reads:
        yield f"Reads beside the gradient: {'; '.join(reads)}.\n"
    if facts.judges_others:
        yield "Other parameters are judged and kept than those that are trained.\n"
    if facts.measures:
        yield f"Measures: {', '.join(f'`{name}`' for name in facts.measures)}.\n"
    differing = {name: each for name, each in entry.traits.get("conventions", {}).items() if each.says or each.defaults}
    for name, convention in differing.items():
        own = ", ".join(f"{key}={value:g}" for key, value in convention.defaults.items())
        yield f"- As {name}: {'; '.join(filter(None, [convention.says, own and f'defaults of its own: {own}']))}."
    yield f"{'' if not differing else chr(10)}{entry.reference}\n"


def _arguments(text: str) -> Iterator[str]:
    """The arguments of a docstring as a list."""
    lines = inspect.cleandoc(text.partition("\nRaises:")[0]).splitlines()
    joined: list[str] = []
    for line in lines:
        if line.startswith("    ") and joined:
            joined[-1] += f" {line.strip()}"
        else:
            joined.append(line.strip())
    for line in filter(None, joined):
        found = re.match(r"([\w, ]+): (.*)", line)
        yield (
            f"- {', '.join(f'`{name.strip()}`' for name in found[1].split(','))}: {found[2]}" if found else f"- {line}"
        )


def _default(entry: Entry, name: str) -> str:
    hyperparameter = entry.hyperparameters[name]
    return f"`{name}`" if hyperparameter.required else f"`{name}={written(hyperparameter.default)}`"


def _by_family(entries: list[Entry]) -> Iterator[tuple[str, list[Entry]]]:
    order = [*FAMILIES]
    place = lambda entry: order.index(entry.family) if entry.family in order else len(order)  # noqa: E731
    ordered = sorted(entries, key=lambda entry: (place(entry), entry.family, year_of(entry.reference) or 0, entry.name))
    for family, members in groupby(ordered, key=lambda entry: entry.family):
        yield family, list(members)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
