"""A graph as a circuit. draw: PNG, SVG and DOT files; figure: a matplotlib figure whose parts have names.

Values stand above the wires, upright and green; gradients below them, italic and vermilion, as in the circuits of
Stanford's CS231n.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from padl.backprop.drawing.cells import ARROW, LINE, NAME, NUMBER, SIGN, SMALL, Cell, Place, Sketch, measure, sketch
from padl.backprop.drawing.dot import GRADIENT, VALUE, dot
from padl.backprop.drawing.labels import LONGEST_NAME, letters, number, shortened
from padl.backprop.drawing.layout import Point, lay_out
from padl.backprop.graph import Graph
from padl.types import PadlError

MOST = 150  # nodes drawn
INK, WIRE, GREY, FILL, NESTED, BRIGHT = "#1A1A1A", "#4D4D4D", "#5A5A5A", "#F4F7FA", "#E4EEF6", "#F0E442"
DPI, LARGEST = 160, 12_000  # of a PNG: dots an inch, pixels a side
TITLE, MORE, LEGEND, NARROWEST = 26, 14, 40, 330
LEGENDS = (
    ((VALUE, "normal", "value (above the wire)"), (GRADIENT, "italic", "gradient of the result (below)")),
    ((GREY, "normal", "rules: {}, {} operands from the top, {} result, {} constant, {} gradient"),),
)
STYLE: Any = {"svg.fonttype": "none", "svg.hashsalt": "padl", "font.family": "sans-serif", "text.usetex": False}


def draw(graph: Graph, file_stem: Path | str, title: str = "") -> list[Path]:
    """Write `<file_stem>.png`, `.svg` and `.dot`; the paths in this order.

    Raises:
        PadlError: more than 150 nodes.
    """
    from matplotlib import rc_context

    stem = Path(file_stem)
    files = [stem.with_name(f"{stem.name}.{kind}") for kind in ("png", "svg", "dot")]
    with rc_context(STYLE):
        drawing = figure(graph, title=title)
        width, height = drawing.get_size_inches()
        drawing.savefig(files[0], dpi=min(DPI, LARGEST / max(width, height)))
        drawing.savefig(files[1], metadata={"Date": None, "Title": title or heading(graph)})
    files[2].write_text(dot(graph), encoding="utf-8")
    return files


def figure(graph: Graph, place: Place = lay_out, title: str = "") -> Any:
    """A figure of exactly the circuit's size.

    Its parts have names, in SVG the ids of groups: "node-3"; "active-3", a mark behind it that is not shown;
    "value-4-0" and "gradient-4-0" at operand 0 of node 4; "value-result-4", "gradient-result-4"; "total-3"; "title-0".

    Args:
        place: what lays it out. title: one line or several; the result's formula and value if none is given.

    Raises:
        PadlError: more than 150 nodes.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if len(graph) > MOST:
        raise PadlError(
            f"a graph of {len(graph):,} nodes is too large to draw, the most is {MOST}: fold nested functions with "
            "graph.closed(0), or read graph.table()"
        )
    drawn = sketch(graph, place)
    lines = (title or heading(graph)).split("\n")
    top = TITLE + MORE * (len(lines) - 1)
    width = max(drawn.layout.width, NARROWEST)
    height = drawn.layout.height + top + LEGEND
    canvas = Figure(figsize=(width / 72, height / 72), facecolor="white")
    FigureCanvasAgg(canvas)
    axes = canvas.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()
    _title(axes, lines, width)
    _circuit(axes, drawn, (width - drawn.layout.width) / 2, top)
    _legend(axes, letters(graph), height, width)
    return canvas


def heading(graph: Graph) -> str:
    """The results with their values: "(x + y) * z = -12"."""
    told = [(graph[n].label or graph[n].operation, graph[n]) for n in dict.fromkeys(graph.outputs)]
    return ", ".join(f"{label} = {number(node.value)}" if not node.shape else label for label, node in told)


def _title(axes: Any, lines: Sequence[str], width: float) -> None:
    """The first line as large as fits, the others smaller; named title-0, title-1, …"""
    for i, words in enumerate(lines):
        size = 9.0 if i else 11.0
        while measure(words, size) > width - 16 and size > 8:
            size -= 0.5
        room = max(LONGEST_NAME, int(len(words) * (width - 16) / max(measure(words, size), 1)))
        _words(axes, width / 2, TITLE / 2 + 2 + MORE * i, shortened(words, room), size, INK, gid=f"title-{i}")


def _legend(axes: Any, alphabet: str, height: float, width: float) -> None:
    """Two lines at the foot, each in the colours and type of what it explains."""
    for i, line in enumerate(LEGENDS):
        entries = [(colour, slant, text.format(*alphabet)) for colour, slant, text in line]
        lengths = [measure(text, SMALL + 0.5) for _, _, text in entries]
        x = (width - sum(lengths) - 18 * (len(entries) - 1)) / 2
        for (colour, slant, text), length in zip(entries, lengths, strict=True):
            look = {"color": colour, "style": slant, "size": SMALL + 0.5}
            axes.text(x, height - LEGEND + 13 + 14 * i, text, va="center", ha="left", **look)
            x += length + 18


def _circuit(axes: Any, drawn: Sketch, shift: float, top: float) -> None:
    wires, tips = [], []
    for i, (cell, corner) in enumerate(zip(drawn.cells, drawn.layout.corners, strict=True)):
        x, y = corner[0] + shift, corner[1] + top
        _cell(axes, cell, x, y)
        for place, (port, wire) in enumerate(zip(cell.box.ports, cell.wires, strict=True)):
            curve = drawn.layout.edges[drawn.of[wire.parent], i, place]
            wires.append([(a + shift, b + top) for a, b in curve])
            wires.append(_level((x, y + port), (x + cell.left - ARROW / 2, y + port)))
            tips.append((x + cell.left, y + port))
        if cell.kind != "output":
            wires.append(_level((x + cell.right, y + cell.box.exit), (x + cell.box.width, y + cell.box.exit)))
    _curves(axes, wires)
    _tips(axes, tips)


def _level(start: Point, end: Point) -> list[Point]:
    return [start, start, end, end]


def _curves(axes: Any, curves: Iterable[list[Point]]) -> None:
    """All wires, as one path."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path as Outline

    points: list[Point] = []
    codes: list[Any] = []
    for curve in curves:
        points += curve
        codes += [Outline.MOVETO, *[Outline.CURVE4] * (len(curve) - 1)]
    if points:
        axes.add_patch(PathPatch(Outline(points, codes), fc="none", ec=WIRE, lw=1.1, zorder=1, gid="wires"))


def _tips(axes: Any, tips: Iterable[Point]) -> None:
    from matplotlib.collections import PolyCollection

    heads = [[(x - ARROW, y - 3), (x, y), (x - ARROW, y + 3)] for x, y in tips]
    axes.add_collection(PolyCollection(heads, fc=WIRE, ec="none", zorder=2, gid="arrows"), autolim=False)


def _cell(axes: Any, cell: Cell, x: float, y: float) -> None:
    """A cell with its upper left corner at (x, y)."""
    middle = x + (cell.left + cell.right) / 2
    if cell.kind != "output":
        _box(axes, cell, x, y)
    if cell.caption:
        _words(axes, middle, y + LINE / 2 - 1, cell.caption, SMALL, GREY, style="italic")
    top = y + cell.box.height - 13 * bool(cell.total) - LINE * len(cell.rules)
    for i, line in enumerate(cell.rules):
        _words(axes, middle, top + LINE * (i + 0.5), line, SMALL, GREY)
    if cell.total:
        gid = f"total-{cell.number}"
        _words(axes, middle, y + cell.box.height - 7, cell.total, NUMBER, GRADIENT, style="italic", gid=gid)
    for port, wire in zip(cell.box.ports, cell.wires, strict=True):
        _amounts(axes, cell, wire, x + (cell.left - ARROW) / 2, y + port, cell.left)


def _amounts(axes: Any, cell: Cell, wire: Any, x: float, y: float, left: float) -> None:
    """A value above a wire and a gradient below it, near its tip."""
    half = max(measure(wire.above, NUMBER), measure(wire.below, NUMBER)) / 2
    near = x + left / 2 - half - ARROW / 2 - 3 if cell.kind == "gate" else x
    name = f"result-{cell.number}" if cell.kind == "output" else f"{cell.number}-{wire.place}"
    _words(axes, near, y - 7.5, wire.above, NUMBER, VALUE, gid=f"value-{name}")
    _words(axes, near, y + 7.5, wire.below, NUMBER, GRADIENT, style="italic", gid=f"gradient-{name}")


def _words(axes: Any, x: float, y: float, text: str, size: float, colour: str, **more: Any) -> None:
    if text:
        more = {"ha": "center", "va": "center_baseline", "zorder": 4} | more
        axes.text(x, y, text.replace("$", r"\$"), size=size, color=colour, **more)


def _box(axes: Any, cell: Cell, x: float, y: float) -> None:
    """The sign, in a box if it is an operation's; behind it what marks it as active, which is not shown."""
    from matplotlib.patches import FancyBboxPatch

    corner, size = (x + cell.left, y + cell.top), (cell.right - cell.left, cell.bottom - cell.top)
    leaf = cell.kind == "leaf"
    round_ = f"round,pad=0,rounding_size={min(9, min(size) / 2)}"
    around = (corner[0] - 4, corner[1] - 4), size[0] + 8, size[1] + 8
    mark = FancyBboxPatch(*around, boxstyle="round,pad=0,rounding_size=11", fc=BRIGHT, ec="none", zorder=0)
    mark.set(gid=f"active-{cell.number}", visible=False)
    axes.add_patch(mark)
    if not leaf:
        fill = NESTED if cell.caption else FILL
        axes.add_patch(FancyBboxPatch(corner, *size, boxstyle=round_, fc=fill, ec=INK, lw=1.1, zorder=3))
    middle = corner[0] + size[0] / 2, corner[1] + size[1] / 2
    weight = "bold" if leaf else "normal"
    _words(axes, *middle, cell.sign, NAME if leaf else SIGN, INK, weight=weight, gid=f"node-{cell.number}")
