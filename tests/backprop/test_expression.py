"""The grammar of formulas: values, precedence, one primitive for each operation, and what it refuses."""

import math

import jax
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from padl.backprop.expression import OPERANDS
from padl.backprop.parser import DEEPEST, LONGEST, parse
from padl.backprop.tracing.internals import INLINED
from padl.types import PadlError

X, Y, Z = 0.7, 1.3, 2.0
VALUES = [
    ("x + y * z", X + Y * Z),
    ("(x + y) * z", (X + Y) * Z),
    ("x - y - z", X - Y - Z),
    ("x / y / z", X / Y / Z),
    ("x ^ y ^ z", X ** (Y**Z)),
    ("x ** 2 ** y", X ** (2**Y)),
    ("-x^2", -(X**2)),
    ("(-x)^2", X**2),
    ("2^-x", 2**-X),
    ("x^-2", X**-2),
    ("x^0.5", X**0.5),
    ("--x", X),
    ("+x - -y", X + Y),
    ("-x * y", -X * Y),
    ("1e-3 + .5 + 1.", 1.501),
    ("2 * pi * e", 2 * math.pi * math.e),
    ("sigmoid(x) * relu(-y)", 0.0),
    ("relu(y)", Y),
    ("softplus(x)", math.log1p(math.exp(X))),
    ("max(x, y) - min(x, y)", Y - X),
    ("square(x) + sqrt(y) + abs(-z)", X**2 + Y**0.5 + Z),
    ("exp(log(x)) + tanh(y)", X + math.tanh(Y)),
    ("sin(x)^2 + cos(x)^2 + tan(z)", 1 + math.tan(Z)),
    ("α_1 * βx", X * Y),
]
REFUSED = [
    ("", "empty"),
    ("  ", "empty"),
    ("(x + * y)", "\"(x + * y)\", column 6: expected a number, a name or '(', found '*':  (x + ▸* y)"),
    ("x +", "column 4: expected a number, a name or '(', the text ends:  x +▸"),
    ("2x", "write 2 * x"),
    ("2(x + 1)", "write 2 * ("),
    ("x y", "write x * y"),
    ("(x + y", "column 1: this '(' is never closed"),
    ("exp(x", "column 4: this '(' is never closed"),
    ("x + y)", "column 6: this ')' closes nothing"),
    ("x $ y", "column 3: expected one of + - * / ^, found '$'"),
    ("x²", "found '²'"),
    ("y = x", "no '='"),
    ("expp(x)", "no function 'expp'; did you mean 'exp'?"),
    ("f(x)", "no function 'f'; known are exp, log"),
    ("exp(x, y)", "exp takes 1 operand, not 2"),
    ("max(x)", "max takes 2 operands, not 1"),
    ("exp()", "column 5: expected a number, a name or '(', found ')'"),
    ("exp + 1", "exp is a function; write exp(a)"),
    ("x, y", "found ','"),
    ("1e999", "too large a number"),
    ("__import__('os')", "no function '__import__'"),
    ("x.y", "found '.'"),
    ("(" * 5000, "nested more than 200 deep"),
    ("-" * 5000 + "x", "nested more than 200 deep"),
    ("^".join("x" * 4000), "nested more than 200 deep"),
    ("exp(" * 300 + "x" + ")" * 300, "nested more than 200 deep"),
    ("x+" * LONGEST + "x", "over 10,000"),
]
NUMPY = {
    "exp": np.exp,
    "log": np.log,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "relu": lambda x: np.maximum(x, 0),
    "sqrt": np.sqrt,
    "abs": np.abs,
    "square": np.square,
    "softplus": lambda x: np.logaddexp(x, 0),
    "max": np.maximum,
    "min": np.minimum,
}
SIGNS = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "^": np.power,
}
LEAVES = st.one_of(
    st.sampled_from([("x", np.float64(X)), ("y", np.float64(-Y)), ("z", np.float64(Z))]),
    st.sampled_from([1.0, 2.0, 0.5, 3.0]).map(lambda c: (str(c), np.float64(c))),
)


def value_of(text: str, *values: float) -> float:
    with jax.enable_x64(True), jax.disable_jit():
        return float(parse(text)(*(np.float64(v) for v in values)))


def composed(parts):
    """Formulas as (text, value), of smaller ones."""
    two = st.tuples(st.sampled_from("+-*/^"), parts, parts, st.booleans())
    called = st.tuples(st.sampled_from(sorted(set(NUMPY) - {"max", "min"})), parts)
    pair = st.tuples(st.sampled_from(["max", "min"]), parts, parts)
    return st.one_of(
        two.map(lambda t: (f"({t[1][0]}) {t[0]} ({t[2][0]})" if t[3] else f"({t[1][0]}){t[0]}({t[2][0]})",
                           SIGNS[t[0]](t[1][1], t[2][1]))),
        called.map(lambda t: (f"{t[0]}({t[1][0]})", NUMPY[t[0]](t[1][1]))),
        pair.map(lambda t: (f"{t[0]}({t[1][0]}, {t[2][0]})", NUMPY[t[0]](t[1][1], t[2][1]))),
        parts.map(lambda t: (f"-({t[0]})", -t[1])),
    )  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def quiet():
    with np.errstate(all="ignore"):
        yield


@pytest.mark.parametrize(("text", "expected"), VALUES, ids=[text for text, _ in VALUES])
def test_a_formula_has_the_value_that_mathematics_gives_it(text, expected):
    names = parse(text).names
    values = {"x": X, "y": Y, "z": Z, "α_1": X, "βx": Y}
    assert value_of(text, *(values[name] for name in names)) == pytest.approx(expected, rel=1e-12)


@settings(max_examples=60, deadline=None)
@given(st.recursive(LEAVES, composed, max_leaves=8))
def test_any_formula_agrees_with_the_same_one_in_numpy(formula):
    text, expected = formula
    assume(np.isfinite(expected) and abs(expected) < 1e6)
    values = {"x": X, "y": -Y, "z": Z}
    value = value_of(text, *(values[name] for name in parse(text).names))
    assume(np.isfinite(value))  # 0 * inf on the way may come out otherwise
    assert value == pytest.approx(expected, rel=1e-6, abs=1e-8)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(), st.text(alphabet="xy12.e+-*/^(), maxexp")))
def test_any_text_is_read_or_refused_in_one_line(text):
    try:
        parse(text)
    except PadlError as error:
        assert "\n" not in str(error)  # noqa: PT017


@pytest.mark.parametrize(("text", "says"), REFUSED, ids=[text[:20] or "empty" for text, _ in REFUSED])
def test_what_is_no_formula_is_refused_with_the_place_marked(text, says):
    with pytest.raises(PadlError) as refusal:
        parse(text)
    assert says in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 300


def test_what_is_as_deep_and_as_long_as_is_allowed_is_read():
    assert parse("(" * (DEEPEST - 1) + "x" + ")" * (DEEPEST - 1)).result == "x"
    assert len(parse("x+" * (LONGEST // 2 - 1) + "x").operations) == LONGEST // 2 - 1


@pytest.mark.parametrize(
    "text", ["(x + y) * z", "1/x", "x^2", "x^y", "x^0", "-x", "sigmoid(x)", "relu(x)", "softplus(x)"]
)
def test_each_step_is_one_equation_of_the_trace_without_nesting(text):
    expression = parse(text)
    jaxpr = jax.make_jaxpr(expression)(*(0.5 for _ in expression.names))
    assert len(jaxpr.eqns) == len(expression.operations)
    assert not {eqn.primitive.name for eqn in jaxpr.eqns} & set(INLINED)


def test_operations_are_the_primitives_that_they_are_called_after():
    expected = {
        "1/x": "div",
        "sigmoid(x)": "logistic",
        "x^2": "integer_pow",
        "x^1.5": "pow",
        "-x": "neg",
        "x**-3": "integer_pow",
    }
    primitives = {text: jax.make_jaxpr(parse(text))(0.5).eqns[-1].primitive.name for text in expected}
    assert primitives == expected


def test_steps_carry_the_text_of_what_they_compute_in_the_order_of_evaluation():
    assert [operation.text for operation in parse("1 / (1 +  exp(-(w*x + b)))").operations] == [
        "w*x", "w*x + b", "-(w*x + b)", "exp(-(w*x + b))", "1 + exp(-(w*x + b))", "1 / (1 + exp(-(w*x + b)))",
    ]  # fmt: skip


def test_names_come_in_the_order_in_which_they_are_first_written():
    assert parse("b + a * b + exp(c)").names == ("b", "a", "c")


def test_softplus_is_finite_far_out_and_has_slope_one_half_at_zero():
    softplus = parse("softplus(x)")
    assert float(softplus(1000.0)) == 1000.0
    assert float(jax.grad(softplus)(0.0)) == 0.5


def test_values_are_put_into_the_order_of_the_names():
    assert parse("(b + a) * b").arguments({"a": 1.0, "b": 2.0}) == (2.0, 1.0)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"x": 1.0}, "no value for y, z in 'x + y * z': add y=1 z=1"),
        ({"x": 1.0, "y": 1.0, "z": 1.0, "weight": 1.0}, "has no variable 'weight' (it has: x, y, z)"),
        ({"exp": 3.0}, "'exp' is a function of the grammar"),
        ({"pi": 3.0}, "'pi' is a constant of the grammar"),
    ],
)
def test_values_that_do_not_fit_the_variables_are_refused(values, says):
    with pytest.raises(PadlError) as refusal:
        parse("x + y * z").arguments(values)
    assert says in str(refusal.value)


def test_every_function_takes_what_the_grammar_says():
    for name, operands in OPERANDS.items():
        assert len(parse(f"{name}({', '.join('xy'[:operands])})").names) == operands
