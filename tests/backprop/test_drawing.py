"""Circuits in pictures and as text: layouts without overlap, labels that are right, files that other programs read."""

import shutil
import subprocess
from itertools import combinations
from time import process_time
from xml.etree import ElementTree

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from rich.console import Console

from padl.backprop.drawing import circuit as drawing
from padl.backprop.drawing import text
from padl.backprop.drawing.cells import sketch
from padl.backprop.drawing.dot import dot
from padl.backprop.drawing.labels import inlined, number, sign
from padl.backprop.drawing.layout import Box, by_graphviz, by_layers, lay_out
from padl.backprop.formula import formula
from padl.backprop.tracing.trace import trace
from padl.types import PadlError

SIGMOID = "1 / (1 + exp(-(w1*x1 + w2*x2 + b)))"
LONG = "x*x + x^3 + max(x, 2) - 2*x / sqrt(y) + (2*3)*x + softplus(x*y)*tanh(w*y + log(y)/w) - sin(x)*w"
PLACES = [
    by_layers,
    pytest.param(by_graphviz, marks=pytest.mark.skipif(not shutil.which("dot"), reason="graphviz is not installed")),
]


@pytest.fixture(scope="module")
def product():
    return formula("(x + y) * z", x=-2, y=5, z=-4)


@pytest.fixture(scope="module")
def sigmoid():
    return formula(SIGMOID, w1=2, x1=-1, w2=-3, x2=-2, b=-3)


@pytest.fixture(scope="module")
def long():
    return formula(LONG, x=3, y=2, w=0.3)


@pytest.fixture(scope="module")
def arrays():
    letters = np.random.default_rng(0)
    weights = {"w": letters.normal(size=(3, 4)), "b": np.zeros(4), "v": letters.normal(size=(4, 1))}
    weights = jax.tree.map(np.float32, weights)
    layer = lambda p, x: jnp.sum(jnp.tanh(x @ p["w"] + p["b"][None, :]) @ p["v"]) ** 2  # noqa: E731
    return trace(layer, weights, np.ones((2, 3), np.float32))


def told(graph, width: int = 80) -> str:
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(text.circuit(graph))
    return capture.get()


def labels(graph, name: str) -> dict[str, str]:
    """{name of a part: its text} of a figure."""
    found = drawing.figure(graph, by_layers).findobj(lambda artist: (artist.get_gid() or "").startswith(name))
    return {artist.get_gid(): artist.get_text() for artist in found}


# Layout


def random_circuit(seed: int, n: int) -> tuple[list[Box], list[list[int]]]:
    letters = np.random.default_rng(seed)
    parents = [sorted(letters.integers(0, i, letters.integers(1, 4)).tolist()) if i > 3 else [] for i in range(n)]
    tall = [max(30, 30 * len(p)) for p in parents]
    return [
        Box(int(letters.integers(30, 120)), h + 20, tuple(15 + 30 * i for i in range(len(p))), h // 2)
        for h, p in zip(tall, parents, strict=True)
    ], parents


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("size", [1, 5, 40])
def test_boxes_lie_apart_inside_the_picture_and_right_of_their_parents(place, size):
    boxes, parents = random_circuit(size, size)
    found = place(boxes, parents)
    ends = [(x, y, x + box.width, y + box.height) for (x, y), box in zip(found.corners, boxes, strict=True)]
    assert all(x0 >= 0 and y0 >= 0 and x1 <= found.width and y1 <= found.height for x0, y0, x1, y1 in ends)
    assert not [1 for a, b in combinations(ends, 2) if a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]]
    assert all(ends[p][2] < ends[child][0] for child, of_child in enumerate(parents) for p in of_child)


@pytest.mark.parametrize("place", PLACES)
def test_every_edge_goes_from_its_parents_exit_to_its_own_port(place):
    boxes, parents = random_circuit(3, 30)
    found = place(boxes, parents)
    assert set(found.edges) == {(p, child, i) for child, of_child in enumerate(parents) for i, p in enumerate(of_child)}
    for (parent, child, i), points in found.edges.items():
        (x0, y0), (x1, y1) = found.corners[parent], found.corners[child]
        assert len(points) % 3 == 1
        assert points[0] == (x0 + boxes[parent].width, y0 + boxes[parent].exit)
        assert points[-1] == (x1, y1 + boxes[child].ports[i])


@pytest.mark.parametrize("place", PLACES)
def test_the_same_circuit_is_laid_out_the_same_way_again(place):
    circuit = random_circuit(4, 25)
    assert place(*circuit) == place(*circuit)


def test_a_chain_is_laid_out_as_a_straight_line():
    boxes = [Box(40, 30, (), 15), *[Box(40, 30, (15,), 15)] * 4]
    found = by_layers(boxes, [[], [0], [1], [2], [3]])
    assert len({y for points in found.edges.values() for _, y in points}) == 1


def test_two_crossed_pairs_are_uncrossed():
    boxes = [*[Box(40, 30, (), 15)] * 2, *[Box(40, 30, (15,), 15)] * 2]
    found = by_layers(boxes, [[], [], [1], [0]])
    heights = [y for _, y in found.corners]
    assert (heights[0] < heights[1]) == (heights[3] < heights[2])


def test_without_a_working_graphviz_the_layout_is_by_layers(monkeypatch, tmp_path):
    circuit = random_circuit(5, 8)
    (tmp_path / "dot").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "dot").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert lay_out(*circuit).by == "layers"
    monkeypatch.setenv("PATH", "")
    assert lay_out(*circuit).by == "layers"


# What is written


def test_the_first_circuit_shows_the_lectures_values_above_and_gradients_below(product):
    assert labels(product, "value-") == {
        "value-3-0": "-2", "value-3-1": "5", "value-4-0": "3", "value-4-1": "-4", "value-result-4": "-12",
    }  # fmt: skip
    assert labels(product, "gradient-") == {
        "gradient-3-0": "-4", "gradient-3-1": "-4", "gradient-4-0": "-4", "gradient-4-1": "3", "gradient-result-4": "1",
    }  # fmt: skip


def test_the_second_circuit_shows_the_lectures_gradients(sigmoid):
    shown = labels(sigmoid, "gradient-")
    wires = {f"gradient-{child}-{place}" for child, place in [(5, 0), (5, 1), (6, 0), (6, 1), (8, 1)]}
    assert sorted(shown[wire] for wire in wires) == sorted(["-0.1966", "0.3932", "-0.3932", "-0.5898", "0.1966"])
    assert labels(sigmoid, "value-result") == {"value-result-14": "0.7311"}
    assert list(labels(sigmoid, "node-").values())[-4:] == ["−x", "exp", "1 + x", "1/x"]


def test_a_value_that_is_used_twice_shows_the_sum_and_each_wire_its_own_gradient():
    graph = formula("x*y + x", x=3, y=2)
    assert labels(graph, "total-") == {"total-0": "Σ 3"}
    assert {k: v for k, v in labels(graph, "gradient-").items() if k in ("gradient-2-0", "gradient-3-1")} == {
        "gradient-2-0": "2",
        "gradient-3-1": "1",
    }
    assert "3 = 2 + 1" in told(graph)


def test_arrays_show_their_shapes_and_norms(arrays):
    values, gradients = labels(arrays, "value-"), labels(arrays, "gradient-")
    assert "2×3 |v| 2.45" in values.values()
    assert any(gradient.startswith("|g| ") for gradient in gradients.values())
    assert labels(arrays, "gradient-result").popitem()[1] == "1"


def test_a_number_that_an_operation_is_given_stands_in_its_sign():
    graph = formula("2*x + x/4 - max(x, 0) + 3^x + 1/x", x=2)
    signs = {sign(graph, node) for node in graph if node.parents}
    assert signs == {"2 × x", "÷ 4", "max(x, 0)", "3ˣ", "1/x", "+", "−"}
    assert [graph[n].operation for n in inlined(graph)] == ["constant"] * 5


def test_a_constant_with_a_constant_keeps_one_of_them_as_a_node():
    graph = formula("2*3 + x", x=1)
    assert len(inlined(graph)) == 1
    assert len(sketch(graph, by_layers).cells) == 5  # x, 2, × 3, +, the result


@pytest.mark.parametrize(
    ("value", "written"), [(-0.19661193, "-0.1966"), (3.0, "3"), (1e-12, "1e-12"), (np.int32(7), "7")]
)
def test_numbers_have_four_significant_digits(value, written):
    assert number(value) == written


@pytest.mark.parametrize("name", ["product", "sigmoid", "long", "arrays"])
@pytest.mark.parametrize("place", PLACES)
def test_no_two_texts_of_a_picture_overlap(name, place, request):
    figure = drawing.figure(request.getfixturevalue(name), place)
    renderer = figure.canvas.get_renderer()
    boxes = [(t.get_text(), t.get_window_extent(renderer)) for t in figure.axes[0].texts]
    bounds = figure.bbox
    assert all(b.x0 >= 0 and b.y0 >= 0 and b.x1 <= bounds.x1 and b.y1 <= bounds.y1 for _, b in boxes)
    shrunk = [(t, b.x0 + 1, b.y0 + 1, b.x1 - 1, b.y1 - 1) for t, b in boxes]
    overlap = [
        (a[0], b[0]) for a, b in combinations(shrunk, 2) if a[1] < b[3] and b[1] < a[3] and a[2] < b[4] and b[2] < a[4]
    ]
    assert not overlap


# Files


def test_a_circuit_of_thirty_nodes_is_drawn_in_under_three_seconds(long, tmp_path):
    start = process_time()  # other tests run at the same time
    png, svg, source = drawing.draw(long, tmp_path / "circuit")
    assert len(long) >= 30
    assert process_time() - start < 3
    assert png.read_bytes().startswith(b"\x89PNG")
    assert ElementTree.parse(svg).getroot().tag.endswith("svg")
    assert source.read_text(encoding="utf-8").startswith("digraph")


def test_the_files_are_named_by_the_stem_even_with_a_dot_in_it_and_the_same_every_time(product, tmp_path):
    files = drawing.draw(product, tmp_path / "a.b", title="a < b & $c$")
    assert [file.name for file in files] == ["a.b.png", "a.b.svg", "a.b.dot"]
    before = [file.read_bytes() for file in files]
    assert before == [file.read_bytes() for file in drawing.draw(product, tmp_path / "a.b", title="a < b & $c$")]
    assert b"a &lt; b &amp; $c$" in before[1]


def test_a_graph_that_is_too_large_is_refused_with_what_to_do():
    graph = formula("+".join(["x"] * (drawing.MOST + 1)), x=1)
    with pytest.raises(PadlError, match=r"too large to draw, the most is 150: fold .*graph\.closed\(0\)"):
        drawing.figure(graph)


def test_dot_has_a_node_for_each_operation_and_an_edge_for_each_operand(sigmoid):
    lines = dot(sigmoid).splitlines()
    edges = [line for line in lines if "->" in line]
    assert len(edges) == 4 + 4 + 1 + 1 + 1 + 1 + 1  # two products, two sums, four of one operand, the result
    assert any("n0 -> n5" in line and ">2<" in line and ">-0.1966<" in line.replace("<I>", "").replace("</I>", "")
               for line in [line.replace("<I>", "").replace("</I>", "") for line in edges])  # fmt: skip
    assert any("n14 [" in line and "/ x²" in line for line in lines)


@pytest.mark.skipif(not shutil.which("dot"), reason="graphviz is not installed")
def test_graphviz_draws_the_dot_file_by_itself(product, arrays):
    for graph in (product, arrays):
        ran = subprocess.run(["dot", "-Tsvg"], input=dot(graph), capture_output=True, text=True, check=True)
        assert not ran.stderr
        assert "<svg" in ran.stdout


@pytest.mark.skipif(not shutil.which("dot"), reason="graphviz is not installed")
def test_names_with_signs_of_html_do_not_break_the_files(tmp_path):
    graph = trace(lambda d: d['<b>&"\\'] * 2.0, {'<b>&"\\': 3.0})
    _, svg, source = drawing.draw(graph, tmp_path / "odd")
    ElementTree.parse(svg)
    subprocess.run(
        ["dot", "-Tsvg"], input=source.read_text(encoding="utf-8"), text=True, check=True, capture_output=True
    )


def test_the_table_fits_eighty_columns_and_tells_every_gradient(sigmoid):
    lines = told(sigmoid).splitlines()
    assert max(map(len, lines)) <= 80
    rows = [line.split() for line in lines if line.split()[:1] and line.split()[0].isdigit()]
    assert [row[0] for row in rows] == [str(node.number) for node in sigmoid if node.number not in inlined(sigmoid)]
    assert {row[1]: row[-1] for row in rows[:5]} == {
        "w1": "-0.1966", "x1": "0.3932", "w2": "-0.3932", "x2": "-0.5898", "b": "0.1966",
    }  # fmt: skip
    assert "1 / #12" in lines[-3]
    assert "0.7311" in lines[-3]
    assert lines[-1].startswith("rules: x, y operands in their order")


def test_the_table_of_arrays_tells_shapes_and_norms(arrays):
    shown = told(arrays, 120)
    assert "2×3 |v| 2.45" in shown
    assert "|g|" in shown
