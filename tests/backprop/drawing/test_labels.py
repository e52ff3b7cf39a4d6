"""What is written about nodes: signs with their constants, numbers with four digits, rules as mathematics."""

import numpy as np
import pytest

from padl.backprop import formula
from padl.backprop.drawing.cells import sketch
from padl.backprop.drawing.labels import inlined, sign
from padl.backprop.drawing.layered_layout import by_layers
from padl.backprop.drawing.typeset import number, pretty


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


def test_rules_are_set_as_mathematics_only_where_that_is_unambiguous():
    assert pretty("-1 / x^2") == "−1 / x²"
    assert pretty("y * x^(y - 1)") == "y · x^(y − 1)"
    assert pretty("1 / (2 * sqrt(x))") == "1 / (2 · √x)"
    assert pretty("sqrt(pi) / 2") == "√π / 2"
    assert pretty("summed over the copies") == "summed over the copies"
    assert pretty("x^-3") == "x⁻³"
    assert pretty("x^0.5") == "x^0.5"
    assert pretty("∂x: g @ y^T") == "∂x: g @ yᵀ"
