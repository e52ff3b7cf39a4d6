"""A layout by the program `dot` of graphviz. by_graphviz."""

import json
import subprocess
from collections.abc import Mapping, Sequence

from padl.backprop.drawing.geometry import BETWEEN_BOXES, BETWEEN_RANKS, MARGIN, Box, Edge, Layout, Point

TIMEOUT = 10  # seconds


def by_graphviz(boxes: Sequence[Box], parents: Sequence[Sequence[int]]) -> Layout:
    """Lay out from left to right by `dot`, the same way every time.

    Args:
        boxes: in any order.
        parents: for each box the numbers of its operands' boxes, one for each of its ports.

    Raises:
        OSError: the program is missing.
        subprocess.SubprocessError: it fails, or takes longer than 10 seconds.
        ValueError, KeyError: its answer is not what is expected.
    """
    ran = subprocess.run(
        ["dot", "-Tjson0"], input=_as_dot(boxes, parents), capture_output=True, text=True, timeout=TIMEOUT, check=True
    )
    drawing = json.loads(ran.stdout)
    width, height = (float(x) for x in drawing["bb"].split(",")[2:])
    numbers = {item["_gvid"]: int(item["name"]) for item in drawing["objects"]}
    centres = {int(item["name"]): _point(item["pos"]) for item in drawing["objects"]}
    corners = [
        (centres[n][0] - box.width / 2 + MARGIN, height - centres[n][1] - box.height / 2 + MARGIN)
        for n, box in enumerate(boxes)
    ]
    edges: dict[Edge, tuple[Point, ...]] = {}
    for item in drawing.get("edges", ()):
        parent, child, position = numbers[item["tail"]], numbers[item["head"]], int(item["place"])
        inner = [(x + MARGIN, height - y + MARGIN) for x, y in map(_point, item["pos"].split())][1:-1]
        start, end = boxes[parent].exit_at(corners[parent]), boxes[child].port_at(corners[child], position)
        edges[parent, child, position] = (start, *inner, end)  # dot rounds the ends
    return Layout(width + 2 * MARGIN, height + 2 * MARGIN, tuple(corners), edges, "graphviz")


def _as_dot(boxes: Sequence[Box], parents: Sequence[Sequence[int]]) -> str:
    lines = [
        "digraph {",
        f"rankdir=LR; nodesep={BETWEEN_BOXES / 72:.3f}; ranksep={BETWEEN_RANKS / 72:.3f};",
        "node [shape=none, margin=0]; edge [dir=none];",
    ]
    lines += [f"{n} [label=<{_table(box)}>];" for n, box in enumerate(boxes)]
    for child, operands in enumerate(parents):
        lines += [f"{parent}:e:e -> {child}:p{i}:w [place={i}];" for i, parent in enumerate(operands)]
    return "\n".join([*lines, "}"])


def _table(box: Box) -> str:
    """An empty box of exact size, with a named cell where each operand arrives and where the value leaves."""
    half = box.width // 2
    left = _column(box.height, half, {f"p{i}": y for i, y in enumerate(box.ports)})
    right = _column(box.height, box.width - half, {"e": box.exit})
    opening = '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0">'
    return f"{opening}<TR><TD>{opening}{left}</TABLE></TD><TD>{opening}{right}</TABLE></TD></TR></TABLE>"


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
