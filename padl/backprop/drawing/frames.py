"""A circuit one step at a time, forward and then backward. Frame, frames: what happens; captions: in words."""

import re
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

from padl.backprop.drawing.labels import LEAVES, has_sum, inlined, operands, rule_text, sign
from padl.backprop.drawing.typeset import amount, shortened, value_text
from padl.backprop.graph import Graph, Node
from padl.backprop.parser import parse
from padl.types import PadlError

MAX_INPUTS = 6  # in a caption


class Frame(NamedTuple):
    """One step of a computation, as it is shown.

    Attributes:
        phase: of the computation.
        caption: what happens, in words.
        active: the node that it happens at; None for the inputs.
        appearing: names of the parts of the circuit's figure that are shown from here on.
    """

    phase: Literal["inputs", "forward", "backward"]
    caption: str
    active: int | None
    appearing: tuple[str, ...]


def frames(graph: Graph) -> list[Frame]:
    """Show the inputs; each value; the gradient that the result starts with; what each node sends back, the last first.

    Args:
        graph: as it is drawn by `padl.backprop.draw`.
    """
    inside = inlined(graph)
    shown = [node for node in graph if node.number not in inside]
    value_labels = _value_labels(graph, shown)
    leaves = [node for node in shown if node.operation in LEAVES]
    gates = [node for node in shown if node.operation not in LEAVES]
    leaf_labels = tuple(label for node in leaves for label in value_labels[node.number])
    inputs = Frame("inputs", _inputs(graph, leaves), None, leaf_labels)
    forward = [Frame("forward", _equality(graph, n), n.number, tuple(value_labels[n.number])) for n in gates]
    return [inputs, *forward, *_results(graph), *_backward(graph, shown, gates)]


def captions(shown: Sequence[Frame]) -> list[str]:
    """Write the caption of each frame with its number: `step 7 of 17, backward: …`."""
    return [f"step {i} of {len(shown) - 1}, {frame.phase}: {frame.caption}" for i, frame in enumerate(shown)]


def formula_text(graph: Graph) -> str:
    """Write what is computed, without the result, which is not known yet in the first frame."""
    return ", ".join(graph[n].label or sign(graph, graph[n]) for n in dict.fromkeys(graph.outputs))


def _value_labels(graph: Graph, shown: Sequence[Node]) -> Mapping[int, list[str]]:
    """{node: the names of the labels that show its value}."""
    labels: dict[int, list[str]] = {node.number: [] for node in shown}
    for node in shown:
        for position, parent in operands(graph, node):
            labels[parent].append(f"value-{node.number}-{position}")
    for number in graph.outputs:
        labels[number].append(f"value-result-{number}")
    return labels


def _inputs(graph: Graph, leaves: Sequence[Node]) -> str:
    texts = [_equality(graph, node) for node in leaves if node.operation == "input"]
    return ", ".join([*texts[:MAX_INPUTS], "…"] if len(texts) > MAX_INPUTS else texts) or "there are none"


def _equality(graph: Graph, node: Node) -> str:
    return f"{_name(graph, node)} = {value_text(node)}"


def _name(graph: Graph, node: Node) -> str:
    return shortened(node.label, 32) or sign(graph, node)


def _results(graph: Graph) -> list[Frame]:
    """Show the cotangents that the backward pass starts with."""
    numbers = [number for number in dict.fromkeys(graph.outputs) if graph[number].adjoint is not None]
    caption = "the gradient of the result with respect to itself is {}"
    return [
        Frame("backward", caption.format(amount(graph.output_cotangent(n), "g")), n, (f"gradient-result-{n}",))
        for n in numbers
    ]


def _backward(graph: Graph, shown: Sequence[Node], gates: Sequence[Node]) -> list[Frame]:
    """Show what each node sends, and with the last term of a sum the sum."""
    missing = {node.number: len(graph.incoming_gradients[node.number]) for node in shown}
    backward = []
    for node in reversed(gates):
        products, appearing = [], []
        for position in _sending_positions(node):
            parent = graph[node.parents[position]]
            receiver = _name(graph, parent) if len(operands(graph, node)) > 1 else "its input"
            products.append(f"{_product(graph, node, position)} to {receiver}")
            appearing.append(f"gradient-{node.number}-{position}")
            missing[parent.number] -= 1
            if not missing[parent.number] and has_sum(graph, parent):
                appearing.append(f"total-{parent.number}")
        if products:
            caption = f"{sign(graph, node)} sends {'; '.join(products)}"
            backward.append(Frame("backward", caption, node.number, tuple(appearing)))
    return backward


def _sending_positions(node: Node) -> list[int]:
    """The operands that it sends a gradient to."""
    return [position for position, gradient in enumerate(node.operand_gradients) if gradient is not None]


def _product(graph: Graph, node: Node, position: int) -> str:
    """`-1 / x² · 1 = -0.5344`; the rule in brackets if it is no formula or stands for arrays."""
    rule = _rule_of_operand(node, position)
    gradient = amount(node.operand_gradients[position], "g")
    if not node.shape and node.adjoint is not None and _is_formula(rule):
        factor = f"({rule})" if " + " in rule or " - " in rule else rule
        adjoint = amount(node.adjoint)
        return f"{rule_text(graph, factor)} · {f'({adjoint})' if adjoint.startswith('-') else adjoint} = {gradient}"
    return f"{gradient} ({rule_text(graph, rule)})" if rule else gradient


def _rule_of_operand(node: Node, position: int) -> str:
    """Cut a rule of several operands, "∂x: y, ∂y: x", to that of one."""
    rules = re.findall(r"∂\w: (.*?)(?=, ∂|$)", node.rule) or [node.rule]
    sending = _sending_positions(node)
    return rules[min(sending.index(position), len(rules) - 1)] if len(sending) > 1 else rules[-1]


def _is_formula(rule: str) -> bool:
    try:
        return bool(rule and parse(rule))
    except PadlError:
        return False
