"""Boxes with ports, and where they lie. Box, Layout.

Lengths are points, 1/72 inch; x grows to the right and y downwards.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

Point = tuple[float, float]
Edge = tuple[int, int, int]  # parent, child, and the position among the child's operands
BETWEEN_RANKS, BETWEEN_BOXES, MARGIN = 30, 12, 12


class Box(NamedTuple):
    """What is to be placed. Whole points.

    Attributes:
        width: of all that is drawn of it.
        height: of all that is drawn of it.
        ports: how far below its top each operand arrives, on its left side.
        exit: how far below its top the value leaves, on its right side.
    """

    width: int
    height: int
    ports: tuple[int, ...]
    exit: int

    def exit_at(self, corner: Point) -> Point:
        """Where the value leaves, for a box with its upper left corner here."""
        return corner[0] + self.width, corner[1] + self.exit

    def port_at(self, corner: Point, position: int) -> Point:
        """Where an operand arrives, for a box with its upper left corner here."""
        return corner[0], corner[1] + self.ports[position]


class Layout(NamedTuple):
    """A drawing's geometry.

    Attributes:
        width: of the whole drawing.
        height: of the whole drawing.
        corners: the upper left corner of each box.
        edges: chains of cubic Bézier curves, 3 k + 1 points from the parent's exit to the child's port.
        by: "graphviz" or "layers".
    """

    width: float
    height: float
    corners: tuple[Point, ...]
    edges: Mapping[Edge, tuple[Point, ...]]
    by: str


LayoutAlgorithm = Callable[[Sequence[Box], Sequence[Sequence[int]]], Layout]
