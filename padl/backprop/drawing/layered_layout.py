"""A layout in columns, after Sugiyama, Tagawa & Toda 1981, in plain Python. by_layers."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any, NamedTuple

from padl.backprop.drawing.geometry import BETWEEN_BOXES, BETWEEN_RANKS, MARGIN, Box, Edge, Layout, Point

SWEEPS = 12
Columns = list[list[int]]  # the numbers of each column's boxes, from the top down


class _Link(NamedTuple):
    """A piece of an edge between neighbouring columns: from the exit of a left box to the port of a right one."""

    left: int
    exit: int
    right: int
    port: int


class _Neighbour(NamedTuple):
    """A box that a link leads to, and how much lower the link arrives here than it leaves there."""

    box: int
    shift: int


class _LayeredGraph:
    """The boxes in columns, with an empty box in every column that an edge passes.

    Attributes:
        boxes: of all, the empty ones last.
        ranks: the column of each box.
        chains: for each edge the numbers of its boxes, from the parent to the child.
    """

    def __init__(self, boxes: Sequence[Box], ranks: Sequence[int], parents: Sequence[Sequence[int]]):
        self.boxes, self.ranks = list(boxes), list(ranks)
        self.chains: dict[Edge, list[int]] = {}
        for child, operands in enumerate(parents):
            for position, parent in enumerate(operands):
                self.chains[parent, child, position] = [parent, *self._add_empty_boxes(parent, child), child]

    def _add_empty_boxes(self, parent: int, child: int) -> range:
        ranks = range(self.ranks[parent] + 1, self.ranks[child])
        first = len(self.boxes)
        self.boxes += [Box(0, 0, (0,), 0)] * len(ranks)
        self.ranks += ranks
        return range(first, first + len(ranks))

    @cached_property
    def links(self) -> list[_Link]:
        return [
            _Link(a, self.boxes[a].exit, b, self.boxes[b].ports[position if b == child else 0])
            for (_, child, position), chain in self.chains.items()
            for a, b in pairwise(chain)
        ]

    @cached_property
    def neighbours(self) -> tuple[list[list[_Neighbour]], list[list[_Neighbour]]]:
        """For each box the neighbours at its left, and for each box those at its right."""
        left: list[list[_Neighbour]] = [[] for _ in self.boxes]
        right: list[list[_Neighbour]] = [[] for _ in self.boxes]
        for link in self.links:
            left[link.right].append(_Neighbour(link.left, link.port - link.exit))
            right[link.left].append(_Neighbour(link.right, link.exit - link.port))
        return left, right


def by_layers(boxes: Sequence[Box], parents: Sequence[Sequence[int]]) -> Layout:
    """Lay out in columns, the same way every time: what is computed from a column stands right of it.

    An edge that passes a column gets a place in it, as a box without height. Sweeps put each box at the middle of its
    neighbours, first to remove crossings and then to straighten edges.

    Args:
        boxes: in an order in which parents stand before children.
        parents: for each box the numbers of its operands' boxes, one for each of its ports.
    """
    ranks = _ranks(parents)
    graph = _LayeredGraph(boxes, ranks, parents)
    columns = _with_few_crossings(graph)
    tops = _straightened(graph, columns)
    spans, width = _column_spans(graph, columns)
    corners = [((sum(spans[ranks[n]]) - box.width) / 2, tops[n]) for n, box in enumerate(boxes)]
    edges = {edge: _curve(graph, edge, corners, tops, spans) for edge in graph.chains}
    lowest = max((tops[n] + box.height for n, box in enumerate(graph.boxes)), default=0)
    return Layout(width, lowest + MARGIN, tuple(corners), edges, "layers")


def _ranks(parents: Sequence[Sequence[int]]) -> list[int]:
    """The column of each box: one right of its last parent; what has no parents stands just before its first use."""
    ranks = [0] * len(parents)
    for child, operands in enumerate(parents):
        ranks[child] = max((ranks[parent] + 1 for parent in operands), default=0)
    first_use: dict[int, int] = {}
    for child, operands in enumerate(parents):
        for parent in operands:
            first_use[parent] = min(first_use.get(parent, ranks[child]), ranks[child])
    return [ranks[n] if operands else first_use.get(n, 1) - 1 for n, operands in enumerate(parents)]


def _sweeps(columns: Columns) -> Iterator[tuple[int, int]]:
    """(column, 0 to look at its left neighbours or 1 at its right ones), from the left and from the right in turn."""
    for sweep in range(SWEEPS):
        order = range(1, len(columns)) if sweep % 2 == 0 else range(len(columns) - 2, -1, -1)
        yield from ((column, sweep % 2) for column in order)


def _with_few_crossings(graph: _LayeredGraph) -> Columns:
    """Order the boxes of each column: the order with the fewest crossings that the sweeps come by."""
    columns: Columns = [[] for _ in range(max(graph.ranks, default=-1) + 1)]
    for n, rank in enumerate(graph.ranks):
        columns[rank].append(n)
    links = [[link for link in graph.links if graph.ranks[link.left] == rank] for rank in range(len(columns))]
    rows = {n: float(row) for column in columns for row, n in enumerate(column)}
    crossings = [_crossings(each, rows) for each in links]  # to the right of each column
    best, fewest = [list(column) for column in columns], sum(crossings)
    for rank, side in _sweeps(columns):
        barycentres = {n: _barycentre(n, graph.neighbours[side][n], rows) for n in columns[rank]}
        columns[rank].sort(key=barycentres.__getitem__)
        rows |= {n: float(row) for row, n in enumerate(columns[rank])}
        for moved in (rank - 1, rank) if rank else (rank,):
            crossings[moved] = _crossings(links[moved], rows)
        if sum(crossings) < fewest:
            best, fewest = [list(column) for column in columns], sum(crossings)
    return best


def _barycentre(n: int, neighbours: Sequence[_Neighbour], rows: Mapping[int, float]) -> float:
    """The mean row of the neighbours; a lower port counts as a little lower."""
    wanted = [rows[neighbour.box] - neighbour.shift / 1000 for neighbour in neighbours]
    return sum(wanted) / len(wanted) if wanted else rows[n]


def _crossings(links: Sequence[_Link], rows: Mapping[int, float]) -> int:
    """Count the pairs of links between two columns that cross: inversions of the right ends, by the left ones."""
    ends = sorted(((rows[link.left], link.exit), (rows[link.right], link.port)) for link in links)
    above: list[Any] = []
    count = 0
    for _, right in ends:
        place = bisect_right(above, right)
        count += len(above) - place
        above.insert(place, right)
    return count


def _straightened(graph: _LayeredGraph, columns: Columns) -> dict[int, float]:
    """The top of each box: near where its edges would be straight, in the order of its column, without overlap."""
    tops: dict[int, float] = {}
    for column in columns:
        y = 0.0
        for n in column:
            tops[n] = y
            y += graph.boxes[n].height + BETWEEN_BOXES
    for rank, side in _sweeps(columns):
        column = columns[rank]
        neighbours = [graph.neighbours[side][n] or graph.neighbours[1 - side][n] for n in column]
        wanted = [_straight_top(n, of_n, tops) for n, of_n in zip(column, neighbours, strict=True)]
        tops |= dict(zip(column, _without_overlap([graph.boxes[n].height for n in column], wanted), strict=True))
    highest = min(tops.values(), default=0.0)
    return {n: top - highest + MARGIN for n, top in tops.items()}


def _straight_top(n: int, neighbours: Sequence[_Neighbour], tops: Mapping[int, float]) -> float:
    straight = [tops[neighbour.box] - neighbour.shift for neighbour in neighbours]
    return sum(straight) / len(straight) if straight else tops[n]


def _without_overlap(heights: Sequence[float], wanted: Sequence[float]) -> list[float]:
    """The tops nearest to the wanted ones, in least squares, that leave room: isotonic regression by pooling."""
    offsets = [0.0]  # of each top from the first, if the boxes stand as close as they may
    for height in heights[:-1]:
        offsets.append(offsets[-1] + height + BETWEEN_BOXES)
    pools: list[tuple[float, int]] = []  # mean, count
    for mean, count in ((top - offset, 1) for top, offset in zip(wanted, offsets, strict=False)):
        while pools and pools[-1][0] > mean:
            mean_above, count_above = pools.pop()
            mean, count = (mean * count + mean_above * count_above) / (count + count_above), count + count_above
        pools.append((mean, count))
    level = [mean for mean, count in pools for _ in range(count)]
    return [mean + offset for mean, offset in zip(level, offsets, strict=False)]


def _column_spans(graph: _LayeredGraph, columns: Columns) -> tuple[list[tuple[float, float]], float]:
    """(left and right end of each column, width of all)."""
    spans, x = [], float(MARGIN)
    for column in columns:
        width = max(graph.boxes[n].width for n in column)
        spans.append((x, x + width))
        x += width + BETWEEN_RANKS
    return spans, x - BETWEEN_RANKS + MARGIN if columns else 2.0 * MARGIN


def _curve(
    graph: _LayeredGraph,
    edge: Edge,
    corners: Sequence[Point],
    tops: Mapping[int, float],
    spans: Sequence[tuple[float, float]],
) -> tuple[Point, ...]:
    """Draw an edge level through the columns and bent between them."""
    parent, child, position = edge
    start = graph.boxes[parent].exit_at(corners[parent])
    end = graph.boxes[child].port_at(corners[child], position)
    stops = [start, (spans[graph.ranks[parent]][1], start[1])]
    for n in graph.chains[edge][1:-1]:
        stops += [(x, tops[n]) for x in spans[graph.ranks[n]]]
    stops += [(spans[graph.ranks[child]][0], end[1]), end]
    points = [start]
    for (x0, y0), (x1, y1) in pairwise(stops):
        middle = (x0 + x1) / 2
        points += [(middle, y0), (middle, y1), (x1, y1)]
    return tuple(points)
