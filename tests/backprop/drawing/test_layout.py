"""Layouts: boxes without overlap, edges from exit to port, the same every time."""

import shutil
from itertools import combinations

import numpy as np
import pytest

from padl.backprop.drawing.geometry import Box
from padl.backprop.drawing.graphviz_layout import by_graphviz
from padl.backprop.drawing.layered_layout import by_layers
from padl.backprop.drawing.layout import lay_out

ALGORITHMS = [
    by_layers,
    pytest.param(by_graphviz, marks=pytest.mark.skipif(not shutil.which("dot"), reason="graphviz is not installed")),
]


def random_circuit(seed: int, n: int) -> tuple[list[Box], list[list[int]]]:
    random = np.random.default_rng(seed)
    parents = [sorted(random.integers(0, i, random.integers(1, 4)).tolist()) if i > 3 else [] for i in range(n)]
    tall = [max(30, 30 * len(p)) for p in parents]
    return [
        Box(int(random.integers(30, 120)), h + 20, tuple(15 + 30 * i for i in range(len(p))), h // 2)
        for h, p in zip(tall, parents, strict=True)
    ], parents


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("size", [1, 5, 40])
def test_boxes_lie_apart_inside_the_picture_and_right_of_their_parents(algorithm, size):
    boxes, parents = random_circuit(size, size)
    layout = algorithm(boxes, parents)
    ends = [(x, y, x + box.width, y + box.height) for (x, y), box in zip(layout.corners, boxes, strict=True)]
    assert all(x0 >= 0 and y0 >= 0 and x1 <= layout.width and y1 <= layout.height for x0, y0, x1, y1 in ends)
    assert not [1 for a, b in combinations(ends, 2) if a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]]
    assert all(ends[p][2] < ends[child][0] for child, of_child in enumerate(parents) for p in of_child)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_edge_goes_from_its_parents_exit_to_its_own_port(algorithm):
    boxes, parents = random_circuit(3, 30)
    layout = algorithm(boxes, parents)
    assert set(layout.edges) == {
        (p, child, i) for child, of_child in enumerate(parents) for i, p in enumerate(of_child)
    }
    for (parent, child, i), points in layout.edges.items():
        (x0, y0), (x1, y1) = layout.corners[parent], layout.corners[child]
        assert len(points) % 3 == 1
        assert points[0] == (x0 + boxes[parent].width, y0 + boxes[parent].exit)
        assert points[-1] == (x1, y1 + boxes[child].ports[i])


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_the_same_circuit_is_laid_out_the_same_way_again(algorithm):
    circuit = random_circuit(4, 25)
    assert algorithm(*circuit) == algorithm(*circuit)


def test_a_chain_is_laid_out_as_a_straight_line():
    boxes = [Box(40, 30, (), 15), *[Box(40, 30, (15,), 15)] * 4]
    layout = by_layers(boxes, [[], [0], [1], [2], [3]])
    assert len({y for points in layout.edges.values() for _, y in points}) == 1


def test_two_crossed_pairs_are_uncrossed():
    boxes = [*[Box(40, 30, (), 15)] * 2, *[Box(40, 30, (15,), 15)] * 2]
    layout = by_layers(boxes, [[], [], [1], [0]])
    heights = [y for _, y in layout.corners]
    assert (heights[0] < heights[1]) == (heights[3] < heights[2])


def test_without_a_working_graphviz_the_layout_is_by_layers(monkeypatch, tmp_path):
    circuit = random_circuit(5, 8)
    (tmp_path / "dot").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "dot").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert lay_out(*circuit).by == "layers"
    monkeypatch.setenv("PATH", "")
    assert lay_out(*circuit).by == "layers"
