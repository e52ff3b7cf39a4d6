"""A model's graph layer by layer: where gradients vanish or explode. Layer, layers, verdict."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from padl.backprop.graph import Graph, Node, as_numpy
from padl.backprop.node_stats import is_sound, norm, zeros

REAL = ("float", "bfloat")
VANISHED, EXPLODED = 1e-3, 1e3  # gradient at the first layer with parameters, relative to that at the last


class Layer(NamedTuple):
    """The nodes of one layer.

    Attributes:
        name: of its parameters or its `jax.named_scope`; "" for what comes before any layer. nodes: how many.
        shape: of its output, the last value that another layer takes.
        value: root mean square of the output. zeros: the share of it that is exactly 0.
        gradient: Euclidean norm of the gradient with respect to the output, NaN where none comes back.
        silent: the share of that which is exactly 0.
        parameters: how many numbers it learns. weights, learned: Euclidean norms of these and of their gradient, NaN
            without any.
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
    """The layers in the order in which they are first evaluated.

    A node is in the layer of its `jax.named_scope`, or else in that of the parameter that it takes ("blocks.0.linear"
    for "blocks.0.linear.kernel"), or else in that of the value that it goes on from.
    """
    names = layer_of_each(graph)
    members: dict[str, list[Node]] = {}
    for node in graph.nodes:
        if node.parents:
            members.setdefault(names[node.number], []).append(node)
    return [_layer(graph, name, nodes, names) for name, nodes in members.items()]


def layer_of_each(graph: Graph) -> list[str]:
    """For each node the layer that it is in; for a parameter that of the first node that uses it with others."""
    names: list[str] = []
    owned: list[bool] = []  # a parameter, or made of one alone: its cast, its transpose
    for node in graph.nodes:
        takes = [p for p in node.parents if owned[p]]
        moving = [p for p in node.parents if not owned[p] and graph.nodes[p].adjoint is not None]
        before = [names[p] for p in node.parents if names[p]]
        owned.append((not node.parents and node.number in graph.inputs) or (bool(takes) and not moving))
        if not node.parents:
            names.append(_home(node.label) if node.number in graph.inputs else "")
        else:
            names.append(node.module or next((names[p] for p in reversed(takes)), before[-1] if before else ""))
    return names


def _home(label: str) -> str:
    """`blocks.0.linear.kernel` -> `blocks.0.linear`; `w` -> `w`."""
    return label.rpartition(".")[0] or label


def _layer(graph: Graph, name: str, nodes: Sequence[Node], names: Sequence[str]) -> Layer:
    own = [graph.nodes[n] for n in graph.inputs if names[n] == name and graph.nodes[n].adjoint is not None]
    weights, learned = [as_numpy(p.value).ravel() for p in own], [as_numpy(p.adjoint).ravel() for p in own]
    output = _output(graph, name, nodes, names, learns=bool(own))
    value, gradient = as_numpy(output.value), None if output.adjoint is None else as_numpy(output.adjoint)
    return Layer(
        name=name,
        nodes=len(nodes),
        shape=output.shape,
        value=norm(value) / max(value.size, 1) ** 0.5,
        zeros=zeros(value),
        gradient=norm(gradient),
        silent=zeros(gradient),
        parameters=sum(w.size for w in weights),
        weights=norm(np.concatenate(weights)) if own else float("nan"),
        learned=norm(np.concatenate(learned)) if own else float("nan"),
        finite=all(map(is_sound, (value, gradient, *learned))),
    )


def _output(graph: Graph, name: str, nodes: Sequence[Node], names: Sequence[str], learns: bool) -> Node:
    """The last of the largest values that other layers take, one that a gradient comes back to where there is any.

    Before any layer it is what the first of them takes. Of a layer whose values none takes, it is the last of its
    largest where it has parameters, or else its result.
    """
    leaves = {n.number: [c for c in graph.consumers[n.number] if names[c] != name] for n in nodes}
    taken = [n for n in nodes if leaves[n.number]]
    if not name and taken:
        return min(taken, key=lambda n: (not n.dtype.startswith(REAL), leaves[n.number][0]))
    among = taken or (nodes if learns else nodes[-1:])
    return max(among, key=lambda n: (n.adjoint is not None, n.dtype.startswith(REAL), as_numpy(n.value).size, n.number))


def verdict(found: Sequence[Layer]) -> str:
    """Whether the gradient vanishes or explodes on its way back, in a line; "" where it does neither."""
    learning = [layer for layer in found if layer.parameters and np.isfinite(layer.gradient)]
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
