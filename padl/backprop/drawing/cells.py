"""What a drawing has for each node, and how large that is. sketch(graph, place) -> Sketch: cells and where they lie.

A cell is a box with the operation's sign. Left of it is a piece of wire for each operand, with room for the value above
and the gradient below it; under it stands the local rule. So no label can come to lie on another one.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from math import ceil
from typing import Literal, NamedTuple

from padl.backprop.drawing.labels import (
    LEAVES,
    gradient_text,
    inlined,
    is_sum,
    operands,
    rule_text,
    shortened,
    sign,
    value_text,
)
from padl.backprop.drawing.layout import Box, Layout, lay_out
from padl.backprop.graph import Graph, Node

NUMBER, SIGN, NAME, SMALL = 9, 12, 11, 7.5  # points
PITCH, BOX, LINE, ARROW = 30, 26, 10, 7
RULE_WIDTH = 26  # signs of a line
PLACES = 12  # operands drawn of one node
Kind = Literal["gate", "leaf", "output"]


class Wire(NamedTuple):
    """An operand's arrival: from the node `parent`, as the operand `place`, with a value above and a gradient below."""

    parent: int
    place: int
    above: str
    below: str


class Cell(NamedTuple):
    """What is drawn of a node. Lengths are points from the cell's upper left corner.

    Attributes:
        number: of the node. kind: an operation, an input or constant, or what marks a result.
        sign: in the box. caption: above it, the nested function that it is inside. rules: the lines below.
        total: the sum of the gradients, where several arrive; below the rules. wires: the operands that are drawn.
        box: for the layout. left, right, top, bottom: of the box with the sign.
    """

    number: int
    kind: Kind
    sign: str
    caption: str
    rules: tuple[str, ...]
    total: str
    wires: tuple[Wire, ...]
    box: Box
    left: float
    right: float
    top: float
    bottom: float


class Sketch(NamedTuple):
    """All cells, the results' marks last; `layout` has them in the same order. of: {node: the place of its cell}."""

    cells: tuple[Cell, ...]
    layout: Layout
    of: dict[int, int]


Place = Callable[[Sequence[Box], Sequence[Sequence[int]]], Layout]


def sketch(graph: Graph, place: Place = lay_out) -> Sketch:
    """The cells of a graph and their layout by `place`."""
    inside = inlined(graph)
    shown = [node for node in graph if node.number not in inside]
    cells = [_leaf(graph, node) if node.operation in LEAVES else _gate(graph, node) for node in shown]
    cells += [_output(graph, number) for number in dict.fromkeys(graph.outputs)]
    of = {node.number: i for i, node in enumerate(shown)}
    parents = [[of[wire.parent] for wire in cell.wires] for cell in cells]
    return Sketch(tuple(cells), place([cell.box for cell in cells], parents), of)


def _leaf(graph: Graph, node: Node) -> Cell:
    """An input or a constant: its name, and the sum of its gradients where several arrive."""
    text, total = sign(graph, node), _total(graph, node)
    width = ceil(max(measure(text, NAME), measure(total, NUMBER))) + 8
    box = Box(width, BOX + 13 * bool(total), (), BOX // 2)
    return Cell(node.number, "leaf", text, "", (), total, (), box, 0, width, 0, BOX)


def _gate(graph: Graph, node: Node) -> Cell:
    every = [_wire(graph, node, place, parent) for place, parent in operands(graph, node)]
    wires = every[:PLACES]
    text, total, rules = sign(graph, node), _total(graph, node), _lines(rule_text(graph, node.rule))
    if len(every) > PLACES:
        rules = (*rules, f"{PLACES} of {len(every)} operands drawn")
    caption = shortened("/".join(part for part in (node.module, *node.scope[-1:]) if part), 22)
    own = max(BOX, ceil(measure(text, SIGN)) + 12)
    beside = max((max(measure(w.above, NUMBER), measure(w.below, NUMBER)) for w in wires), default=0)
    under = max([*(measure(t, SMALL) for t in (*rules, caption)), measure(total, NUMBER)])
    left = max(ceil(beside) + ARROW + 6 if wires else 0, ceil((under - own) / 2))
    top = LINE * bool(caption)
    tall = max(PITCH * len(wires), BOX + 4)
    width = left + own + max(0, ceil((under - own) / 2))
    height = top + tall + LINE * len(rules) + 13 * bool(total)
    ports = tuple(top + PITCH // 2 + PITCH * i for i in range(len(wires)))
    box = Box(width, height, ports, top + tall // 2)
    return Cell(
        node.number, "gate", text, caption, rules, total, tuple(wires), box, left, left + own, top + 2, top + tall - 2
    )


def _output(graph: Graph, number: int) -> Cell:
    """A wire that leads out of the picture, with the result above it and the gradient that all begins with below."""
    wire = Wire(number, 0, value_text(graph[number]), gradient_text(graph.seed(number)))
    width = ceil(max(measure(wire.above, NUMBER), measure(wire.below, NUMBER))) + ARROW + 6
    box = Box(width, PITCH, (PITCH // 2,), PITCH // 2)
    return Cell(number, "output", "", "", (), "", (wire,), box, width, width, 0, PITCH)


def _wire(graph: Graph, node: Node, place: int, parent: int) -> Wire:
    return Wire(parent, place, value_text(graph[parent]), gradient_text(node.sent[place]))


def _total(graph: Graph, node: Node) -> str:
    return f"Σ {gradient_text(node.adjoint)}" if is_sum(graph, node) else ""


def _lines(rule: str) -> tuple[str, ...]:
    """A line for each operand, or for as many words as one holds."""
    from textwrap import wrap

    parts = rule.replace(", ∂", "\n∂").split("\n")
    return tuple(line for part in parts for line in wrap(part, RULE_WIDTH))


@lru_cache(4096)
def measure(text: str, size: float) -> float:
    """The width of a text in points."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    return text_to_path.get_text_width_height_descent(text, FontProperties(size=size), False)[0] if text else 0.0
