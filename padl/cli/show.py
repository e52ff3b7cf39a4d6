"""`padl list` and `padl show`: what is registered, and the card of one entry."""

import inspect
import json
from collections.abc import Iterable
from typing import Any

import jax
import jax.numpy as jnp
from rich import box
from rich.markup import escape
from rich.table import Table

from padl.cli import names
from padl.registry import Entry, Hyperparameter, describe, near
from padl.runs.console import Output
from padl.types import KINDS, Domain, Kind, PadlError, one_line

PLURALS: dict[Kind, str] = {kind: "losses" if kind == "loss" else f"{kind}s" for kind in KINDS}


def print_list(kinds: Iterable[Kind]) -> None:
    """A table for each kind: name, hyperparameters with defaults, family, reference, origin; then broken plugins."""
    console = Output()
    for kind in kinds:
        table = Table(title=PLURALS[kind], title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
        for column in ("name", "hyperparameters", "family", "reference", "origin"):
            table.add_column(column, overflow="fold", no_wrap=column in ("name", "hyperparameters", "family"))
        for entry in sorted(names.of(kind), key=lambda e: (e.family, e.name)):
            hyper = "\n".join(f"{h.name}={_show(h.default)}" for h in entry.hyperparameters.values())
            table.add_row(*map(escape, (entry.name, hyper, entry.family, entry.reference, entry.origin)))
        console.print(table)
    for plugin in names.load():
        if plugin.broken:
            console.print(
                f"broken plugin {plugin.name}: {plugin.broken}", markup=False, highlight=False, soft_wrap=True
            )


def print_card(name: str) -> None:
    """The rule, arguments with ranges, the state's memory, the reference; for every kind that has the name."""
    found = [entry for kind in KINDS for entry in names.of(kind) if entry.name == name]
    if not found:
        everything = [n for k in KINDS for n in names.of(k).names()]
        raise PadlError(f"nothing is called '{name}'{near(name, everything)} ('padl list' shows everything)")
    for entry in found:
        _print_entry(Output(), entry)


def _print_entry(console: Output, entry: Entry) -> None:
    console.print(f"[bold]{entry.kind} {entry.name}[/bold]")
    console.print(inspect.getdoc(entry.function) or "no description", markup=False, highlight=False, soft_wrap=True)
    if entry.hyperparameters:
        table = Table(box=box.SIMPLE_HEAD)
        for column in ("argument", "default", "type", "domain", "searched in", "is"):
            table.add_column(column)
        for h in entry.hyperparameters.values():
            swept = "data" if h.traced else "program"
            table.add_row(
                h.name, escape(_show(h.default)), escape(describe(h.annotation)), _domain(h), _search(h.domain), swept
            )
        console.print(table)
    facts: dict[str, Any] = {
        "family": entry.family,
        "reference": entry.reference,
        "origin": entry.origin,
        **entry.traits,
    }
    if entry.kind == "optimizer":
        facts["state"] = (
            f"{state_arrays(entry):g} arrays of the parameters' size (float32: {4 * state_arrays(entry):g} bytes each)"
        )
    for key, value in facts.items():
        if value:
            console.print(f"{key:>10}  {value}", markup=False, highlight=False, soft_wrap=True)
    console.print()


def state_arrays(entry: Entry) -> float:
    """How many arrays of the parameters' size an optimizer keeps."""
    size = 10_000
    try:
        state = jax.eval_shape(lambda: entry.function(**entry.check({})).init(jnp.zeros(size)))
    except Exception as error:  # a stranger's code
        raise PadlError(f"optimizer '{entry.name}' from {entry.origin} fails: {one_line(error)}") from error
    return sum(x.size for x in jax.tree.leaves(state) if x.size > 1) / size


def _domain(h: Hyperparameter) -> str:
    return "" if h.domain == Domain() else str(h.domain)


def _search(domain: Domain) -> str:
    if domain.search is None:
        return ""
    low, high = domain.search
    scale = {"linear": "", "log": ", log", "log1m": ", log of 1 - x"}[domain.scale]
    return f"{low:g} to {high:g}{scale}"


def _show(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return json.dumps(value)  # a tuple as a list, None as null: as on the command line
