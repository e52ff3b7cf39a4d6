"""Circuits in the language of graphviz: a node for each operation, text that breaks no file."""

import shutil
import subprocess
from xml.etree import ElementTree

import pytest

from padl.backprop import draw, trace
from padl.backprop.drawing.dot import dot

needs_graphviz = pytest.mark.skipif(not shutil.which("dot"), reason="graphviz is not installed")


def test_dot_has_a_node_for_each_operation_and_an_edge_for_each_operand(sigmoid):
    lines = dot(sigmoid).splitlines()
    edges = [line for line in lines if "->" in line]
    assert len(edges) == 4 + 4 + 1 + 1 + 1 + 1 + 1  # two products, two sums, four of one operand, the result
    assert any("n0 -> n5" in line and ">2<" in line and ">-0.1966<" in line.replace("<I>", "").replace("</I>", "")
               for line in [line.replace("<I>", "").replace("</I>", "") for line in edges])  # fmt: skip
    assert any("n14 [" in line and "/ x²" in line for line in lines)


@needs_graphviz
def test_graphviz_draws_the_dot_file_by_itself(product, arrays):
    for graph in (product, arrays):
        ran = subprocess.run(["dot", "-Tsvg"], input=dot(graph), capture_output=True, text=True, check=True)
        assert not ran.stderr
        assert "<svg" in ran.stdout


@needs_graphviz
def test_names_with_signs_of_html_do_not_break_the_files(tmp_path):
    graph = trace(lambda d: d['<b>&"\\'] * 2.0, {'<b>&"\\': 3.0})
    _, svg, source = draw(graph, tmp_path / "odd")
    ElementTree.parse(svg)
    subprocess.run(
        ["dot", "-Tsvg"], input=source.read_text(encoding="utf-8"), text=True, check=True, capture_output=True
    )
