"""What a drawing has for each node, and how large that is. sketch(graph) -> Sketch: cells and where they lie.

A cell is a box with the operation's sign. Left of it is a piece of wire for each operand, with room for the value above
and the gradient below it; under it stands the local rule. So no label can come to lie on another one.
"""

from functools import lru_cache
from math import ceil
from textwrap import wrap
from typing import Literal, NamedTuple

from padl.backprop.drawing.geometry import Box, Layout, LayoutAlgorithm
from padl.backprop.drawing.labels import LEAVES, has_sum, inlined, operands, rule_text, sign
from padl.backprop.drawing.layout import lay_out
from padl.backprop.drawing.typeset import gradient_text, shortened, value_text
from padl.backprop.graph import Graph, Node

NUMBER, SIGN, NAME, SMALL = 9, 12, 11, 7.5  # sizes of type, in points
PITCH, BOX, LINE, TOTAL, ARROW = 30, 26, 10, 13, 7  # lengths in points
RULE_WIDTH = 26  # characters of a line
MAX_OPERANDS = 12  # drawn of one node
Kind = Literal["gate", "leaf", "output"]


class Wire(NamedTuple):
    """An operand's arrival.

    Attributes:
        parent: the node that it comes from.
        position: which operand it is.
        above: the value, above the wire.
        below: the gradient, below the wire.
    """

    parent: int
    position: int
    above: str
    below: str


class Cell(NamedTuple):
    """What is drawn of a node. Lengths are points from the cell's upper left corner.

    Attributes:
        number: of the node.
        kind: an operation, an input or constant, or what marks a result.
        sign: in the box.
        caption: above the box, the layer and the nested function that the node is inside.
        rules: the lines below the box.
        total: below the rules, the sum of the gradients; "" if fewer than two arrive.
        wires: the operands that are drawn.
        box: for the layout.
        left, right, top, bottom: of the box with the sign.
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
    """All cells and where they lie.

    Attributes:
        cells: those of the nodes, then those of the results' marks.
        layout: of their boxes, in the same order.
        index: {node: which cell is its}.
    """

    cells: tuple[Cell, ...]
    layout: Layout
    index: dict[int, int]


def sketch(graph: Graph, algorithm: LayoutAlgorithm = lay_out) -> Sketch:
    """Make the cells of a graph, and lay them out."""
    inside = inlined(graph)
    shown = [node for node in graph if node.number not in inside]
    cells = [_leaf(graph, node) if node.operation in LEAVES else _gate(graph, node) for node in shown]
    cells += [_output(graph, number) for number in dict.fromkeys(graph.outputs)]
    index = {node.number: i for i, node in enumerate(shown)}
    parents = [[index[wire.parent] for wire in cell.wires] for cell in cells]
    return Sketch(tuple(cells), algorithm([cell.box for cell in cells], parents), index)


def _leaf(graph: Graph, node: Node) -> Cell:
    """Make the cell of an input or a constant: its name, and the sum of its gradients if several arrive."""
    text, total = sign(graph, node), _total(graph, node)
    width = ceil(max(measure(text, NAME), measure(total, NUMBER))) + 8
    box = Box(width, BOX + TOTAL * bool(total), (), BOX // 2)
    return Cell(node.number, "leaf", text, "", (), total, (), box, 0, width, 0, BOX)


def _gate(graph: Graph, node: Node) -> Cell:
    """Make the cell of an operation."""
    wires = [_wire(graph, node, position, parent) for position, parent in operands(graph, node)]
    rules = _rule_lines(rule_text(graph, node.rule))
    if len(wires) > MAX_OPERANDS:
        rules = (*rules, f"{MAX_OPERANDS} of {len(wires)} operands drawn")
        wires = wires[:MAX_OPERANDS]
    text, total = sign(graph, node), _total(graph, node)
    caption = shortened("/".join(part for part in (node.module, *node.scope[-1:]) if part), 22)
    sign_width = max(BOX, ceil(measure(text, SIGN)) + 12)
    wire_width = max((measure(label, NUMBER) for w in wires for label in (w.above, w.below)), default=0)
    text_width = max([*(measure(line, SMALL) for line in (*rules, caption)), measure(total, NUMBER)])
    overhang = ceil((text_width - sign_width) / 2)
    left = max(ceil(wire_width) + ARROW + 6 if wires else 0, overhang)
    top = LINE * bool(caption)
    sign_height = max(PITCH * len(wires), BOX + 4)
    height = top + sign_height + LINE * len(rules) + TOTAL * bool(total)
    ports = tuple(top + PITCH // 2 + PITCH * i for i in range(len(wires)))
    return Cell(
        number=node.number,
        kind="gate",
        sign=text,
        caption=caption,
        rules=rules,
        total=total,
        wires=tuple(wires),
        box=Box(left + sign_width + max(0, overhang), height, ports, top + sign_height // 2),
        left=left,
        right=left + sign_width,
        top=top + 2,
        bottom=top + sign_height - 2,
    )


def _output(graph: Graph, number: int) -> Cell:
    """Make a wire that leads out of the picture, with the result above and the cotangent it starts with below."""
    wire = Wire(number, 0, value_text(graph[number]), gradient_text(graph.output_cotangent(number)))
    width = ceil(max(measure(wire.above, NUMBER), measure(wire.below, NUMBER))) + ARROW + 6
    box = Box(width, PITCH, (PITCH // 2,), PITCH // 2)
    return Cell(number, "output", "", "", (), "", (wire,), box, width, width, 0, PITCH)


def _wire(graph: Graph, node: Node, position: int, parent: int) -> Wire:
    return Wire(parent, position, value_text(graph[parent]), gradient_text(node.operand_gradients[position]))


def _total(graph: Graph, node: Node) -> str:
    return f"Σ {gradient_text(node.adjoint)}" if has_sum(graph, node) else ""


def _rule_lines(rule: str) -> tuple[str, ...]:
    """Break a rule into a line for each operand, or for as many words as one holds."""
    parts = rule.replace(", ∂", "\n∂").split("\n")
    return tuple(line for part in parts for line in wrap(part, RULE_WIDTH))


@lru_cache(4096)
def measure(text: str, size: float) -> float:
    """Measure the width of a text in points."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    return text_to_path.get_text_width_height_descent(text, FontProperties(size=size), False)[0] if text else 0.0
