"""Smaller graphs of the same computation. fold: nested functions as nodes; prune: what gradients go through."""

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from operator import add
from typing import Any

from padl.backprop.graph import Graph, Node

Scope = tuple[str, ...]


def fold(graph: Graph, depth: int) -> Graph:
    """Every function nested deeper than `depth` as one node for each of its results.

    Args:
        depth: levels of nesting that stay open; 0 folds all.
    """
    groups = _groups(graph, depth)
    owner = {n: scope for scope, members in groups.items() for n in members}
    kept: list[Node] = []
    for node in graph.nodes:
        scope = owner.get(node.number)
        if scope is None:
            kept.append(node)
        elif node.number == groups[scope][-1]:
            kept += _folded(graph, scope, groups[scope])
    return _of(graph, kept)


def prune(graph: Graph) -> Graph:
    """Only the nodes that a gradient goes through, and their operands; of these the others stand as constants."""
    smooth = {node.number for node in graph.nodes if node.adjoint is not None} | {*graph.inputs, *graph.outputs}
    shown = smooth | {p for n in smooth for p in graph.nodes[n].parents}
    kept = [node for node in graph.nodes if node.number in shown]
    return _of(graph, [n if n.number in smooth else _constant(n) for n in kept])


def _constant(node: Node) -> Node:
    return Node(node.number, "constant", (), node.value, label=node.label)


def _of(graph: Graph, kept: Sequence[Node]) -> Graph:
    """The graph of these nodes alone, numbered anew."""
    new = {node.number: i for i, node in enumerate(kept)}
    nodes = [replace(node, number=new[node.number], parents=tuple(new[p] for p in node.parents)) for node in kept]
    inputs, outputs = (tuple(new[n] for n in numbers) for numbers in (graph.inputs, graph.outputs))
    return Graph(tuple(nodes), inputs, outputs, graph.seeds, graph.gradients)


def _groups(graph: Graph, depth: int) -> dict[Scope, list[int]]:
    """{scope to fold: its nodes}. Constants that only one of them takes go with it."""
    found: dict[Scope, list[int]] = {}
    for node in graph.nodes:
        own = node.scope
        if node.operation == "constant":
            users = {graph.nodes[n].scope[: depth + 1] for n in graph.consumers[node.number]}
            own = users.pop() if len(users) == 1 else ()
        if len(own) > depth:
            found.setdefault(own[: depth + 1], []).append(node.number)
    return found


def _folded(graph: Graph, scope: Scope, members: Sequence[int]) -> list[Node]:
    """A node for each result of the function, with the operands that it takes from outside."""
    inside = set(members)
    results = [n for n in members if n in graph.outputs or any(c not in inside for c in graph.consumers[n])]
    operands = list(dict.fromkeys(p for n in members for p in graph.nodes[n].parents if p not in inside))
    sent = tuple(_total(graph, members, operand) for operand in operands)
    name = scope[-1]
    return [
        replace(
            graph.nodes[n],
            operation=name,
            parents=tuple(operands),
            adjoint=_from_outside(graph, members, n),
            sent=sent if n == results[0] else (None,) * len(operands),
            rule="",
            scope=scope[:-1],
        )
        for n in results
    ]


def _total(graph: Graph, members: Sequence[int], operand: int) -> Any:
    """What the members send to a value outside, added up, the last first."""
    inside = set(members)
    return _sum([gradient for consumer, _, gradient in graph.received[operand] if consumer in inside])


def _from_outside(graph: Graph, members: Sequence[int], result: int) -> Any:
    """The gradient of a result: what comes back to it from outside, and what it begins with as a result of all."""
    inside, seed = set(members), graph.seed(result)
    return _sum([*([] if seed is None else [seed]), *(g for c, _, g in graph.received[result] if c not in inside)])


def _sum(gradients: Sequence[Any]) -> Any:
    return reduce(add, gradients) if gradients else None
