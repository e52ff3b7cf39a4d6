"""A graph as a table for the terminal: circuit(graph), a line for each value."""

from rich import box
from rich.markup import escape
from rich.table import Table

from padl.backprop.drawing.labels import gradient_text, inlined, letters, rule_text, shape, value_text, written
from padl.backprop.graph import Graph, Node

TERMS = 3  # of a sum of gradients
LABEL = 20  # signs of a label, so that a line has 80


def circuit(graph: Graph) -> Table:
    """A line for each node in the order of evaluation: number, name, operation, value, gradient, local rule.

    The gradient of a value that is used several times is written as the sum of what its uses send: "0.5 = 0.2 + 0.3".
    Of arrays there are shape and norms. A number that an operation is given, as the 1 of 1/x, has no line of its own.
    """
    a, b, result, constant, _ = letters(graph)
    words = f"rules: {a}, {b} operands in their order, {result} result, {constant} constant"
    told = Table(box=box.SIMPLE_HEAD, header_style="bold", padding=(0, 1), pad_edge=False, caption=words)
    told.caption_justify = "left"
    told.add_column("#", justify="right", no_wrap=True)
    told.add_column("expression", overflow="ellipsis", no_wrap=True, max_width=LABEL)
    told.add_column("operation", overflow="fold", min_width=9)
    told.add_column("value", justify="right", overflow="fold", min_width=7)
    told.add_column("gradient", justify="right", overflow="fold", min_width=8)
    told.add_column("local rule", overflow="fold", min_width=12)
    inside = inlined(graph)
    for node in graph:
        if node.number not in inside:
            told.add_row(*map(escape, _cells(graph, node)), style="bold" if node.number in graph.outputs else None)
    return told


def _cells(graph: Graph, node: Node) -> tuple[str, ...]:
    label = node.label or node.operation
    told = written(graph, node), value_text(node), _gradient(graph, node), rule_text(graph, node.rule)
    return str(node.number), label, *told


def _gradient(graph: Graph, node: Node) -> str:
    """`0.5 = 0.2 + 0.3` where several are added up."""
    received = graph.received[node.number]
    total = gradient_text(node.adjoint)
    if len(received) < 2 or shape(node.value):
        return f"{total} = Σ of {len(received)}" if len(received) > 1 else total
    terms = [gradient_text(sent.gradient) for sent in reversed(received)]
    shown = [*terms[:TERMS], "…"] if len(terms) > TERMS else terms
    return f"{total} = {' + '.join(f'({t})' if t.startswith('-') and i else t for i, t in enumerate(shown))}"
