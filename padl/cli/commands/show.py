"""`padl list` and `padl show`: what is registered, and the card of one entry."""

import inspect
import itertools
import json
import textwrap
from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
from rich import box
from rich.markup import escape
from rich.table import Table

from padl.app import names
from padl.cli.traits import facts
from padl.registry import Entry, describe, near
from padl.runs.console import Output
from padl.types import KINDS, Domain, Kind, PadlError, one_line

PLURALS: dict[Kind, str] = {kind: "losses" if kind == "loss" else f"{kind}s" for kind in KINDS}
FAR = 6 * " "  # what stands so far apart in a docstring are two formulas
HOUSE = "padl"  # the origin of what no plugin brought


def print_list(kinds: Iterable[Kind]) -> None:
    """A table for each kind, family by family: name, hyperparameters with defaults, reference; then broken plugins."""
    console = Output()
    for kind in kinds:
        console.print(_listing(kind))
    for plugin in names.load():
        if plugin.broken:
            console.print(
                f"broken plugin {plugin.name}: {plugin.broken}", markup=False, highlight=False, soft_wrap=True
            )


def _listing(kind: Kind) -> Table:
    """The entries of a kind; whose they are only where some are a plugin's."""
    entries = sorted(names.of(kind), key=lambda entry: (entry.family, entry.name))
    strange = any(entry.origin != HOUSE for entry in entries)
    table = Table(title=PLURALS[kind], title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    words = [f"{h.name}={shown(h.default)}" for entry in entries for h in entry.hyperparameters.values()]
    table.add_column("name", no_wrap=True)
    table.add_column("hyperparameters", min_width=max(map(len, words), default=0) + 1)
    for column in ["reference", *(["origin"] if strange else [])]:
        table.add_column(column, overflow="fold")
    for family, members in itertools.groupby(entries, key=lambda entry: entry.family):
        table.add_row(f"[bold]{escape(family)}[/bold]")
        for entry in members:
            hyper = ", ".join(f"{h.name}={shown(h.default)}" for h in entry.hyperparameters.values())
            cells = (f"  {entry.name}", hyper, entry.reference, *([entry.origin] if strange else []))
            table.add_row(*map(escape, cells))
    return table


def found(name: str) -> list[Entry]:
    """What is called so, of every kind; PadlError where nothing is."""
    entries = [entry for kind in KINDS for entry in names.of(kind) if entry.name == name]
    if not entries:
        everything = [n for k in KINDS for n in names.of(k).names()]
        raise PadlError(f"nothing is called '{name}'{near(name, everything)} ('padl list' shows everything)")
    return entries


def print_card(name: str) -> None:
    """The rule, arguments with ranges, what it declares, the state's memory; for every kind that has the name."""
    console = Output()
    for entry in found(name):
        console.print(f"[bold]{entry.kind} {entry.name}[/bold]")
        text = inspect.getdoc(entry.function) or "no description"
        console.print(fitted(text, console.width), markup=False, highlight=False, soft_wrap=True)
        if entry.hyperparameters:
            console.print(_arguments(entry))
        else:
            console.print()
        console.print(_facts(entry))
        console.print()


def _arguments(entry: Entry) -> Table:
    """The hyperparameters, a row each; a column that says nothing is left out."""
    columns = {
        "argument": [h.name for h in entry.hyperparameters.values()],
        "default": [shown(h.default) for h in entry.hyperparameters.values()],
        "type": [describe(h.annotation) for h in entry.hyperparameters.values()],
        "domain": [_domain(h.domain) for h in entry.hyperparameters.values()],
        "searched in": [_search(h.domain) for h in entry.hyperparameters.values()],
        "is": ["data" if h.traced else "program" for h in entry.hyperparameters.values()],
    }
    table = Table(box=box.SIMPLE_HEAD)
    told = {name: cells for name, cells in columns.items() if any(cells)}
    for name in told:
        table.add_column(name, no_wrap=name in ("argument", "domain", "is"))
    for cells in zip(*told.values(), strict=True):
        table.add_row(*map(escape, cells))
    return table


def _facts(entry: Entry) -> Table:
    told = facts(entry)
    if entry.kind == "optimizer":
        arrays = state_arrays(entry)
        told["state"] = f"{arrays:g} arrays of the parameters' size (float32: {4 * arrays:g} bytes each)"
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", style="bold", no_wrap=True, min_width=11)
    table.add_column(overflow="fold")
    for name, fact in told.items():
        if fact:
            table.add_row(escape(name), escape(fact))
    return table


def fitted(text: str, width: int) -> str:
    """A docstring in lines of at most `width`: what is set in continues under itself, what is not is filled anew."""
    if max(map(len, text.splitlines()), default=0) <= width:
        return text
    items: list[str] = []
    for line in text.splitlines():
        before = items[-1] if items else ""
        prose = _indent(line) == 0 and not before.endswith(":")
        if line and before and (_indent(line) > _indent(before) > 0 or (prose and _indent(before) == 0)):
            items[-1] = f"{before} {line.strip()}"
        else:
            items.append(line)
    return "\n".join(_wrapped(item, width) for item in items)


def _wrapped(item: str, width: int) -> str:
    """In lines of at most `width`; formulas that stand side by side, far apart, first stand below each other."""
    indent = " " * _indent(item)
    fill = textwrap.TextWrapper(
        width,
        initial_indent=indent,
        subsequent_indent=indent and indent + "    ",
        break_long_words=False,
        break_on_hyphens=False,
    ).fill
    parts = item.strip().split(FAR) if len(item) > width else [item.strip()]
    return "\n".join(fill(part.strip()) for part in parts)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def state_arrays(entry: Entry) -> float:
    """How many arrays of the parameters' size an optimizer keeps."""
    size = 10_000
    try:
        state = jax.eval_shape(lambda: entry.function(**entry.check({})).init(jnp.zeros(size)))
    except Exception as error:  # a stranger's code
        raise PadlError(f"optimizer '{entry.name}' from {entry.origin} fails: {one_line(error)}") from error
    return sum(x.size for x in jax.tree.leaves(state) if x.size > 1) / size


def _domain(domain: Domain) -> str:
    return "" if domain[:4] == Domain()[:4] else str(domain)


def _search(domain: Domain) -> str:
    if domain.search is None:
        return ""
    low, high = domain.search
    scale = {"linear": "", "log": ", log", "log1m": ", log of 1-x"}[domain.scale]
    return f"{low:g} to {high:g}{scale}"


def shown(value: Any) -> str:
    """A value as it is written on the command line."""
    if isinstance(value, float):
        return f"{value:g}"
    return json.dumps(value)  # a tuple as a list, None as null: as on the command line
