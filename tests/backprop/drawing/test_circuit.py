"""Circuits in pictures: labels that are right and do not overlap, files that other programs read."""

import shutil
from itertools import combinations
from time import process_time
from xml.etree import ElementTree

import pytest

from padl.backprop import formula
from padl.backprop.drawing import circuit
from padl.backprop.drawing.graphviz_layout import by_graphviz
from padl.backprop.drawing.layered_layout import by_layers
from padl.types import PadlError

ALGORITHMS = [
    by_layers,
    pytest.param(by_graphviz, marks=pytest.mark.skipif(not shutil.which("dot"), reason="graphviz is not installed")),
]


def labels(graph, name: str) -> dict[str, str]:
    """{name of a part: its text} of a figure."""
    parts = circuit.figure(graph, by_layers).findobj(lambda artist: (artist.get_gid() or "").startswith(name))
    return {artist.get_gid(): artist.get_text() for artist in parts}


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


def test_arrays_show_their_shapes_and_norms(arrays):
    values, gradients = labels(arrays, "value-"), labels(arrays, "gradient-")
    assert "2×3 |v| 2.45" in values.values()
    assert any(gradient.startswith("|g| ") for gradient in gradients.values())
    assert labels(arrays, "gradient-result").popitem()[1] == "1"


@pytest.mark.parametrize("name", ["product", "sigmoid", "long", "arrays"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_no_two_texts_of_a_picture_overlap(name, algorithm, request):
    figure = circuit.figure(request.getfixturevalue(name), algorithm)
    renderer = figure.canvas.get_renderer()
    boxes = [(t.get_text(), t.get_window_extent(renderer)) for t in figure.axes[0].texts]
    bounds = figure.bbox
    assert all(b.x0 >= 0 and b.y0 >= 0 and b.x1 <= bounds.x1 and b.y1 <= bounds.y1 for _, b in boxes)
    shrunk = [(t, b.x0 + 1, b.y0 + 1, b.x1 - 1, b.y1 - 1) for t, b in boxes]
    overlap = [
        (a[0], b[0]) for a, b in combinations(shrunk, 2) if a[1] < b[3] and b[1] < a[3] and a[2] < b[4] and b[2] < a[4]
    ]
    assert not overlap


def test_a_circuit_of_thirty_nodes_is_drawn_in_under_three_seconds(long, tmp_path):
    start = process_time()  # other tests run at the same time
    png, svg, source = circuit.draw(long, tmp_path / "circuit")
    assert len(long) >= 30
    assert process_time() - start < 3
    assert png.read_bytes().startswith(b"\x89PNG")
    assert ElementTree.parse(svg).getroot().tag.endswith("svg")
    assert source.read_text(encoding="utf-8").startswith("digraph")


def test_the_files_are_named_by_the_stem_even_with_a_dot_in_it_and_the_same_every_time(product, tmp_path):
    files = circuit.draw(product, tmp_path / "a.b", title="a < b & $c$")
    assert [file.name for file in files] == ["a.b.png", "a.b.svg", "a.b.dot"]
    before = [file.read_bytes() for file in files]
    assert before == [file.read_bytes() for file in circuit.draw(product, tmp_path / "a.b", title="a < b & $c$")]
    assert b"a &lt; b &amp; $c$" in before[1]


def test_a_graph_that_is_too_large_is_refused_with_what_to_do():
    graph = formula("+".join(["x"] * (circuit.MAX_NODES + 1)), x=1)
    with pytest.raises(PadlError, match=r"too large to draw, the most is 150: fold .*padl\.backprop\.fold\(graph\)"):
        circuit.figure(graph)
