"""What is written about a node. sign: its operation; inlined: constants that stand in a sign; rule_text: its rule."""

import re
from collections.abc import Sequence

from padl.backprop.drawing.typeset import number, pretty, shape_text, shortened
from padl.backprop.graph import Graph, Node

SIGNS = {  # where the operation has another one than its name
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
WITH_CONSTANT = {  # with the constant as the left operand, as the right one
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
ALPHABETS = ("xyzcg", "abrkg", "uvwcg", "pqstd")


def letters(graph: Graph) -> str:
    """Choose letters for the two operands, the result, a constant and the gradient: none of them an input's name."""
    labels = {graph[n].label for n in graph.inputs}
    return next((alphabet for alphabet in ALPHABETS if not labels & set(alphabet)), ALPHABETS[0])


def rule_text(graph: Graph, rule: str) -> str:
    """Set a local rule in print, in the letters of this graph."""
    letter_for = dict(zip(ALPHABETS[0], letters(graph), strict=True))
    return pretty(re.sub(r"\b[xyzcg]\b", lambda letter: letter_for[letter[0]], rule))


def inlined(graph: Graph) -> frozenset[int]:
    """Find the constants that are one number and are written into the sign of what uses them: the 1 of 1/x."""
    return frozenset(
        node.number
        for node in graph
        if node.operation == "constant"
        and not node.shape
        and node.number not in graph.outputs
        and graph.consumers[node.number]
        and all(_has_room_for(graph, graph[consumer], node.number) for consumer in graph.consumers[node.number])
    )


def _has_room_for(graph: Graph, consumer: Node, constant: int) -> bool:
    """Tell whether a constant can stand in the sign of a consumer: of two constant operands only the later one."""
    if consumer.operation not in WITH_CONSTANT or len(consumer.parents) != 2:
        return False
    other = next((p for p in consumer.parents if p != constant), None)
    return other is not None and not (graph[other].operation == "constant" and other > constant)


def operands(graph: Graph, node: Node) -> list[tuple[int, int]]:
    """List (position, parent) of the operands that are not written into its sign."""
    inside = inlined(graph)
    return [(position, parent) for position, parent in enumerate(node.parents) if parent not in inside]


def sign(graph: Graph, node: Node) -> str:
    """Write what stands in a node's box: "+", "1/x", "exp"; of an input its name, of a constant its value."""
    if node.operation == "input":
        return shortened(node.label) or f"input {node.number}"
    if node.operation == "constant":
        return shortened(node.label) or (f"constant {shape_text(node.value)}" if node.shape else number(node.value))
    inside = inlined(graph)
    position = next((i for i, parent in enumerate(node.parents) if parent in inside), None)
    if position is not None:
        return WITH_CONSTANT[node.operation][position].format(c=number(graph[node.parents[position]].value))
    if _exponent(node):
        return pretty(f"x^{_exponent(node)}")
    return shortened(SIGNS.get(node.operation, node.operation.replace("_", " ")))


def _exponent(node: Node) -> str:
    """The exponent of an integer power, which its derivative names; "" of 0 and 1, and of all else."""
    match = re.match(r"(-?\d+) [*/] x", node.rule) if node.operation == "integer_pow" else None
    return match[1] if match else ""


def operation_text(graph: Graph, node: Node) -> str:
    """Write an operation with its operands: `#4 + b`, `exp(#6)`; "" for an input or a constant."""
    if node.operation in LEAVES:
        return ""
    parts = [_operand(graph, parent) for parent in node.parents]
    if node.operation in BETWEEN and len(parts) == 2:
        return f" {BETWEEN[node.operation]} ".join(parts)
    if _exponent(node):
        return f"{parts[0]}^{_exponent(node)}"
    return f"{node.operation}({', '.join(_first_three(parts))})"


def _operand(graph: Graph, parent: int) -> str:
    node = graph[parent]
    if node.operation == "constant" and not node.shape:
        return number(node.value)
    return node.label if node.operation in LEAVES and 0 < len(node.label) <= 8 else f"#{parent}"


def _first_three(parts: Sequence[str]) -> list[str]:
    return [*parts[:3], "…"] if len(parts) > 3 else list(parts)


def has_sum(graph: Graph, node: Node) -> bool:
    """Tell whether several gradients are added up at a node, its cotangent as an output among them."""
    return node.adjoint is not None and len(graph.incoming_gradients[node.number]) + (node.number in graph.outputs) > 1
