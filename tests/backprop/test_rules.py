"""Every formula of a local derivative against JAX's own, in float64; the words for the rest."""

import jax
import numpy as np
import pytest
from jax import lax

from padl.backprop.parser import parse
from padl.backprop.rules import BINARY, UNARY, derivatives, rule

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
        ("max", {}, (False, 0.0), "1 where x > 0, else 0"),
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
