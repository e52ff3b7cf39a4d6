"""Print the circuit of a formula or the layers of a model, and write their pictures and tables."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from padl import backprop
from padl.app.step_graph import StepGraph
from padl.backprop import Graph, Layer
from padl.backprop.drawing import animation, circuit, gradient_depth, page, terminal
from padl.cli.formatting import cell, print_line
from padl.runs import run_folder
from padl.runs.console import Output
from padl.runs.csv_table import csv_text
from padl.runs.pictures import attempt
from padl.runs.redaction import refuse_secret
from padl.types import PadlError

LARGEST = 60  # nodes of a model's circuit: one with more is a strip that nobody reads
COLUMNS = ("layer", "output", "rms", "zeros", "|∂out|", "zeros", "weights", "|w|", "|∂w|")


def print_formula(words: str, values: Mapping[str, float], *, out: Path | None, steps: bool) -> None:
    """Print and draw the circuit of a formula at these values of its variables.

    Args:
        out: the folder to write to, None for a new one in runs/. steps: whether to draw one step at a time, too.

    Raises:
        PadlError: the formula cannot be read, a variable has no value, the folder cannot be written; `steps` of a
            formula that is too large to be drawn.
    """
    graph = backprop.formula(words, **values)
    is_drawn = len(graph) <= circuit.MAX_NODES
    if steps and not is_drawn:
        raise PadlError(f"--steps shows up to {circuit.MAX_NODES} nodes, this has {len(graph):,}: a shorter formula")
    folder = _folder(out, "formula") if is_drawn else None
    Output().print(terminal.table(graph))
    _print_nonfinite(graph)
    if folder is None:
        print_line(f"{len(graph):,} nodes: listed, not drawn (up to {circuit.MAX_NODES} are)")
        return
    _print_files([*_draw_circuit(graph, folder), *(_draw_steps(graph, folder) if steps else [])])


def print_model(step: StepGraph, *, out: Path | None, steps: bool) -> None:
    """Print the layers of a model's graph, and draw it where it is small.

    Args:
        out, steps: as of `print_formula`.

    Raises:
        PadlError: `steps` of a graph that is too large to be drawn, a folder that cannot be written.
    """
    graph, layers, drawable = step.graph, backprop.layers(step.graph), _drawable(step.graph)
    if steps and drawable is None:
        raise PadlError(f"--steps shows up to {LARGEST} nodes, this has {len(graph):,}: give a smaller model")
    folder = _folder(out, "model")
    print_line(step.title, style="bold")
    Output().print(_layers_table(layers))
    for line in filter(None, (step.remark, backprop.verdict(layers))):
        print_line(line)
    _print_nonfinite(graph)
    files = [
        *attempt("depth.png", lambda: gradient_depth.draw(layers, step.title, folder / "depth.png")),
        _csv(folder / "layers.csv", layers),
        _csv(folder / "nodes.csv", backprop.node_stats(graph)),
    ]
    if drawable is None:
        print_line(f"{len(graph):,} nodes: summarised, not drawn (up to {LARGEST} are)")
    else:
        files += [
            *_draw_circuit(drawable, folder, step.title),
            *(_draw_steps(drawable, folder) if steps else []),
        ]
    _print_files(files)


def _drawable(graph: Graph) -> Graph | None:
    """What gradients go through, as open as can be drawn; None where even all closed it is too large."""
    pruned = backprop.prune(graph)
    for candidate in (pruned, backprop.fold(pruned, 1), backprop.fold(pruned, 0)):
        if len(candidate) <= LARGEST:
            return candidate
    return None


def _layers_table(layers: Sequence[Layer]) -> Table:
    """A row for each layer: shape, root mean square and share of zeros of its output, norm and share of zeros of the
    output's gradient; how many weights, their norm and that of their gradient."""
    table = Table(header_style="bold", box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name in COLUMNS:
        table.add_column(name, justify="left" if name in ("layer", "output") else "right", no_wrap=True)
    for layer in layers:
        table.add_row(
            cell(layer.name or "(input)"), _size(layer.shape) or "1", f"{layer.value:.2g}",
            f"{layer.zeros:.0%}", *_gradient(layer), *_weights(layer), style=None if layer.finite else "bold red",
        )  # fmt: skip
    return table


def _size(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape))


def _gradient(layer: Layer) -> tuple[str, str]:
    return ("", "") if math.isnan(layer.silent) else (f"{layer.gradient:.2g}", f"{layer.silent:.0%}")


def _weights(layer: Layer) -> tuple[str, str, str]:
    if not layer.parameters:
        return "", "", ""
    return f"{layer.parameters:,}", f"{layer.weights:.2g}", f"{layer.learned:.2g}"


def _print_nonfinite(graph: Graph) -> None:
    origin = backprop.first_nonfinite(graph)
    if origin:
        print_line(str(origin), style="bold red")


def _folder(out: Path | None, label: str) -> Path:
    """The folder that was asked for, or a new one in runs/."""
    if out is None:
        return run_folder.create("runs", f"backprop-{label}")
    refuse_secret("--out", str(out))
    try:
        out.mkdir(parents=True, exist_ok=True)
        run_folder.write_text(out / ".padl", "")
        (out / ".padl").unlink()
    except OSError as error:
        raise PadlError(f"--out {out} cannot be written ({error.strerror}): give another folder") from error
    return out


def _draw_circuit(graph: Graph, folder: Path, title: str = "") -> list[Path]:
    """Draw the circuit; a PadlError says that it is too large, which the user can mend."""
    return attempt("the circuit", lambda: backprop.draw(graph, folder / "circuit", title), but=(PadlError,))


def _draw_steps(graph: Graph, folder: Path) -> list[Path]:
    draw = lambda: [animation.gif(graph, folder / "steps.gif"), page.html(graph, folder / "steps.html")]  # noqa: E731
    return attempt("the steps", draw, but=(PadlError,))


def _csv(file: Path, rows: Sequence[Any]) -> Path:
    """Write NamedTuples as a table with a header."""
    run_folder.write_text(file, csv_text(rows[0]._fields, rows, cell=lambda x: _size(x) if isinstance(x, tuple) else x))
    return file


def _print_files(files: Sequence[Path]) -> None:
    for file in files:
        print_line(str(file))
