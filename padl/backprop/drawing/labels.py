"""What is written about a node. amount: its value; sign: its operation; inlined: constants that stand inside a sign."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from padl.backprop.graph import Graph, Node, as_numpy
from padl.backprop.node_stats import norm
from padl.backprop.rules import pretty

SIGNS = {
    "add": "+",
    "add_any": "+",
    "broadcast_in_dim": "broadcast",
    "concatenate": "concat",
    "conv_general_dilated": "conv",
    "convert_element_type": "convert",
    "custom_jvp_call": "custom",
    "custom_vjp_call": "custom",
    "div": "÷",
    "dot_general": "@",
    "dynamic_slice": "slice",
    "dynamic_update_slice": "update slice",
    "logistic": "σ",
    "mul": "×",
    "neg": "−x",
    "pow": "xʸ",
    "reduce_max": "max",
    "reduce_min": "min",
    "reduce_prod": "product",
    "reduce_sum": "sum",
    "select_n": "where",
    "sqrt": "√",
    "square": "x²",
    "sub": "−",
    "symbolic_zeros": "0",
}
WITH_CONSTANT = {  # with the constant at the left, at the right
    "add": ("{c} + x", "+ {c}"),
    "div": ("{c}/x", "÷ {c}"),
    "max": ("max(x, {c})", "max(x, {c})"),
    "min": ("min(x, {c})", "min(x, {c})"),
    "mul": ("{c} × x", "× {c}"),
    "pow": ("{c}ˣ", "x^{c}"),
    "sub": ("{c} − x", "− {c}"),
}
BETWEEN = {"add": "+", "add_any": "+", "div": "/", "dot_general": "@", "mul": "*", "sub": "-", "pow": "^"}
LEAVES = ("input", "constant")
LONGEST_NAME = 24
ALPHABETS = ("xyzcg", "abrkg", "uvwcg", "pqstd")


def letters(graph: Graph) -> str:
    """What rules call the two operands, the result, a constant and the gradient: none of them an input's own name."""
    taken = {graph[n].label for n in graph.inputs}
    return next((word for word in ALPHABETS if not taken & set(word)), ALPHABETS[0])


def rule_text(graph: Graph, rule: str) -> str:
    """A local rule as it is set in print, in the letters of this graph."""
    own = dict(zip(ALPHABETS[0], letters(graph), strict=True))
    return pretty(re.sub(r"\b[xyzcg]\b", lambda found: own[found[0]], rule))


def number(x: Any) -> str:
    """Four significant digits: "-0.1966"."""
    array = as_numpy(x)
    if array.ndim:
        return "random key" if np.ndim(x) == 0 else str(array)
    return f"{array.item():.4g}" if array.dtype.kind in "fcV" else str(array.item())


def shape(value: Any) -> str:
    """`32×10`."""
    return "×".join(map(str, np.shape(value)))


def amount(value: Any, letter: str = "v") -> str:
    """A number itself; of an array the norm, "|v| 3.2"."""
    array = as_numpy(value)
    if array.ndim == 0:
        return number(array.astype(np.float64) if array.dtype.kind == "V" else array)
    return f"|{letter}| {norm(array):.3g}"


def value_text(node: Node) -> str:
    """`-0.1966`, or `32×10 |v| 3.2`."""
    return f"{shape(node.value)} {amount(node.value)}".strip()


def gradient_text(gradient: Any) -> str:
    """`0.3932`, or `|g| 0.4`; "" where there is none."""
    return "" if gradient is None else amount(gradient, "g")


def inlined(graph: Graph) -> frozenset[int]:
    """Constants that are one number and are written into the sign of what uses them: the 1 of 1/x."""
    return frozenset(
        node.number
        for node in graph
        if node.operation == "constant"
        and not node.shape
        and node.number not in graph.outputs
        and graph.consumers[node.number]
        and all(_takes_in(graph, graph[consumer], node.number) for consumer in graph.consumers[node.number])
    )


def _takes_in(graph: Graph, consumer: Node, constant: int) -> bool:
    """Whether a sign has room for it: of two operands the other one is none such itself."""
    if consumer.operation not in WITH_CONSTANT or len(consumer.parents) != 2:
        return False
    other = next((p for p in consumer.parents if p != constant), None)
    return other is not None and not (graph[other].operation == "constant" and other > constant)


def operands(graph: Graph, node: Node) -> list[tuple[int, int]]:
    """(place, parent) of those that are not written into its sign."""
    inside = inlined(graph)
    return [(place, parent) for place, parent in enumerate(node.parents) if parent not in inside]


def sign(graph: Graph, node: Node) -> str:
    """What stands in a node's box: "+", "1/x", "exp"; of an input its name, of a constant its value."""
    if node.operation == "input":
        return shortened(node.label) or f"input {node.number}"
    if node.operation == "constant":
        return shortened(node.label) or (f"constant {shape(node.value)}" if node.shape else number(node.value))
    places = [place for place, parent in enumerate(node.parents) if parent in inlined(graph)]
    if places:
        return WITH_CONSTANT[node.operation][places[0]].format(c=number(graph[node.parents[places[0]]].value))
    if _power(node):
        return pretty(f"x^{_power(node)}")
    return shortened(SIGNS.get(node.operation, node.operation.replace("_", " ")))


def _power(node: Node) -> str:
    """The exponent of a whole power, which its derivative tells; "" of 0 and 1, and of all else."""
    found = re.match(r"(-?\d+) [*/] x", node.rule) if node.operation == "integer_pow" else None
    return found[1] if found else ""


def written(graph: Graph, node: Node) -> str:
    """An operation with its operands: `#4 + b`, `exp(#6)`; "" for what is none."""
    if node.operation in LEAVES:
        return ""
    parts = [_operand(graph, parent) for parent in node.parents]
    if node.operation in BETWEEN and len(parts) == 2:
        return f" {BETWEEN[node.operation]} ".join(parts)
    if _power(node):
        return f"{parts[0]}^{_power(node)}"
    return f"{node.operation}({', '.join(_few(parts))})"


def _operand(graph: Graph, parent: int) -> str:
    node = graph[parent]
    if node.operation == "constant" and not node.shape:
        return number(node.value)
    return node.label if node.operation in LEAVES and 0 < len(node.label) <= 8 else f"#{parent}"


def _few(parts: Sequence[str], most: int = 3) -> list[str]:
    return [*parts[:most], "…"] if len(parts) > most else list(parts)


def shortened(text: str, most: int = LONGEST_NAME) -> str:
    """At most so many signs, with the middle left out."""
    half = (most - 1) // 2
    return text if len(text) <= most else f"{text[:half]}…{text[-half:]}"


def is_sum(graph: Graph, node: Node) -> bool:
    """Whether several gradients are added up at a node, the one that all begins with among them."""
    return node.adjoint is not None and len(graph.received[node.number]) + (node.number in graph.outputs) > 1
