"""Print tables of what is registered, a kind each."""

import itertools
from collections.abc import Iterable

from rich import box
from rich.markup import escape
from rich.table import Table

from padl.app import names
from padl.cli.formatting import print_line
from padl.coercion import written
from padl.origins import PADL
from padl.registry import Entry
from padl.runs.console import Output
from padl.types import KINDS, Kind

PLURALS: dict[Kind, str] = {kind: "losses" if kind == "loss" else f"{kind}s" for kind in KINDS}


def print_list(kinds: Iterable[Kind]) -> None:
    """Print a table for each kind, and then the plugins that could not be loaded."""
    console = Output()
    for kind in kinds:
        console.print(_listing(kind))
    for plugin in names.load():
        if plugin.broken:
            print_line(f"broken plugin {plugin.name}: {plugin.broken}")


def _listing(kind: Kind) -> Table:
    """Family by family: name, hyperparameters with defaults, reference; the origin only where one is a plugin's."""
    entries = sorted(names.of(kind), key=lambda entry: (entry.family, entry.name))
    with_origin = any(entry.origin != PADL for entry in entries)
    table = Table(title=PLURALS[kind], title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    table.add_column("name", no_wrap=True)
    longest = max((len(word) for entry in entries for word in _defaults(entry)), default=0)
    table.add_column("hyperparameters", min_width=longest + 1)
    for column in ["reference", *(["origin"] if with_origin else [])]:
        table.add_column(column, overflow="fold")
    for family, members in itertools.groupby(entries, key=lambda entry: entry.family):
        table.add_row(f"[bold]{escape(family)}[/bold]")
        for entry in members:
            cells = (f"  {entry.name}", ", ".join(_defaults(entry)), entry.reference)
            table.add_row(*map(escape, [*cells, *([entry.origin] if with_origin else [])]))
    return table


def _defaults(entry: Entry) -> list[str]:
    needed = lambda h: h.nested and h.required  # noqa: E731
    return [h.name if needed(h) else f"{h.name}={written(h.default)}" for h in entry.hyperparameters.values()]
