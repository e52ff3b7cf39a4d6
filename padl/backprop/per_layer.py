"""A model's graph layer by layer: where gradients vanish or explode. Layer, layers, verdict."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from padl.backprop.arrays import as_numpy, nonfinite_kind, norm, share_of_zeros
from padl.backprop.graph import Graph, Node

FLOATS = ("float", "bfloat")  # how the names of their dtypes begin
VANISHED, EXPLODED = 1e-3, 1e3  # gradient at the first layer with parameters, relative to that at the last


class Layer(NamedTuple):
    """The nodes of one layer, in numbers.

    Attributes:
        name: of its parameters or its `jax.named_scope`; "" for what comes before any layer.
        nodes: how many.
        shape: of its output, the last value that another layer takes.
        value: root mean square of the output.
        zeros: share of the output that is exactly 0.
        gradient: Euclidean norm of the gradient with respect to the output; NaN if none comes back.
        silent: share of that gradient that is exactly 0; NaN if none comes back.
        parameters: how many numbers it learns.
        weights: Euclidean norm of the parameters; NaN without any.
        learned: Euclidean norm of the parameters' gradient; NaN without any.
        finite: whether output, gradient and parameters' gradients are.
    """

    name: str
    nodes: int
    shape: tuple[int, ...]
    value: float
    zeros: float
    gradient: float
    silent: float
    parameters: int
    weights: float
    learned: float
    finite: bool


def layers(graph: Graph) -> list[Layer]:
    """Measure every layer, in the order in which they are first evaluated.

    A node is in the layer of its `jax.named_scope`, or else in that of the parameter that it takes ("blocks.0.linear"
    for "blocks.0.linear.kernel"), or else in that of the value that it goes on from.
    """
    names = layer_names(graph)
    members: dict[str, list[Node]] = {}
    for node in graph:
        if node.parents:
            members.setdefault(names[node.number], []).append(node)
    return [_layer(graph, name, nodes, names) for name, nodes in members.items()]


def layer_names(graph: Graph) -> list[str]:
    """Name the layer of each node; of a parameter that of the first node that uses it with others."""
    names: list[str] = []
    from_parameter: list[bool] = []  # a parameter, or made of one alone: its cast, its transpose
    for node in graph:
        parameters = [p for p in node.parents if from_parameter[p]]
        activations = [p for p in node.parents if not from_parameter[p] and graph[p].adjoint is not None]
        inherited = [names[p] for p in node.parents if names[p]]
        is_input = not node.parents and node.number in graph.inputs
        from_parameter.append(is_input or (bool(parameters) and not activations))
        if not node.parents:
            names.append(_layer_of_parameter(node.label) if is_input else "")
        else:
            names.append(node.module or next((names[p] for p in reversed(parameters)), ["", *inherited][-1]))
    return names


def _layer_of_parameter(label: str) -> str:
    """`blocks.0.linear.kernel` -> `blocks.0.linear`; `w` -> `w`."""
    return label.rpartition(".")[0] or label


def _layer(graph: Graph, name: str, nodes: Sequence[Node], names: Sequence[str]) -> Layer:
    parameters = [graph[n] for n in graph.inputs if names[n] == name and graph[n].adjoint is not None]
    weights = [as_numpy(p.value).ravel() for p in parameters]
    weight_gradients = [as_numpy(p.adjoint).ravel() for p in parameters]
    output = _output(graph, name, nodes, names, learns=bool(parameters))
    value, gradient = as_numpy(output.value), None if output.adjoint is None else as_numpy(output.adjoint)
    return Layer(
        name=name,
        nodes=len(nodes),
        shape=output.shape,
        value=norm(value) / max(value.size, 1) ** 0.5,
        zeros=share_of_zeros(value),
        gradient=norm(gradient),
        silent=share_of_zeros(gradient),
        parameters=sum(w.size for w in weights),
        weights=norm(np.concatenate(weights) if weights else None),
        learned=norm(np.concatenate(weight_gradients) if weights else None),
        finite=not any(map(nonfinite_kind, (value, gradient, *weight_gradients))),
    )


def _output(graph: Graph, name: str, nodes: Sequence[Node], names: Sequence[str], learns: bool) -> Node:
    """Choose the last of the largest values that other layers take, if possible one that a gradient comes back to.

    Before any layer it is what the first of them takes. Of a layer whose values none takes, it is the last of its
    largest if it has parameters, or else its result.
    """
    outside = {n.number: [c for c in graph.consumers[n.number] if names[c] != name] for n in nodes}
    taken = [n for n in nodes if outside[n.number]]
    if not name and taken:
        return min(taken, key=lambda n: (not n.dtype.startswith(FLOATS), outside[n.number][0]))
    candidates = taken or (nodes if learns else nodes[-1:])
    return max(
        candidates,
        key=lambda n: (n.adjoint is not None, n.dtype.startswith(FLOATS), as_numpy(n.value).size, n.number),
    )


def verdict(stats: Sequence[Layer]) -> str:
    """Say in a line whether the gradient vanishes or explodes on its way back; "" if it does neither.

    Compares its norm at the first layer with parameters to that at the last: below 1e-3 it vanishes, above 1e3 it
    explodes.
    """
    learning = [layer for layer in stats if layer.parameters and np.isfinite(layer.gradient)]
    dead = [layer.name for layer in learning if layer.gradient == 0]
    if dead:
        return f"no gradient at all comes back to {', '.join(dead)}"
    if len(learning) < 2:
        return ""
    first, last = learning[0], learning[-1]
    ratio = first.gradient / last.gradient
    if VANISHED <= ratio <= EXPLODED:
        return ""
    word = "vanishes" if ratio < 1 else "explodes"
    return f"the gradient {word}: {ratio:.1e} of that at {last.name} is left at {first.name}"
