"""A graph as a table for the terminal. table(graph), a line for each value."""

from rich import box
from rich.markup import escape
from rich.table import Table

from padl.backprop.drawing.labels import inlined, letters, operation_text, rule_text
from padl.backprop.drawing.typeset import gradient_text, value_text
from padl.backprop.graph import Graph, Node

TERMS = 3  # of a sum of gradients
LABEL = 20  # characters of a label, so that a line has 80


def table(graph: Graph) -> Table:
    """Make a line for each node in the order of evaluation: number, name, operation, value, gradient, local rule.

    The gradient of a value that is used several times is written as the sum of what its uses send: "0.5 = 0.2 + 0.3".
    Of arrays there are shape and norms. A number that stands in an operation's sign, as the 1 of 1/x, has no line.
    """
    a, b, result, constant, _ = letters(graph)
    legend = f"rules: {a}, {b} operands in their order, {result} result, {constant} constant"
    lines = Table(box=box.SIMPLE_HEAD, header_style="bold", padding=(0, 1), pad_edge=False, caption=legend)
    lines.caption_justify = "left"
    lines.add_column("#", justify="right", no_wrap=True)
    lines.add_column("expression", overflow="ellipsis", no_wrap=True, max_width=LABEL)
    lines.add_column("operation", overflow="fold", min_width=9)
    lines.add_column("value", justify="right", overflow="fold", min_width=7)
    lines.add_column("gradient", justify="right", overflow="fold", min_width=8)
    lines.add_column("local rule", overflow="fold", min_width=12)
    inside = inlined(graph)
    for node in graph:
        if node.number not in inside:
            lines.add_row(*map(escape, _line(graph, node)), style="bold" if node.number in graph.outputs else None)
    return lines


def _line(graph: Graph, node: Node) -> tuple[str, ...]:
    operation, rule = operation_text(graph, node), rule_text(graph, node.rule)
    return str(node.number), node.name, operation, value_text(node), _gradient(graph, node), rule


def _gradient(graph: Graph, node: Node) -> str:
    """`0.5 = 0.2 + 0.3` if several are added up."""
    incoming = graph.incoming_gradients[node.number]
    total = gradient_text(node.adjoint)
    if len(incoming) < 2:
        return total
    if node.shape:
        return f"{total} = Σ of {len(incoming)}"
    terms = [gradient_text(edge.gradient) for edge in reversed(incoming)]
    shown = [*terms[:TERMS], "…"] if len(terms) > TERMS else terms
    return f"{total} = {' + '.join(f'({t})' if t.startswith('-') and i else t for i, t in enumerate(shown))}"
