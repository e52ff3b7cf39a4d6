"""Where the first NaN or infinity of a computation began. NonfiniteOrigin, first_nonfinite."""

from typing import Literal, NamedTuple

from padl.backprop.arrays import nonfinite_kind
from padl.backprop.graph import Graph, Node
from padl.backprop.per_layer import layer_names


class NonfiniteOrigin(NamedTuple):
    """The first NaN or infinity that reached the result or a gradient.

    Attributes:
        node: whose value it is, or whose operation sends it back as a gradient.
        direction: of the pass in which it arose.
        kind: "NaN" or "infinity".
        computed: whether an operation on finite numbers made it; False if it was put in.
        layer: of the model that the node is in; "" outside of any.
    """

    node: Node
    direction: Literal["forward", "backward"]
    kind: str
    computed: bool
    layer: str

    def __str__(self) -> str:
        node = self.node
        layer = f"layer {self.layer}" if self.layer not in ("", node.name) else ""
        places = [place for place in (layer, node.source) if place]
        where = f" ({', '.join(places)})" if places else ""
        what = "value" if self.direction == "forward" else "gradient it sends"
        how = "" if self.computed else ", which was put in"
        return (
            f"first {self.kind}, in the {self.direction} pass: "
            f"the {what} of node {node.number}, {node.name}{where}{how}"
        )


def first_nonfinite(graph: Graph) -> NonfiniteOrigin | None:
    """Find where the NaN or infinity began that reached the result, or else a gradient of the arguments.

    Returns:
        None if all of these are finite. What is masked on the way, as the -inf of a logit that does not count, does not
        reach them.
    """
    return _first_forward(graph) or _first_backward(graph)


def _first_forward(graph: Graph) -> NonfiniteOrigin | None:
    """Follow values that are not finite from the results back to the first of them."""
    reached = {n for n in graph.outputs if nonfinite_kind(graph[n].value)}
    for node in reversed(graph.nodes):
        if node.number in reached:
            reached |= {p for p in node.parents if nonfinite_kind(graph[p].value)}
    if not reached:
        return None
    node = graph[min(reached)]
    layer = layer_names(graph)[node.number]
    return NonfiniteOrigin(node, "forward", nonfinite_kind(node.value), bool(node.parents), layer)


def _first_backward(graph: Graph) -> NonfiniteOrigin | None:
    """Follow gradients that are not finite from the arguments on to the operation that sent one first."""
    reached = {n for n in graph.inputs if nonfinite_kind(graph[n].adjoint)}
    senders: set[int] = set()
    for node in graph:
        if node.number in reached:
            consumers = {
                edge.consumer for edge in graph.incoming_gradients[node.number] if nonfinite_kind(edge.gradient)
            }
            senders |= consumers
            reached |= {n for n in consumers if nonfinite_kind(graph[n].adjoint)}
    if not senders:
        return None
    node = graph[max(senders)]
    kind = next(filter(None, map(nonfinite_kind, node.operand_gradients)))
    layer = layer_names(graph)[node.number]
    return NonfiniteOrigin(node, "backward", kind, not nonfinite_kind(node.adjoint), layer)
