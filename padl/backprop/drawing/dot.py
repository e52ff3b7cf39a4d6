"""A graph in the language of graphviz. dot(graph) -> text, with values, gradients and rules; `dot -Tsvg` draws it."""

from html import escape

from padl.backprop.drawing.labels import LEAVES, has_sum, inlined, operands, rule_text, sign
from padl.backprop.drawing.typeset import gradient_text, value_text
from padl.backprop.graph import Graph, Node

VALUE, GRADIENT = "#006B4E", "#B04A00"  # Okabe & Ito's green and vermilion, darkened until small type has contrast 5:1
HEAD = (
    "digraph circuit {",
    '  rankdir=LR; ranksep=0.35; nodesep=0.25; fontname="DejaVu Sans, Verdana, sans-serif";',
    '  node [shape=box, style="rounded,filled", fillcolor="#F4F7FA", fontname="DejaVu Sans, Verdana, sans-serif"];',
    '  edge [arrowsize=0.6, fontsize=11, fontname="DejaVu Sans, Verdana, sans-serif"];',
)


def dot(graph: Graph) -> str:
    """Write a graph in graphviz's language.

    Nodes are called n0, n1, … by their numbers; the label of an edge is the value over the gradient sent back.
    """
    inside = inlined(graph)
    lines = [*HEAD]
    for node in graph:
        if node.number not in inside:
            lines += [_node(graph, node), *_edges(graph, node)]
    for number in dict.fromkeys(graph.outputs):
        label = _label(value_text(graph[number]), gradient_text(graph.output_cotangent(number)))
        lines += [f'  result{number} [label="", shape=none, style="", width=0, height=0];']
        lines += [f"  n{number} -> result{number} [label={label}];"]
    return "\n".join([*lines, "}", ""])


def _node(graph: Graph, node: Node) -> str:
    """Its sign, and smaller below it the local rule and the sum of its gradients."""
    parts = [f"<B>{_safe(sign(graph, node))}</B>"]
    if node.rule:
        parts.append(f'<FONT POINT-SIZE="9" COLOR="#5A5A5A">{_safe(rule_text(graph, node.rule))}</FONT>')
    if has_sum(graph, node):
        parts.append(_gradient(f"Σ {gradient_text(node.adjoint)}"))
    plain = ', shape=plaintext, style=""' if node.operation in LEAVES else ""
    tip = f"{node.operation} {node.label} {' / '.join(node.scope)} {node.source}".split()
    return f'  n{node.number} [label=<{"<BR/>".join(parts)}>{plain}, tooltip="{_safe(" ".join(tip))}"];'


def _edges(graph: Graph, node: Node) -> list[str]:
    edges = []
    for position, parent in operands(graph, node):
        label = _label(value_text(graph[parent]), gradient_text(node.operand_gradients[position]))
        edges.append(f"  n{parent} -> n{node.number} [label={label}];")
    return edges


def _label(above: str, below: str) -> str:
    value = f'<FONT COLOR="{VALUE}">{_safe(above)}</FONT>'
    return f"<{value}<BR/>{_gradient(below)}>" if below else f"<{value}>"


def _gradient(text: str) -> str:
    return f'<FONT POINT-SIZE="11" COLOR="{GRADIENT}"><I>{_safe(text)}</I></FONT>'


def _safe(text: str) -> str:
    """Escape for HTML-like labels and quoted strings alike: leave out what neither can hold."""
    printable = "".join(character if character.isprintable() else " " for character in text)
    return escape(printable).replace("\\", "&#92;")
