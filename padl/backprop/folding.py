"""Smaller graphs of the same computation. fold: nested functions as nodes; prune: what gradients go through."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import reduce
from operator import add
from typing import Any

from padl.backprop.graph import Graph, Node

Scope = tuple[str, ...]


def fold(graph: Graph, depth: int = 0) -> Graph:
    """Turn every function nested deeper than `depth` into one node for each of its results.

    A folded node's operands are what the function takes from outside, and it sends each of them the sum of what its
    inside sends. Values and gradients of all other nodes stay as they are.

    Args:
        graph: stays as it is.
        depth: levels of nesting that stay open; 0 folds all.
    """
    groups = _groups(graph, depth)
    scope_of = {n: scope for scope, members in groups.items() for n in members}
    kept: list[Node] = []
    for node in graph:
        scope = scope_of.get(node.number)
        if scope is None:
            kept.append(node)
        elif node.number == groups[scope][-1]:
            kept += _folded(graph, scope, groups[scope])
    return _renumbered(graph, kept)


def prune(graph: Graph) -> Graph:
    """Keep only the nodes that a gradient goes through, and their operands, as constants.

    What goes is, for example, the drawing of a batch and of random numbers.
    """
    smooth = {node.number for node in graph if node.adjoint is not None} | {*graph.inputs, *graph.outputs}
    shown = smooth | {p for n in smooth for p in graph[n].parents}
    kept = [node for node in graph if node.number in shown]
    return _renumbered(graph, [n if n.number in smooth else _constant(n) for n in kept])


def _constant(node: Node) -> Node:
    return Node(node.number, "constant", (), node.value, label=node.label)


def _renumbered(graph: Graph, kept: Sequence[Node]) -> Graph:
    """Make the graph of these nodes alone."""
    new = {node.number: i for i, node in enumerate(kept)}
    nodes = [replace(node, number=new[node.number], parents=tuple(new[p] for p in node.parents)) for node in kept]
    inputs, outputs = (tuple(new[n] for n in numbers) for numbers in (graph.inputs, graph.outputs))
    return replace(graph, nodes=tuple(nodes), inputs=inputs, outputs=outputs)


def _groups(graph: Graph, depth: int) -> dict[Scope, list[int]]:
    """{scope to fold: its nodes}. Constants that only one of them takes go with it."""
    groups: dict[Scope, list[int]] = {}
    for node in graph:
        scope = node.scope
        if node.operation == "constant":
            scopes = {graph[n].scope[: depth + 1] for n in graph.consumers[node.number]}
            scope = scopes.pop() if len(scopes) == 1 else ()
        if len(scope) > depth:
            groups.setdefault(scope[: depth + 1], []).append(node.number)
    return groups


def _folded(graph: Graph, scope: Scope, members: Sequence[int]) -> list[Node]:
    """Make a node for each result of a function, with the operands that it takes from outside.

    Its first result carries the gradients of the operands, for all of them.
    """
    inside = set(members)
    results = [n for n in members if n in graph.outputs or any(c not in inside for c in graph.consumers[n])]
    operands = list(dict.fromkeys(p for n in members for p in graph[n].parents if p not in inside))
    gradients = tuple(_sent_by(graph, inside, operand) for operand in operands)
    return [
        replace(
            graph[n],
            operation=scope[-1],
            parents=tuple(operands),
            adjoint=_from_outside(graph, inside, n),
            operand_gradients=gradients if n == results[0] else (None,) * len(operands),
            rule="",
            scope=scope[:-1],
        )
        for n in results
    ]


def _sent_by(graph: Graph, members: Collection[int], operand: int) -> Any:
    """Add up what the members send to a value outside, the last first."""
    return _sum([edge.gradient for edge in graph.incoming_gradients[operand] if edge.consumer in members])


def _from_outside(graph: Graph, members: Collection[int], result: int) -> Any:
    """Add up the gradient of a function's result: its cotangent as an output, and what comes back from outside."""
    cotangent = graph.output_cotangent(result)
    edges = [edge.gradient for edge in graph.incoming_gradients[result] if edge.consumer not in members]
    return _sum(edges if cotangent is None else [cotangent, *edges])


def _sum(gradients: Sequence[Any]) -> Any:
    return reduce(add, gradients) if gradients else None
