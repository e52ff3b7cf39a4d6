"""A graph as a circuit. draw: PNG, SVG and DOT files; figure: a matplotlib figure whose parts have names.

Values stand above the wires, upright and green; gradients below them, italic and vermilion, as in the circuits of
Stanford's CS231n.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from padl.backprop.drawing.cells import (
    ARROW,
    LINE,
    NAME,
    NUMBER,
    SIGN,
    SMALL,
    TOTAL,
    Cell,
    Sketch,
    Wire,
    measure,
    sketch,
)
from padl.backprop.drawing.dot import GRADIENT, VALUE, dot
from padl.backprop.drawing.geometry import LayoutAlgorithm, Point
from padl.backprop.drawing.labels import letters
from padl.backprop.drawing.layout import lay_out
from padl.backprop.drawing.typeset import LONGEST_NAME, number, shortened
from padl.backprop.graph import Graph
from padl.runs.pictures import own_style, save
from padl.types import PadlError

MAX_NODES = 150  # of a drawing
INK, WIRE, GREY, FILL, NESTED, BRIGHT = "#1A1A1A", "#4D4D4D", "#5A5A5A", "#F4F7FA", "#E4EEF6", "#F0E442"
DPI, LARGEST = 160, 12_000  # of a PNG: dots an inch, pixels a side at most
TITLE, NEXT_TITLE, LEGEND, NARROWEST = 26, 14, 40, 330  # heights of the margins, and least width, in points
LEGENDS = (
    ((VALUE, "normal", "value (above the wire)"), (GRADIENT, "italic", "gradient of the result (below)")),
    ((GREY, "normal", "rules: {}, {} operands from the top, {} result, {} constant, {} gradient"),),
)
STYLE = {"svg.fonttype": "none", "svg.hashsalt": "padl"}


def draw(graph: Graph, file_stem: Path | str, title: str = "") -> list[Path]:
    """Write a circuit as `<file_stem>.png`, `.svg` and `.dot`; return the paths in this order.

    Args:
        graph: of at most 150 nodes: `padl.backprop.prune` and `padl.backprop.fold` make smaller ones.
        file_stem: without a suffix.
        title: one line or several; the result's formula and value if it is "".

    Raises:
        PadlError: more than 150 nodes.
    """
    stem = Path(file_stem)
    files = [stem.with_name(f"{stem.name}.{kind}") for kind in ("png", "svg", "dot")]
    with own_style(STYLE):
        drawing = figure(graph, title=title)
        width, height = drawing.get_size_inches()
        save(drawing, files[0], dpi=min(DPI, LARGEST / max(width, height)))
        save(drawing, files[1], metadata={"Date": None, "Title": title or heading(graph)})
    files[2].write_text(dot(graph), encoding="utf-8")
    return files


def figure(graph: Graph, algorithm: LayoutAlgorithm = lay_out, title: str = "") -> Any:
    """Draw a figure of exactly the circuit's size.

    Its parts have names, in SVG the ids of groups: "node-3"; "active-3", a mark behind it that is not shown;
    "value-4-0" and "gradient-4-0" at operand 0 of node 4; "value-result-4", "gradient-result-4"; "total-3"; "title-0".

    Args:
        graph: of at most 150 nodes.
        algorithm: what lays it out.
        title: one line or several; the result's formula and value if it is "".

    Raises:
        PadlError: more than 150 nodes.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if len(graph) > MAX_NODES:
        raise PadlError(
            f"a graph of {len(graph):,} nodes is too large to draw, the most is {MAX_NODES}: fold nested functions "
            "with padl.backprop.fold(graph), or read padl.backprop.node_stats(graph)"
        )
    plan = sketch(graph, algorithm)
    lines = (title or heading(graph)).split("\n")
    top = TITLE + NEXT_TITLE * (len(lines) - 1)
    width = max(plan.layout.width, NARROWEST)
    height = plan.layout.height + top + LEGEND
    canvas = Figure(figsize=(width / 72, height / 72), facecolor="white")
    FigureCanvasAgg(canvas)
    axes = canvas.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    _title(axes, lines, width)
    _circuit(axes, plan, (width - plan.layout.width) / 2, top)
    _legend(axes, letters(graph), height, width)
    return canvas


def heading(graph: Graph) -> str:
    """Name the results with their values: "(x + y) * z = -12"."""
    results = [graph[n] for n in dict.fromkeys(graph.outputs)]
    return ", ".join(node.name if node.shape else f"{node.name} = {number(node.value)}" for node in results)


def _title(axes: Any, lines: Sequence[str], width: float) -> None:
    """Write the first line as large as fits, the others smaller; they are named title-0, title-1, …"""
    for i, line in enumerate(lines):
        size = 9.0 if i else 11.0
        while measure(line, size) > width - 16 and size > 8:
            size -= 0.5
        longest = max(LONGEST_NAME, int(len(line) * (width - 16) / max(measure(line, size), 1)))
        _text(axes, width / 2, TITLE / 2 + 2 + NEXT_TITLE * i, shortened(line, longest), size, INK, gid=f"title-{i}")


def _legend(axes: Any, alphabet: str, height: float, width: float) -> None:
    """Write two lines at the foot, each in the colours and type of what it explains."""
    for i, line in enumerate(LEGENDS):
        entries = [(colour, slant, text.format(*alphabet)) for colour, slant, text in line]
        lengths = [measure(text, SMALL + 0.5) for _, _, text in entries]
        x = (width - sum(lengths) - 18 * (len(entries) - 1)) / 2
        for (colour, slant, text), length in zip(entries, lengths, strict=True):
            look = {"color": colour, "style": slant, "size": SMALL + 0.5}
            axes.text(x, height - LEGEND + 13 + 14 * i, text, va="center", ha="left", **look)
            x += length + 18


def _circuit(axes: Any, plan: Sketch, shift: float, top: float) -> None:
    """Draw cells and wires, moved by (shift, top)."""
    wires, tips = [], []
    for i, (cell, corner) in enumerate(zip(plan.cells, plan.layout.corners, strict=True)):
        x, y = corner[0] + shift, corner[1] + top
        _cell(axes, cell, x, y)
        for k, (port, wire) in enumerate(zip(cell.box.ports, cell.wires, strict=True)):
            curve = plan.layout.edges[plan.index[wire.parent], i, k]
            wires.append([(a + shift, b + top) for a, b in curve])
            wires.append(_straight((x, y + port), (x + cell.left - ARROW / 2, y + port)))
            tips.append((x + cell.left, y + port))
        if cell.kind != "output":
            wires.append(_straight((x + cell.right, y + cell.box.exit), (x + cell.box.width, y + cell.box.exit)))
    _curves(axes, wires)
    _arrowheads(axes, tips)


def _straight(start: Point, end: Point) -> list[Point]:
    """A straight line as a Bézier curve."""
    return [start, start, end, end]


def _curves(axes: Any, curves: Iterable[list[Point]]) -> None:
    """Draw all wires, as one path."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path as Outline

    points: list[Point] = []
    codes: list[Any] = []
    for curve in curves:
        points += curve
        codes += [Outline.MOVETO, *[Outline.CURVE4] * (len(curve) - 1)]
    if points:
        axes.add_patch(PathPatch(Outline(points, codes), fc="none", ec=WIRE, lw=1.1, zorder=1, gid="wires"))


def _arrowheads(axes: Any, tips: Iterable[Point]) -> None:
    """Draw all arrowheads, as one collection."""
    from matplotlib.collections import PolyCollection

    heads = [[(x - ARROW, y - 3), (x, y), (x - ARROW, y + 3)] for x, y in tips]
    axes.add_collection(PolyCollection(heads, fc=WIRE, ec="none", zorder=2, gid="arrows"), autolim=False)


def _cell(axes: Any, cell: Cell, x: float, y: float) -> None:
    """Draw a cell with its upper left corner at (x, y)."""
    middle = x + (cell.left + cell.right) / 2
    if cell.kind != "output":
        _box(axes, cell, x, y)
    if cell.caption:
        _text(axes, middle, y + LINE / 2 - 1, cell.caption, SMALL, GREY, style="italic")
    top = y + cell.box.height - TOTAL * bool(cell.total) - LINE * len(cell.rules)
    for i, line in enumerate(cell.rules):
        _text(axes, middle, top + LINE * (i + 0.5), line, SMALL, GREY)
    if cell.total:
        gid = f"total-{cell.number}"
        _text(axes, middle, y + cell.box.height - 7, cell.total, NUMBER, GRADIENT, style="italic", gid=gid)
    for port, wire in zip(cell.box.ports, cell.wires, strict=True):
        _amounts(axes, cell, wire, x + (cell.left - ARROW) / 2, y + port)


def _amounts(axes: Any, cell: Cell, wire: Wire, x: float, y: float) -> None:
    """Write a value above a wire and a gradient below it, near its tip, for the wire's middle at (x, y)."""
    half = max(measure(wire.above, NUMBER), measure(wire.below, NUMBER)) / 2
    centre = x + cell.left / 2 - half - ARROW / 2 - 3 if cell.kind == "gate" else x
    name = f"result-{cell.number}" if cell.kind == "output" else f"{cell.number}-{wire.position}"
    _text(axes, centre, y - 7.5, wire.above, NUMBER, VALUE, gid=f"value-{name}")
    _text(axes, centre, y + 7.5, wire.below, NUMBER, GRADIENT, style="italic", gid=f"gradient-{name}")


def _text(axes: Any, x: float, y: float, text: str, size: float, colour: str, **look: Any) -> None:
    """Write a text with its middle at (x, y), if it is not empty."""
    if text:
        look = {"ha": "center", "va": "center_baseline", "zorder": 4} | look
        axes.text(x, y, text.replace("$", r"\$"), size=size, color=colour, **look)


def _box(axes: Any, cell: Cell, x: float, y: float) -> None:
    """Draw the sign, in a box if it is an operation's; behind it what marks it as active, which is not shown."""
    from matplotlib.patches import FancyBboxPatch

    left, top = x + cell.left, y + cell.top
    width, height = cell.right - cell.left, cell.bottom - cell.top
    look = {"boxstyle": "round,pad=0,rounding_size=11", "fc": BRIGHT, "ec": "none", "zorder": 0}
    mark = FancyBboxPatch((left - 4, top - 4), width + 8, height + 8, **look)
    mark.set(gid=f"active-{cell.number}", visible=False)
    axes.add_patch(mark)
    centre, name = (left + width / 2, top + height / 2), f"node-{cell.number}"
    if cell.kind == "leaf":
        _text(axes, *centre, cell.sign, NAME, INK, weight="bold", gid=name)
        return
    corners = f"round,pad=0,rounding_size={min(9, width / 2, height / 2)}"
    look = {"boxstyle": corners, "fc": NESTED if cell.caption else FILL, "ec": INK, "lw": 1.1, "zorder": 3}
    axes.add_patch(FancyBboxPatch((left, top), width, height, **look))
    _text(axes, *centre, cell.sign, SIGN, INK, weight="normal", gid=name)
