"""`padl backprop`: a formula as a circuit of values and gradients; a model layer by layer."""

import csv
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from padl import backprop
from padl.app.step_graph import StepGraph, at_best, at_step
from padl.backprop import Graph, Layer
from padl.backprop.drawing import animation, gradient_depth, page, terminal
from padl.cli.hydra.app import compose_and_call, is_multirun
from padl.registry import near
from padl.runs import run_folder
from padl.runs.console import Output
from padl.types import PadlError

OPTIONS = ("--steps", "--out")
LARGEST = 60  # nodes of a model's circuit: one with more is a strip that nobody reads
SETTING = re.compile(r"[+~]{0,2}[\w./@]+=(?!=)")  # KEY=VALUE
HOW = 'padl backprop "(x + y) * z" x=-2 y=5 z=-4, or padl backprop model=mlp task=digits'


class Asked(NamedTuple):
    """What a command line says.

    Attributes:
        formula: "" for a model. settings: words KEY=VALUE. run: the folder of a run, None where none is given.
        steps: whether to show one step at a time. out: the folder to write to.
    """

    formula: str
    settings: list[str]
    run: Path | None
    steps: bool
    out: Path | None


def run(rest: Sequence[str]) -> None:
    """Trace what the words say, print it, and write its pictures.

    Raises:
        PadlError: an unknown option, a formula that cannot be read, a variable without a number, a configuration that
            cannot be composed, a folder that cannot be written.
    """
    asked = read(rest)
    if asked.formula:
        _formula(asked)
    else:
        _model(asked)


def read(rest: Sequence[str]) -> Asked:
    """The words after `padl backprop`."""
    if is_multirun(list(rest)):
        raise PadlError("padl backprop looks at one model: leave -m out")
    words, folders, left = [], [], iter(rest)
    for word in left:
        option, equals, value = word.partition("=")
        if option == "--out":
            folders.append(value if equals else next(left, ""))
        elif word.startswith("--") and word != "--steps":
            advice = near(option, OPTIONS) or "; it has --steps, --out"
            raise PadlError(f"padl backprop has no option '{option}'{advice}")
        elif word != "--steps":
            words.append(word)
    settings = [word for word in words if SETTING.match(word)]
    runs = [Path(word) for word in words if (Path(word) / "config.yaml").is_file()]
    formulas = [word for word in words if not SETTING.match(word) and Path(word) not in runs]
    if len(folders) > 1 or any(not folder or folder.startswith("-") for folder in folders):
        raise PadlError("--out takes one folder: --out pictures")
    if len(formulas) > 1:
        raise PadlError(f"padl backprop takes one formula, {len(formulas)} are given: put it in quotes, as in {HOW}")
    if runs and len(words) > 1:
        raise PadlError(f"{runs[0]} is a run, which says everything itself: leave the other words out")
    if not words:
        raise PadlError(f"padl backprop takes a formula and its values, or the words of padl train: {HOW}")
    first = lambda found: found[0] if found else None  # noqa: E731
    return Asked(first(formulas) or "", settings, first(runs), "--steps" in rest, first([*map(Path, folders)]))


def _formula(asked: Asked) -> None:
    graph = backprop.formula(asked.formula, **_values(asked.settings))
    console, folder = Output(), _folder(asked, "formula")
    console.print(terminal.table(graph))
    _say_fault(console, graph)
    files = backprop.draw(graph, folder / "circuit")
    _print_files([*files, *_frames(asked, graph, folder)])


def _values(settings: Sequence[str]) -> dict[str, float]:
    """x=-2 -> {"x": -2.0}."""
    values: dict[str, float] = {}
    for word in settings:
        name, _, number = word.partition("=")
        if name in values:
            raise PadlError(f"{name} is given twice, {values[name]:g} and {number}: leave one out")
        try:
            values[name] = float(number)
        except ValueError:
            raise PadlError(f"{word}: '{number}' is no number, give one as {name}=-2.5") from None
        if not math.isfinite(values[name]):
            raise PadlError(f"{word}: give a finite number")
    return values


def _model(asked: Asked) -> None:
    if asked.run:
        _summarise(asked, at_best(asked.run))
    else:
        compose_and_call(asked.settings, lambda config: _summarise(asked, at_step(config)))


def _summarise(asked: Asked, found: StepGraph) -> None:
    graph, layers, drawn = found.graph, backprop.layers(found.graph), _smallest(found.graph)
    if asked.steps and drawn is None:
        raise PadlError(f"--steps shows up to {LARGEST} nodes, this has {len(graph):,}: give a smaller model")
    console, folder = Output(), _folder(asked, "model")
    console.print(found.title, style="bold", highlight=False, soft_wrap=True)
    console.print(table(layers))
    for line in (found.remark, backprop.verdict(layers)):
        if line:
            console.print(line, highlight=False, markup=False, soft_wrap=True)
    _say_fault(console, graph)
    gradient_depth.draw(layers, found.title, folder / "depth.png")
    files = [
        folder / "depth.png",
        _csv(folder / "layers.csv", layers),
        _csv(folder / "nodes.csv", backprop.node_stats(graph)),
    ]
    if drawn is None:
        console.print(f"{len(graph):,} nodes: summarised, not drawn (up to {LARGEST} are)", soft_wrap=True)
    else:
        files += [*backprop.draw(drawn, folder / "circuit", found.title), *_frames(asked, drawn, folder)]
    _print_files(files)


def _smallest(graph: Graph) -> Graph | None:
    """What gradients go through, as open as can be drawn; None where even all closed it is too large."""
    pruned = backprop.prune(graph)
    for candidate in (pruned, backprop.fold(pruned, 1), backprop.fold(pruned, 0)):
        if len(candidate) <= LARGEST:
            return candidate
    return None


def table(layers: Sequence[Layer]) -> Table:
    """A row for each layer: shape, root mean square and share of zeros of its output, norm and share of zeros of the
    output's gradient; how many weights, their norm and that of their gradient."""
    found = Table(header_style="bold", box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name in ("layer", "output", "rms", "zeros", "|∂out|", "zeros", "weights", "|w|", "|∂w|"):
        found.add_column(name, justify="left" if name in ("layer", "output") else "right", no_wrap=True)
    for layer in layers:
        found.add_row(
            escape(layer.name or "(input)"), "×".join(map(str, layer.shape)) or "1", f"{layer.value:.2g}",
            f"{layer.zeros:.0%}", *_gradient(layer), *_weights(layer), style=None if layer.finite else "bold red",
        )  # fmt: skip
    return found


def _gradient(layer: Layer) -> tuple[str, str]:
    return ("", "") if math.isnan(layer.silent) else (f"{layer.gradient:.2g}", f"{layer.silent:.0%}")


def _weights(layer: Layer) -> tuple[str, str, str]:
    if not layer.parameters:
        return "", "", ""
    return f"{layer.parameters:,}", f"{layer.weights:.2g}", f"{layer.learned:.2g}"


def _say_fault(console: Output, graph: Graph) -> None:
    fault = backprop.first_nonfinite(graph)
    if fault:
        console.print(str(fault), style="bold red", highlight=False, markup=False, soft_wrap=True)


def _folder(asked: Asked, label: str) -> Path:
    """The folder that was asked for, or a new one in runs/."""
    if asked.out is None:
        return run_folder.create("runs", f"backprop-{label}")
    try:
        asked.out.mkdir(parents=True, exist_ok=True)
        run_folder.write_text(asked.out / ".padl", "")
        (asked.out / ".padl").unlink()
    except OSError as error:
        raise PadlError(f"--out {asked.out} cannot be written ({error.strerror}): give another folder") from error
    return asked.out


def _frames(asked: Asked, graph: Graph, folder: Path) -> list[Path]:
    if not asked.steps:
        return []
    animation.gif(graph, folder / "steps.gif")
    page.html(graph, folder / "steps.html")
    return [folder / "steps.gif", folder / "steps.html"]


def _csv(file: Path, rows: Sequence[Any]) -> Path:
    """NamedTuples as a table with a header."""
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(rows[0]._fields)
        writer.writerows([["×".join(map(str, x)) if isinstance(x, tuple) else x for x in row] for row in rows])
    return file


def _print_files(files: Sequence[Path]) -> None:
    for file in files:
        print(file)
