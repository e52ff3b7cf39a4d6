"""Print the card of a registered entry: its rule, its arguments with ranges, and what it declares of itself."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from padl.app import names
from padl.app.model_roles import TASK, model_roles
from padl.app.optimizer_arrays import EXAMPLES, arrays_of, goes_by_roles, states_of
from padl.app.optimizer_facts import facts_of
from padl.argument_domains import PREDICTIONS, TARGETS
from padl.cli.docstrings import fitted
from padl.cli.formatting import print_line
from padl.coercion import describe, written
from padl.optimizers.transformation import NEEDS
from padl.origins import PADL
from padl.registry import Entry, near
from padl.runs.console import Output
from padl.signature_checks import hints
from padl.types import KINDS, Domain, PadlError, one_line

EXPLAINED: Mapping[str, Mapping[Any, str]] = {
    "predictions": PREDICTIONS,
    "targets": TARGETS,
    "convex": {True: "yes, in the predictions", False: "no"},
}  # the values of these traits, in words
LABELS = {
    "decides": "best by",
    "elicits": "estimates",
    "same_value": "changes no value",
    "other_shapes": "smaller slots",
    "exempt": "may fail",
    "temporary": "memory beside its slots",
    "holds_norm": "holds norms",
    "moves_norm": "moves norms",
}  # of traits whose name alone does not say what they are
FIRST = ("predictions", "targets", "range", "convex", "elicits")
HIDDEN = ("view", "conflict", "conventions", "shown_at", "about")  # drawn, said where met, a line each, or for tests
GAP = 2  # between columns, in characters
SCALES = {"linear": "", "log": ", log", "log1m": ", log of 1-x"}


def entries_called(name: str) -> list[Entry]:
    """The entries of that name, of every kind; raises PadlError where there is none."""
    entries = [entry for kind in KINDS for entry in names.of(kind) if entry.name == name]
    broken = [plugin for plugin in names.load() if plugin.broken and name in dict(plugin.registers).values()]
    if not entries and broken:
        raise PadlError(f"'{name}' is of the plugin {broken[0].name}, which is broken: {broken[0].broken}")
    if not entries:
        every_name = [name for kind in KINDS for name in names.of(kind).names()]
        raise PadlError(f"nothing is called '{name}'{near(name, every_name)} ('padl list' shows all names)")
    return entries


def print_card(name: str) -> None:
    """Print a card for each kind that has the name.

    Raises:
        PadlError: there is no such name, or a plugin's optimizer cannot be initialised.
    """
    console = Output()
    for entry in entries_called(name):
        table = _facts_table(entry)  # raises before anything is printed
        print_line(f"{entry.kind} {entry.name}", style="bold")
        text = inspect.getdoc(entry.function) or "no description"
        console.print(fitted(text, console.width), markup=False, highlight=False, soft_wrap=True)
        console.print(_arguments(entry, console.width) if entry.hyperparameters else "")
        console.print(table)
        if entry.kind == "model":
            _print_parameters(entry, console)
        if goes_by_roles(entry):
            _print_arrays(entry, console)
        for hint in hints(entry) if entry.origin != PADL else ():
            print_line(f"hint: {hint}")
        console.print()


def _arguments(entry: Entry, width: int) -> Table:
    """The hyperparameters, a row each; a column that says nothing is left out."""
    hyperparameters = entry.hyperparameters.values()
    columns = {
        "argument": [h.name for h in hyperparameters],
        "default": ["needed" if h.nested and h.required else written(h.default) for h in hyperparameters],
        "type": [describe(h.annotation) for h in hyperparameters],
        "domain": [_domain(h.domain) for h in hyperparameters],
        "searched in": [_search_range(h.domain) for h in hyperparameters],
        "in a sweep": ["one program" if h.traced else "compiled anew" for h in hyperparameters],
    }
    return _table(columns, ("argument", "domain"), width)


def _table(columns: Mapping[str, Sequence[str]], unbroken: Sequence[str], width: int) -> Table:
    """Columns of texts, without those that say nothing; those that are `unbroken` do not wrap.

    Args:
        width: of the terminal. Words are broken only where they do not fit otherwise.
    """
    columns = {name: cells for name, cells in columns.items() if any(cells)}
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name, size in _widths(columns, unbroken, width).items():
        table.add_column(name, no_wrap=name in unbroken, overflow="fold", width=size)
    for cells in zip(*columns.values(), strict=True):
        table.add_row(*map(escape, cells))
    return table


def _widths(columns: Mapping[str, Sequence[str]], unbroken: Sequence[str], width: int) -> dict[str, int]:
    """The width of each column: its longest word, of an unbroken one its longest cell, shorter until all fit; and what
    is left over goes first to those that need least of it."""
    whole = {name: max(map(len, [name, *cells])) for name, cells in columns.items()}
    words = {name: max(map(len, " ".join([name, *cells]).split())) for name, cells in columns.items()}
    room = width - GAP * len(columns) - 1
    for most in range(max(words.values()), 0, -1):
        widths = {name: whole[name] if name in unbroken else min(words[name], most) for name in columns}
        if sum(widths.values()) <= room:
            break
    for name in sorted(widths, key=lambda name: whole[name] - widths[name]):
        widths[name] += max(min(whole[name] - widths[name], room - sum(widths.values())), 0)
    return widths


def _print_parameters(model: Entry, console: Output) -> None:
    """The parameters of a model on the default task, with what each is: its role, and what its axes are."""
    try:
        rows = model_roles(model)
    except Exception as error:  # a stranger's code, or a model for other inputs
        said = str(error) if isinstance(error, PadlError) else one_line(error)
        print_line(f"its parameters on the task {TASK} cannot be shown: {said}")
        return
    print_line(f"\nparameters on the task {TASK}, and which of their axes are inputs and outputs")
    axes = lambda name: [" ".join(map(str, getattr(row, name))) for row in rows]  # noqa: E731
    columns = {
        "parameter": [row.path for row in rows],
        "shape": ["x".join(map(str, row.shape)) for row in rows],
        "role": [row.role for row in rows],
        "inputs": axes("inputs"),
        "outputs": axes("outputs"),
        "stacked": axes("stacked"),
        "parts": ["" if row.parts == 1 else str(row.parts) for row in rows],
        "source": [row.source for row in rows],
    }
    unbroken = ("shape", "role", "inputs", "outputs", "stacked", "parts", "source")
    console.print(_table(columns, unbroken, console.width))


def _print_arrays(entry: Entry, console: Output) -> None:
    """What becomes of parameters of other roles and shapes: who moves them, what is kept, what it costs."""
    rows = arrays_of(entry.name)
    print_line("\nwho moves a parameter, and for each of its numbers what is kept and multiplied")
    columns = {
        "parameter": [row.name for row in rows],
        "shape": ["x".join(map(str, row.shape)) for row in rows],
        "role": [row.role for row in rows],
        "moved by": [row.by for row in rows],
        "slots": [" ".join(row.slots) for row in rows],
        "state": [f"{row.state:.3g}" for row in rows],
        "products": [f"{row.products:,.0f}" for row in rows],
        "and": [", ".join(row.decompositions) for row in rows],
    }
    console.print(_table(columns, ("shape", "role", "moved by", "state", "products"), console.width))


def _domain(domain: Domain) -> str:
    return "" if domain[:4] == Domain()[:4] else str(domain)


def _search_range(domain: Domain) -> str:
    if domain.search is None:
        return ""
    low, high = domain.search
    return f"{low:g} to {high:g}{SCALES[domain.scale]}"


def _facts_table(entry: Entry) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", style="bold", no_wrap=True, min_width=11)
    table.add_column(overflow="fold")
    for name, fact in facts(entry).items():
        if fact:
            table.add_row(escape(name), escape(fact))
    return table


def facts(entry: Entry) -> dict[str, str]:
    """{label: in words}: the traits, of a loss the domains first, then family, reference, origin and state."""
    traits = sorted(entry.traits.items(), key=lambda item: FIRST.index(item[0]) if item[0] in FIRST else len(FIRST))
    in_words = {LABELS.get(name, name): _in_words(name, value) for name, value in traits if name not in HIDDEN}
    own = {str(label): _in_words("", fact) for label, fact in entry.traits.get("about", {}).items()}
    lines = {**in_words, **own, "family": entry.family, "reference": entry.reference, "origin": entry.origin}
    return {**lines, **_of_optimizer(entry)} if entry.kind == "optimizer" else lines


def _of_optimizer(entry: Entry) -> dict[str, str]:
    """What tracing it tells, and what libraries do otherwise."""
    found = facts_of(entry)
    differing = {name: each.says for name, each in entry.traits.get("conventions", {}).items() if each.says}
    return {
        "state": _state(entry),
        "reads": "; ".join(f"{need}: {NEEDS[need]}" for need in found.needs),
        "judges": "other parameters than those that are trained" if found.judges_others else "",
        "measures": ", ".join(found.measures),
        **{f"as {name}": says for name, says in differing.items()},
    }


def _state(entry: Entry) -> str:
    """How many arrays an optimizer keeps: one number, or one for each shape where they differ."""
    arrays = {name: f"{kept:.3g}" for name, kept in states_of(entry).items()}
    bytes_each = list(dict.fromkeys(f"{4 * float(kept):.3g}" for kept in arrays.values()))
    if len(bytes_each) == 1:
        kept = arrays["vector"]
        size = f"{kept} array{'' if kept == '1' else 's'} of the parameters' size"
        return f"{size} (float32: {bytes_each[0]} bytes for each number)"
    shapes = {name: "x".join(map(str, shape)) for name, (shape, _) in EXAMPLES.items()}
    each = ", ".join(f"{kept} of a {name} ({shapes[name]})" for name, kept in arrays.items())
    return f"arrays of the parameter's size: {each}; float32: 4 bytes for each number of one"


def _in_words(trait: str, value: Any) -> str:
    """A trait's value: by its word in the tables, that of a plugin as it stands; nothing as Python writes it."""
    if isinstance(value, (str, bool)) and value in EXPLAINED.get(trait, {}):
        return EXPLAINED[trait][value]
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"{_in_words('', v)} for {k}" for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(_in_words("", v) for v in value)
    return getattr(value, "__name__", "a function") if callable(value) else "" if value is None else str(value)
