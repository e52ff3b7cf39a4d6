"""Print tables of what is registered, a kind each."""

import itertools
from collections.abc import Callable, Collection
from dataclasses import asdict
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from padl.app import names
from padl.app.optimizer_facts import OptimizerFacts, facts_of, year_of
from padl.cli.formatting import print_line
from padl.coercion import written
from padl.origins import PADL
from padl.registry import Entry
from padl.runs.console import Output
from padl.signature_checks import hints
from padl.types import KINDS, Kind, PadlError

PLURALS: dict[Kind, str] = {kind: "losses" if kind == "loss" else f"{kind}s" for kind in KINDS}


def print_list(kinds: Collection[Kind]) -> None:
    """Print a table for each kind, and behind them what is to be said of plugins, and the optimizers that fail."""
    console = Output()
    for kind in kinds:
        console.print(_listing(kind))
    for line in on_plugins(kinds):
        print_line(line)
    for entry in names.of("optimizer") if "optimizer" in kinds else ():
        if isinstance(facts := _facts(entry), str):
            print_line(facts)


def on_plugins(kinds: Collection[Kind]) -> list[str]:
    """Say which plugins could not be loaded and what imports of others did, and give hints on entries of strangers."""
    plugins = names.load()
    broken = [f"broken plugin {plugin.name}: {plugin.broken}" for plugin in plugins if plugin.broken]
    notes = [f"note on plugin {plugin.name}: {note}" for plugin in plugins for note in plugin.notes]
    strange = [entry for kind in kinds for entry in names.of(kind) if entry.origin != PADL]
    return [*broken, *notes, *(f"hint on {each.kind} {each.name}: {hint}" for each in strange for hint in hints(each))]


def _listing(kind: Kind) -> Table:
    """Family by family: name and reference, of optimizers year and state, of others hyperparameters with defaults; the
    origin only where one is a plugin's."""
    entries = sorted(names.of(kind), key=lambda entry: (entry.family, entry.name))
    with_origin = any(entry.origin != PADL for entry in entries)
    columns = {"name": lambda entry: f"  {entry.name}", **(OF_OPTIMIZERS if kind == "optimizer" else OF_OTHERS)}
    columns |= {"reference": lambda entry: entry.reference}
    columns |= {"origin": lambda entry: entry.origin} if with_origin else {}
    table = Table(title=PLURALS[kind], title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    longest = max((len(word) for entry in entries for word in _defaults(entry)), default=0)
    for column in columns:
        is_short = column in ("name", *OF_OPTIMIZERS)
        table.add_column(
            column, no_wrap=is_short, overflow="fold", min_width=longest + 1 if column in OF_OTHERS else None
        )
    for family, members in itertools.groupby(entries, key=lambda entry: entry.family):
        table.add_row(f"[bold]{escape(family)}[/bold]")
        for entry in members:
            table.add_row(*(escape(cell(entry)) for cell in columns.values()))
    return table


def described(kind: Kind) -> list[dict[str, Any]]:
    """Describe what is registered of a kind, by name, for `--json`."""
    return [_described(entry) for entry in sorted(names.of(kind), key=lambda entry: entry.name)]


def _described(entry: Entry) -> dict[str, Any]:
    about: dict[str, Any] = {"kind": entry.kind, "name": entry.name, "family": entry.family, "summary": entry.summary}
    about |= {"reference": entry.reference, "year": year_of(entry.reference), "origin": entry.origin}
    about["hyperparameters"] = {h.name: _plain(h.default) for h in entry.hyperparameters.values()}
    if entry.kind != "optimizer":
        return about
    return about | ({"fails": facts} if isinstance(facts := _facts(entry), str) else asdict(facts))


def _facts(entry: Entry) -> OptimizerFacts | str:
    """What tracing an optimizer tells; of a stranger's that fails, why."""
    try:
        return facts_of(entry)
    except PadlError as error:
        return str(error)


def _state(entry: Entry) -> str:
    return "fails" if isinstance(facts := _facts(entry), str) else f"{facts.state:.3g}"


def _plain(value: Any) -> Any:
    """A default as JSON has it."""
    return value if isinstance(value, (bool, int, float, str, list, tuple, dict, type(None))) else str(value)


def _defaults(entry: Entry) -> list[str]:
    return [f"{h.name}={written(h.default)}" for h in entry.hyperparameters.values()]


OF_OPTIMIZERS: dict[str, Callable[[Entry], str]] = {
    "year": lambda entry: str(year_of(entry.reference) or ""),
    "state": _state,
}
OF_OTHERS: dict[str, Callable[[Entry], str]] = {"hyperparameters": lambda entry: ", ".join(_defaults(entry))}
