"""Every formula of a local derivative against JAX's own, in float64; the words for the rest."""

import jax
import numpy as np
import pytest
from jax import lax

from padl.backprop.parser import parse
from padl.backprop.rules import BINARY, UNARY, derivatives, rule
from padl.backprop.tracing.trace import trace

POINTS = (-1.7, -0.4, 0.3, 0.9, 1.4, 2.6)
BY_NAME = {  # what is not a function of jax.lax of its own name
    "copy": lambda x: x,
    "copy_p": lambda x: x,
    "convert_element_type": lambda x: x,
    "reduce_precision": lambda x: lax.reduce_precision(x, 11, 52),
    "is_finite": lambda x: lax.is_finite(x).astype(x.dtype),
    "log_sigmoid": jax.nn.log_sigmoid,
    "sigmoid": jax.nn.sigmoid,
    "silu": jax.nn.silu,
    "softplus": jax.nn.softplus,
    "swish": jax.nn.silu,
    "add_any": lax.add,
}
MATRIX_PRODUCTS = {((1,), (0,)): "x @ y", ((1,), (1,)): "x @ y^T", ((0,), (0,)): "x^T @ y", ((0,), (1,)): "x^T @ y^T"}


@pytest.fixture(scope="module", autouse=True)
def in_float64():
    with jax.enable_x64(True), np.errstate(all="ignore"):
        yield


def function(operation: str):
    return BY_NAME.get(operation) or getattr(lax, operation)


def evaluate(formula: str, **values: float) -> float:
    expression = parse(formula)
    return float(expression(*(np.float64(values[name]) for name in expression.names)))


@pytest.mark.parametrize("operation", UNARY)
def test_the_derivative_of_one_operand_is_jaxs_own(operation):
    points = [x for x in POINTS if np.isfinite(function(operation)(np.float64(x)))]
    assert len(points) > 1
    for x in points:
        z, pull = jax.vjp(function(operation), np.float64(x))
        (formula,) = derivatives(operation, {}, (False,)).values()
        assert evaluate(formula, x=x, z=z) == pytest.approx(float(pull(np.ones_like(z))[0]), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("constant", [None, 0, 1])
@pytest.mark.parametrize("operation", BINARY)
def test_the_derivatives_of_two_operands_are_jaxs_own(operation, constant):
    for x, y in [(0.3, 2.6), (2.6, -1.7), (0.9, 0.4)]:
        z, pull = jax.vjp(function(operation), np.float64(x), np.float64(y))
        true = dict(enumerate(pull(np.float64(1))))
        formulas = derivatives(operation, {}, tuple(place == constant for place in (0, 1)))
        values = {"x": x, "y": y} if constant is None else {"x": (y, x)[constant], "c": (x, y)[constant]}
        assert set(formulas) == {0, 1} - {constant}
        for place, formula in formulas.items():
            assert evaluate(formula, z=float(z), **values) == pytest.approx(float(true[place]), rel=1e-9)


@pytest.mark.parametrize("c", [1.0, -1.0, 2.5, -2.0])
@pytest.mark.parametrize("operation", ["div", "mul", "pow", "sub", "atan2"])
def test_a_constant_that_is_one_number_stands_in_the_formula(operation, c):
    for constant in (0, 1) if c > 0 else (1,):
        constants: list[bool | float] = [False, False]
        constants[constant] = c
        ((place, formula),) = derivatives(operation, {}, constants).items()
        operands = [np.float64(1.3)] * 2
        operands[constant] = np.float64(c)
        z, pull = jax.vjp(function(operation), *operands)
        assert "c" not in formula
        assert evaluate(formula, x=1.3, z=float(z)) == pytest.approx(float(pull(np.float64(1))[place]), rel=1e-9)


@pytest.mark.parametrize("n", [-3, -1, 0, 1, 2, 3, 7])
def test_the_derivative_of_a_whole_power_is_jaxs_own(n):
    true = jax.grad(lambda x: lax.integer_pow(x, n))(1.3)
    assert evaluate(rule("integer_pow", {"y": n}, (False,)), x=1.3) == pytest.approx(float(true), rel=1e-12)


INF = float("inf")
EDGES = [  # (formula, values, what is shown as the gradient of its first variable, the rule beside it)
    ("relu(x)", {"x": 0.0}, 0.0, "1 where x > 0, else 0"),
    ("max(x, 2)", {"x": 2.0}, 0.5, "1 where x > 2, 1/2 at 2, else 0"),
    ("min(x, 2)", {"x": 2.0}, 0.5, "1 where x < 2, 1/2 at 2, else 0"),
    ("max(x, y)", {"x": 2.0, "y": 2.0}, 0.5, "to the larger, halves if equal"),
    ("abs(x)", {"x": 0.0}, 1.0, "x / z (1 at 0)"),
    ("sqrt(x)", {"x": 0.0}, INF, "1 / (2 * z)"),
    ("0^x", {"x": 0.0}, 0.0, "0"),
    ("x^0", {"x": 0.0}, 0.0, "0"),
    ("x^-1", {"x": 0.0}, -INF, "-1 / x^2"),
    ("log(x)", {"x": 0.0}, INF, "1 / x"),
]


@pytest.mark.parametrize(("formula", "values", "gradient", "text"), EDGES, ids=[edge[0] for edge in EDGES])
def test_at_an_edge_the_gradient_shown_is_the_one_that_the_rule_beside_it_says(formula, values, gradient, text):
    expression = parse(formula)
    graph = trace(expression, *expression.arguments(values))
    (node,) = (node for node in graph if node.rule)
    assert (float(graph.gradients[0]), node.rule) == (gradient, text)


FUNCTION_EDGES = {  # (function, point, its gradient, the rule of its node)
    "clamp": (lambda x: lax.clamp(0.0, x, 1.0), [0.0, 0.5, 1.0], [0, 1, 0], "1 between the bounds, else 0"),
    "leaky_relu": (jax.nn.leaky_relu, [0.0, -1.0], [1, 0.01], "1 where x >= 0, else the slope"),
    "hard_tanh": (jax.nn.hard_tanh, [-1.0, 1.0, 1.5], [1, 1, 0], "1 from -1 to 1, else 0"),
    "relu6": (jax.nn.relu6, [0.0, 3.0, 6.0], [0, 1, 0], "1 between 0 and 6, else 0"),
    "reduce_max": (
        lambda x: lax.reduce_max(x, (0,)),
        [1.0, 1.0, 0.0],
        [0.5, 0.5, 0],
        "to the largest, shared if equal",
    ),
    "reduce_prod": (
        lambda x: lax.reduce_prod(x, (0,)),
        [0.0, 2.0, 3.0],
        [6, 0, 0],
        "to each the product of the others",
    ),
}


@pytest.mark.parametrize("name", FUNCTION_EDGES)
def test_the_words_for_a_function_hold_at_its_edges(name):
    f, point, gradient, text = FUNCTION_EDGES[name]
    graph = trace(f, np.array(point), cotangent=np.ones(np.shape(f(np.array(point)))), depth=0)
    assert name in {node.operation for node in graph}
    np.testing.assert_allclose(graph.gradients[0], gradient, rtol=1e-12)
    assert rule(name, {}, (False,)) == text


@pytest.mark.parametrize("axes", MATRIX_PRODUCTS, ids=MATRIX_PRODUCTS.values())
@pytest.mark.parametrize("constants", [(False, False), (True, False), (False, True)])
def test_the_words_for_a_matrix_product_are_what_is_done(axes, constants):
    random = np.random.default_rng(0)
    x = random.normal(size=(3, 4) if axes[0] == (1,) else (4, 3))
    y = random.normal(size=(4, 2) if axes[1] == (0,) else (2, 4))
    g = random.normal(size=(3, 2))
    text = rule("dot_general", {"dimension_numbers": (axes, ((), ()))}, constants)
    parts = [part.partition(": ")[2] for part in text.split(", ")] if not any(constants) else [text]
    _, pull = jax.vjp(lambda x, y: lax.dot_general(x, y, (axes, ((), ()))), x, y)
    true = [gradient for gradient, constant in zip(pull(g), constants, strict=True) if not constant]
    arrays = {"x": x, "y": y, "g": g, "c": x if constants[0] else y}
    for product, expected in zip(parts, true, strict=True):
        left, right = (arrays[factor[0]].T if "^T" in factor else arrays[factor[0]] for factor in product.split(" @ "))
        np.testing.assert_allclose(left @ right, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("operation", "params", "constants", "text"),
    [
        ("mul", {}, (False, False), "∂x: y, ∂y: x"),
        ("div", {}, (1.0, False), "-1 / x^2"),
        ("div", {}, (True, False), "-c / x^2"),
        ("mul", {}, (True, False), "c"),
        ("mul", {}, (-2.0, False), "-2"),
        ("sub", {}, (False, 3.0), "1"),
        ("max", {}, (False, 0.0), "1 where x > 0, 1/2 at 0, else 0"),
        ("abs", {}, (False,), "x / z (1 at 0)"),
        ("pow", {}, (False, False), "∂x: y * x^(y - 1), ∂y: z * log(x) (0 at x = 0)"),
        ("pow", {}, (0.0, False), "0"),
        ("pow", {}, (2.0, False), "z * log(2)"),
        ("max", {}, (False, False), "to the larger, halves if equal"),
        ("reduce_sum", {}, (False,), "1 to each"),
        ("cumsum", {"reverse": False}, (False,), "summed from the end"),
        ("scatter-add", {}, (False, True, False), "∂x: g, ∂u: g at the places"),
        ("select_n", {}, (True, False, False), "to the one chosen"),
        ("add", {}, (True, True), ""),
        ("argmax", {}, (True,), ""),
        ("never_heard_of", {}, (False,), ""),
    ],
)
def test_a_rule_is_told_in_one_short_line(operation, params, constants, text):
    assert rule(operation, params, constants) == text
