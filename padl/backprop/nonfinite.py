"""Where the first NaN or infinity of a computation began. Fault, first_fault."""

from typing import NamedTuple

from padl.backprop.graph import Graph, Node
from padl.backprop.layers import layer_of_each
from padl.backprop.node_stats import kind_of, name_of


class Fault(NamedTuple):
    """The first NaN or infinity.

    Attributes:
        node: whose value it is, or which sends it as a gradient. pass_: "forward" or "backward". kind: "NaN" or
            "infinity". origin: whether it was made here, by an operation on finite numbers; or else was put in.
        layer: of the model that the node is in, "" for none.
    """

    node: Node
    pass_: str
    kind: str
    origin: bool
    layer: str

    def __str__(self) -> str:
        n = self.node
        layer = self.layer and self.layer != name_of(n) and f"layer {self.layer}"
        places = [word for word in (layer, n.source) if word]
        place = f" ({', '.join(places)})" if places else ""
        what = "value" if self.pass_ == "forward" else "gradient it sends"
        how = "" if self.origin else ", which was put in"
        return f"first {self.kind}, in the {self.pass_} pass: the {what} of node {n.number}, {name_of(n)}{place}{how}"


def first_fault(graph: Graph) -> Fault | None:
    """Where the NaN or infinity began that reached the result, or else the gradients of the arguments; None where all
    of these are finite. What is masked on the way, as the -inf of a logit that does not count, is no fault."""
    return _forward_fault(graph) or _backward_fault(graph)


def _forward_fault(graph: Graph) -> Fault | None:
    """From the results back through values that are not finite, to the first of them."""
    reached = {n for n in graph.outputs if kind_of(graph.nodes[n].value)}
    for node in reversed(graph.nodes):
        if node.number in reached:
            reached |= {p for p in node.parents if kind_of(graph.nodes[p].value)}
    if not reached:
        return None
    node = graph.nodes[min(reached)]
    return Fault(node, "forward", kind_of(node.value), bool(node.parents), layer_of_each(graph)[node.number])


def _backward_fault(graph: Graph) -> Fault | None:
    """From the arguments forward through gradients that are not finite, to the one that was sent first."""
    reached = {n for n in graph.inputs if kind_of(graph.nodes[n].adjoint)}
    senders: set[int] = set()
    for node in graph.nodes:
        if node.number in reached:
            found = {s.consumer for s in graph.received[node.number] if kind_of(s.gradient)}
            senders |= found
            reached |= {n for n in found if kind_of(graph.nodes[n].adjoint)}
    if not senders:
        return None
    node = graph.nodes[max(senders)]
    kind = next(kind for kind in map(kind_of, node.sent) if kind)
    return Fault(node, "backward", kind, not kind_of(node.adjoint), layer_of_each(graph)[node.number])
