"""The table for the terminal: 80 columns, every gradient, sums with their terms, arrays by shape and norm."""

from rich.console import Console

from padl.backprop import formula
from padl.backprop.drawing import terminal
from padl.backprop.drawing.labels import inlined


def printed(graph, width: int = 80) -> str:
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(terminal.table(graph))
    return capture.get()


def test_a_value_that_is_used_twice_has_the_sum_of_its_gradients():
    assert "3 = 2 + 1" in printed(formula("x*y + x", x=3, y=2))


def test_the_table_fits_eighty_columns_and_tells_every_gradient(sigmoid):
    lines = printed(sigmoid).splitlines()
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
    shown = printed(arrays, 120)
    assert "2×3 |v| 2.45" in shown
    assert "|g|" in shown
