"""Where the boxes of a drawing lie: lay_out. by_graphviz where that is installed, else by_layers in plain Python.

Both go from the left to the right, and both give the same for the same graph every time. Lengths are points, 1/72 inch;
x grows to the right and y downwards.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

Point = tuple[float, float]
Edge = tuple[int, int, int]  # parent, child, and the place among the child's operands
BETWEEN_RANKS, BETWEEN_BOXES, MARGIN = 30, 12, 12
PATIENCE = 10  # seconds that graphviz may take
SWEEPS = 12


class Box(NamedTuple):
    """What is to be placed. Whole points.

    Attributes:
        width, height: of all that is drawn of it. ports: how far below its top each operand arrives, on its left side.
        exit: how far below its top the value leaves, on its right side.
    """

    width: int
    height: int
    ports: tuple[int, ...]
    exit: int


class Layout(NamedTuple):
    """A drawing's geometry.

    Attributes:
        width, height: of the whole. corners: the upper left corner of each box. edges: chains of cubic Bézier curves,
            3 k + 1 points from the parent's exit to the child's port. by: "graphviz" or "layers".
    """

    width: float
    height: float
    corners: tuple[Point, ...]
    edges: Mapping[Edge, tuple[Point, ...]]
    by: str


def lay_out(boxes: Sequence[Box], parents: Sequence[Sequence[int]]) -> Layout:
    """By graphviz where it is installed and succeeds, else by layers.

    Args:
        boxes: in an order in which parents stand before children. parents: for each box the numbers of its operands'
            boxes, one for each of its ports.
    """
    if shutil.which("dot"):
        try:
            return by_graphviz(boxes, parents)
        except (OSError, subprocess.SubprocessError, ValueError, KeyError):
            pass  # an installation that does not work is as none
    return by_layers(boxes, parents)


def by_graphviz(boxes: Sequence[Box], parents: Sequence[Sequence[int]]) -> Layout:
    """By the program `dot`; raises what `subprocess` does where that is missing or takes longer than 10 seconds."""
    ran = subprocess.run(
        ["dot", "-Tjson0"], input=_as_dot(boxes, parents), capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    found = json.loads(ran.stdout)
    width, height = (float(x) for x in found["bb"].split(",")[2:])
    numbers = {item["_gvid"]: int(item["name"]) for item in found["objects"]}
    centres = {int(item["name"]): _point(item["pos"]) for item in found["objects"]}
    corners = [
        (centres[n][0] - box.width / 2 + MARGIN, height - centres[n][1] - box.height / 2 + MARGIN)
        for n, box in enumerate(boxes)
    ]
    edges: dict[Edge, tuple[Point, ...]] = {}
    for item in found.get("edges", ()):
        parent, child, place = numbers[item["tail"]], numbers[item["head"]], int(item["place"])
        inner = [(x + MARGIN, height - y + MARGIN) for x, y in map(_point, item["pos"].split())][1:-1]
        ends = _exit(boxes[parent], corners[parent]), _port(boxes[child], corners[child], place)
        edges[parent, child, place] = (ends[0], *inner, ends[1])
    return Layout(width + 2 * MARGIN, height + 2 * MARGIN, tuple(corners), edges, "graphviz")


def _as_dot(boxes: Sequence[Box], parents: Sequence[Sequence[int]]) -> str:
    lines = [
        "digraph {",
        f"rankdir=LR; nodesep={BETWEEN_BOXES / 72:.3f}; ranksep={BETWEEN_RANKS / 72:.3f};",
        "node [shape=none, margin=0]; edge [dir=none];",
    ]
    lines += [f"{n} [label=<{_table(box)}>];" for n, box in enumerate(boxes)]
    for child, of_child in enumerate(parents):
        lines += [f"{parent}:e:e -> {child}:p{i}:w [place={i}];" for i, parent in enumerate(of_child)]
    return "\n".join([*lines, "}"])


def _table(box: Box) -> str:
    """An empty box of exact size, with a named cell where each operand arrives and where the value leaves."""
    half = box.width // 2
    left = _column(box.height, half, {f"p{i}": y for i, y in enumerate(box.ports)})
    right = _column(box.height, box.width - half, {"e": box.exit})
    opened = '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0">'
    return f"{opened}<TR><TD>{opened}{left}</TABLE></TD><TD>{opened}{right}</TABLE></TD></TR></TABLE>"


def _column(height: int, width: int, ports: Mapping[str, int]) -> str:
    """Rows that fill the height, two points high where a port is."""
    rows, top = [], 0
    for name, y in ports.items():
        rows += [("", y - 1 - top), (f' PORT="{name}"', 2)]
        top = y + 1
    rows.append(("", height - top))
    return "".join(
        f'<TR><TD FIXEDSIZE="TRUE" WIDTH="{width}" HEIGHT="{high}"{port}></TD></TR>' for port, high in rows if high > 0
    )


def _point(text: str) -> Point:
    x, y = text.split(",")
    return float(x), float(y)


def _exit(box: Box, corner: Point) -> Point:
    return corner[0] + box.width, corner[1] + box.exit


def _port(box: Box, corner: Point, place: int) -> Point:
    return corner[0], corner[1] + box.ports[place]


def by_layers(boxes: Sequence[Box], parents: Sequence[Sequence[int]]) -> Layout:
    """In columns, after Sugiyama, Tagawa & Toda 1981: what is computed from a column stands right of it.

    An edge that passes a column gets a place in it, as a box without height. Sweeps put each box at the middle of its
    neighbours, first to remove crossings and then to straighten edges.
    """
    ranks = _ranks(parents)
    graph = _Layered(list(boxes), ranks, parents)
    columns = _uncrossed(graph)
    tops = _straightened(graph, columns)
    spans, width = _spans(graph, columns)
    corners = [((sum(spans[ranks[n]]) - box.width) / 2, tops[n]) for n, box in enumerate(boxes)]
    edges = {edge: _curve(graph, chain, edge, corners, tops, spans) for edge, chain in graph.chains.items()}
    low = max((tops[n] + graph.boxes[n].height for n in range(len(graph.boxes))), default=0)
    return Layout(width, low + MARGIN, tuple(corners), edges, "layers")


def _ranks(parents: Sequence[Sequence[int]]) -> list[int]:
    """The column of each box: one right of its last parent; what has no parents stands just before its first use."""
    ranks = [0] * len(parents)
    for child, of_child in enumerate(parents):
        ranks[child] = max((ranks[p] + 1 for p in of_child), default=0)
    first = {}
    for child, of_child in enumerate(parents):
        for parent in of_child:
            first[parent] = min(first.get(parent, ranks[child]), ranks[child])
    return [first.get(n, 1) - 1 if not of_n else ranks[n] for n, of_n in enumerate(parents)]


@dataclass
class _Layered:
    """The boxes, with one more for each column that an edge passes.

    Attributes:
        boxes, ranks: of all, the added ones last. chains: for each edge the numbers from parent to child.
    """

    boxes: list[Box]
    ranks: list[int]
    parents: Sequence[Sequence[int]]

    def __post_init__(self) -> None:
        self.ranks = list(self.ranks)
        self.chains: dict[Edge, list[int]] = {}
        for child, of_child in enumerate(self.parents):
            for place, parent in enumerate(of_child):
                self.chains[parent, child, place] = [parent, *self._passed(parent, child), child]

    def _passed(self, parent: int, child: int) -> list[int]:
        added = range(self.ranks[parent] + 1, self.ranks[child])
        first = len(self.boxes)
        self.boxes += [Box(0, 0, (0,), 0)] * len(added)
        self.ranks += added
        return list(range(first, first + len(added)))

    @cached_property
    def links(self) -> list[tuple[int, int, int, int]]:
        """Between neighbouring columns: (left box, its exit, right box, its port)."""
        found = []
        for (_, child, place), chain in self.chains.items():
            for a, b in pairwise(chain):
                port = self.boxes[b].ports[place if b == child else 0]
                found.append((a, self.boxes[a].exit, b, port))
        return found

    @cached_property
    def beside(self) -> tuple[list[list[tuple[int, int]]], list[list[tuple[int, int]]]]:
        """For each box its left neighbours and its right ones, with how much lower the own end of the link is."""
        left: list[list[tuple[int, int]]] = [[] for _ in self.boxes]
        right: list[list[tuple[int, int]]] = [[] for _ in self.boxes]
        for a, leaves, b, arrives in self.links:
            left[b].append((a, arrives - leaves))
            right[a].append((b, leaves - arrives))
        return left, right


def _sweeps(columns: list[list[int]]) -> Iterator[tuple[int, int]]:
    """(column, 0 to look at its left neighbours or 1 at its right ones), from the left and from the right in turn."""
    for sweep in range(SWEEPS):
        order = range(1, len(columns)) if sweep % 2 == 0 else range(len(columns) - 2, -1, -1)
        yield from ((column, sweep % 2) for column in order)


def _uncrossed(graph: _Layered) -> list[list[int]]:
    """The boxes of each column from the top down, in the order with the fewest crossings that the sweeps come by."""
    columns: list[list[int]] = [[] for _ in range(max(graph.ranks, default=-1) + 1)]
    for n, rank in enumerate(graph.ranks):
        columns[rank].append(n)
    best, fewest = [list(c) for c in columns], _crossings(graph, columns)
    at = {n: float(i) for column in columns for i, n in enumerate(column)}
    for rank, side in _sweeps(columns):
        beside = graph.beside[side]
        middle = {n: _middle(graph, n, beside[n], at) for n in columns[rank]}
        columns[rank].sort(key=middle.__getitem__)
        at |= {n: float(i) for i, n in enumerate(columns[rank])}
        crossings = _crossings(graph, columns)
        if crossings < fewest:
            best, fewest = [list(c) for c in columns], crossings
    return best


def _middle(graph: _Layered, n: int, neighbours: Sequence[tuple[int, int]], at: Mapping[int, float]) -> float:
    """The mean place of the neighbours; a lower port counts as a little lower."""
    places = [at[m] - shift / 1000 for m, shift in neighbours]
    return sum(places) / len(places) if places else at[n]


def _crossings(graph: _Layered, columns: list[list[int]]) -> int:
    at = {n: i for column in columns for i, n in enumerate(column)}
    between: dict[int, list[tuple[Any, Any]]] = {}
    for a, leaves, b, arrives in graph.links:
        between.setdefault(graph.ranks[a], []).append(((at[a], leaves), (at[b], arrives)))
    return sum(
        (a < c and b > d) or (a > c and b < d)
        for ends in between.values()
        for i, (a, b) in enumerate(ends)
        for c, d in ends[:i]
    )


def _straightened(graph: _Layered, columns: list[list[int]]) -> dict[int, float]:
    """The top of each box: near where its edges would be straight, in the order of its column, without overlap."""
    tops: dict[int, float] = {}
    for column in columns:
        y = 0.0
        for n in column:
            tops[n] = y
            y += graph.boxes[n].height + BETWEEN_BOXES
    for rank, side in _sweeps(columns):
        column = columns[rank]
        wanted = [_wanted(n, graph.beside[side][n] or graph.beside[1 - side][n], tops) for n in column]
        tops |= dict(zip(column, _apart([graph.boxes[n].height for n in column], wanted), strict=True))
    highest = min(tops.values(), default=0.0)
    return {n: top - highest + MARGIN for n, top in tops.items()}


def _wanted(n: int, neighbours: Sequence[tuple[int, int]], tops: Mapping[int, float]) -> float:
    straight = [tops[m] - shift for m, shift in neighbours]
    return sum(straight) / len(straight) if straight else tops[n]


def _apart(heights: Sequence[float], wanted: Sequence[float]) -> list[float]:
    """The tops nearest to the wanted ones, in least squares, that leave room: isotonic regression by pooling."""
    room = [0.0]
    for height in heights[:-1]:
        room.append(room[-1] + height + BETWEEN_BOXES)
    pools: list[tuple[float, int]] = []  # mean, count
    for mean, count in ((want - free, 1) for want, free in zip(wanted, room, strict=False)):
        while pools and pools[-1][0] > mean:
            above, members = pools.pop()
            mean, count = (mean * count + above * members) / (count + members), count + members
        pools.append((mean, count))
    level = [mean for mean, count in pools for _ in range(count)]
    return [mean + free for mean, free in zip(level, room, strict=False)]


def _spans(graph: _Layered, columns: list[list[int]]) -> tuple[list[tuple[float, float]], float]:
    """(left and right end of each column, width of all)."""
    ends, x = [], float(MARGIN)
    for column in columns:
        wide = max(graph.boxes[n].width for n in column)
        ends.append((x, x + wide))
        x += wide + BETWEEN_RANKS
    return ends, x - BETWEEN_RANKS + MARGIN if columns else 2.0 * MARGIN


def _curve(
    graph: _Layered,
    chain: Sequence[int],
    edge: Edge,
    corners: Sequence[Point],
    tops: Mapping[int, float],
    spans: Sequence[tuple[float, float]],
) -> tuple[Point, ...]:
    """Level through the columns and bent between them."""
    parent, child, place = edge
    start, end = _exit(graph.boxes[parent], corners[parent]), _port(graph.boxes[child], corners[child], place)
    stops = [start, (spans[graph.ranks[parent]][1], start[1])]
    for n in chain[1:-1]:
        stops += [(x, tops[n]) for x in spans[graph.ranks[n]]]
    stops += [(spans[graph.ranks[child]][0], end[1]), end]
    points = [start]
    for (x0, y0), (x1, y1) in pairwise(stops):
        middle = (x0 + x1) / 2
        points += [(middle, y0), (middle, y1), (x1, y1)]
    return tuple(points)
