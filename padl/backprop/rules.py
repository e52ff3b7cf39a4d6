"""Local derivatives of primitives. derivatives: as formulas; rule: in one line, as a formula or in words.

In a formula x and y are the operands, z is the result and c is an operand that is constant. The formulas are written in
the grammar of `padl.backprop.parser`, so each of them can be computed, and the tests do. Where an operation is no
elementwise function, words say what it does to g, the gradient that comes back to it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

UNARY: Mapping[str, str] = {  # operand: ∂z/∂x
    "abs": "x / z",
    "acos": "-1 / sqrt(1 - x^2)",
    "acosh": "1 / sqrt(x^2 - 1)",
    "asin": "1 / sqrt(1 - x^2)",
    "asinh": "1 / sqrt(x^2 + 1)",
    "atan": "1 / (1 + x^2)",
    "atanh": "1 / (1 - x^2)",
    "cbrt": "1 / (3 * z^2)",
    "ceil": "0",
    "convert_element_type": "1",
    "copy": "1",
    "copy_p": "1",
    "cos": "-sin(x)",
    "cosh": "(exp(x) - exp(-x)) / 2",
    "erf": "2 / sqrt(pi) * exp(-x^2)",
    "erf_inv": "sqrt(pi) / 2 * exp(z^2)",
    "erfc": "-2 / sqrt(pi) * exp(-x^2)",
    "exp": "z",
    "exp2": "z * log(2)",
    "expm1": "z + 1",
    "floor": "0",
    "is_finite": "0",
    "log": "1 / x",
    "log1p": "1 / (1 + x)",
    "log_sigmoid": "sigmoid(-x)",
    "logistic": "z * (1 - z)",
    "neg": "-1",
    "reduce_precision": "1",
    "round": "0",
    "rsqrt": "-z / (2 * x)",
    "sigmoid": "z * (1 - z)",
    "sign": "0",
    "silu": "z + sigmoid(x) * (1 - z)",
    "sin": "cos(x)",
    "sinh": "sqrt(1 + z^2)",
    "softplus": "sigmoid(x)",
    "sqrt": "1 / (2 * z)",
    "square": "2 * x",
    "stop_gradient": "0",
    "swish": "z + sigmoid(x) * (1 - z)",
    "tan": "1 + z^2",
    "tanh": "1 - z^2",
}
BINARY: Mapping[
    str, tuple[str, str, str, str]
] = {  # ∂z/∂x, ∂z/∂y; ∂z/∂x if y is the constant c; if the first operand is
    "add": ("1", "1", "1", "1"),
    "add_any": ("1", "1", "1", "1"),
    "atan2": ("y / (x^2 + y^2)", "-x / (x^2 + y^2)", "c / (x^2 + c^2)", "-c / (c^2 + x^2)"),
    "div": ("1 / y", "-x / y^2", "1 / c", "-c / x^2"),
    "mul": ("y", "x", "c", "c"),
    "pow": ("y * x^(y - 1)", "z * log(x)", "c * x^(c - 1)", "z * log(c)"),
    "sub": ("1", "-1", "1", "-1"),
}
EDGES: Mapping[str, tuple[str, ...]] = {  # for each operand, what JAX takes where the formula has no value
    "abs": ("1 at 0",),
    "pow": ("", "0 at x = 0"),
}
DESCRIPTIONS: Mapping[str, str] = {  # what the operation does to g
    "all_gather": "summed over the copies",
    "broadcast_in_dim": "summed over the copies",
    "clamp": "1 between the bounds, else 0",
    "concatenate": "to each its own part",
    "cumlogsumexp": "shared as in a softmax",
    "cummax": "to the largest so far, shared if equal",
    "cummin": "to the smallest so far, shared if equal",
    "cumprod": "products of the others",
    "dynamic_slice": "back in place, zeros elsewhere",
    "elu": "1 where x > 0, else exp(x)",
    "expand_dims": "reshaped back",
    "gather": "added at the places read",
    "gelu": "close to 0 left of 0, to 1 right of 0",
    "hard_tanh": "1 from -1 to 1, else 0",
    "leaky_relu": "1 where x >= 0, else the slope",
    "lgamma": "digamma(x)",
    "log_softmax": "g - exp(z) * sum(g)",
    "logsumexp": "g * exp(x - z)",
    "optimization_barrier": "passed on",
    "pad": "g without the padding",
    "pmean": "averaged over the devices",
    "psum": "summed over the devices",
    "ragged_dot": "g @ y^T and x^T @ g, for each group",
    "reduce_and": "0",
    "reduce_max": "to the largest, shared if equal",
    "reduce_min": "to the smallest, shared if equal",
    "reduce_or": "0",
    "reduce_prod": "to each the product of the others",
    "reduce_sum": "1 to each",
    "relu": "1 where x > 0, else 0",
    "relu6": "1 between 0 and 6, else 0",
    "reshape": "reshaped back",
    "rev": "reversed back",
    "select_n": "to the one chosen",
    "slice": "back in place, zeros elsewhere",
    "softmax": "z * (g - sum(g * z))",
    "sort": "back to where each came from",
    "split": "the parts together again",
    "squeeze": "reshaped back",
    "stack": "to each its own part",
    "top_k": "back to where each came from",
    "transpose": "transposed back",
    "unstack": "the parts together again",
}
OPERAND_DESCRIPTIONS: Mapping[str, tuple[str, ...]] = {  # one for each operand, in order
    "conv_general_dilated": ("g convolved with y turned", "x correlated with g"),
    "dynamic_update_slice": ("g, zeros at the place", "g at the place"),
    "scatter": ("g, zeros at the places", "", "g at the places"),
    "scatter-add": ("g", "", "g at the places"),
    "scatter_add": ("g", "", "g at the places"),
    "scatter-mul": ("g * the updates", "", "g * x at the places"),
    "rem": ("1", "-(x - z) / y"),
}
LETTERS = "xyuvw"  # of the operands; z is the result
Constants = Sequence[bool | float]  # for each operand False if a gradient goes to it, else its number, or else True


def rule(operation: str, params: Mapping[str, Any], constants: Constants) -> str:
    """Write the local derivative in one line, "-1 / x^2" or "∂x: y, ∂y: x"; "" if the primitive has none here.

    Args:
        operation: the primitive's name.
        params: the equation's parameters.
        constants: for each operand False if a gradient goes to it. Else it is constant: the number if it is one, which
            then stands in the formula, "-1 / x^2" for 1 / x; True for any other, "-c / x^2".
    """
    formulas = {
        i: text + _edge(operation, constants, i) for i, text in derivatives(operation, params, constants).items()
    }
    rules = formulas or _descriptions(operation, params, constants)
    if len(rules) == 1:
        return next(iter(rules.values()))
    return ", ".join(f"∂{LETTERS[min(position, 4)]}: {text}" for position, text in rules.items())


def _edge(operation: str, constants: Constants, position: int) -> str:
    """Where JAX takes another value than the formula: " (1 at 0)"; "" of a power whose base is constant."""
    edge = EDGES.get(operation, ())[position : position + 1]
    return f" ({edge[0]})" if edge and edge[0] and constants[0] is False else ""


def derivatives(operation: str, params: Mapping[str, Any], constants: Constants) -> dict[int, str]:
    """{operand: ∂z/∂operand} as formulas, for the operands that are not constant; {} for what is not elementwise.

    A single operand that is not constant is called x, also if it is the second one.
    """
    active = _active(constants)
    if not active:
        return {}
    if operation == "integer_pow":
        return {0: _power(params["y"])}
    if operation in UNARY and len(constants) == 1:
        return {0: UNARY[operation]}
    if operation not in BINARY or len(constants) != 2:
        return {}
    if len(active) == 2:
        return dict(enumerate(BINARY[operation][:2]))
    if operation == "pow" and _is_zero(constants[0]):
        return {1: "0"}
    return {active[0]: _with_number(BINARY[operation][2 + active[0]], constants[1 - active[0]])}


def _active(constants: Constants) -> list[int]:
    """The positions of the operands that a gradient goes to."""
    return [position for position, constant in enumerate(constants) if constant is False]


def _power(n: int) -> str:
    if n in (0, 1, 2):
        return ("0", "1", "2 * x")[n]
    return f"{n} / x^{1 - n}" if n < 0 else f"{n} * x^{n - 1}"


def _is_zero(constant: bool | float) -> bool:
    return not isinstance(constant, bool) and constant == 0


def _with_number(formula: str, c: bool | float) -> str:
    """Put the number in the place of c, if the constant is one number."""
    if isinstance(c, bool):
        return formula
    formula = formula.replace("(c - 1)", _bracketed(c - 1))
    formula = re.sub(r"^-c\b", f"{-c:.4g}", formula)
    return f"{c:.4g}" if formula == "c" else re.sub(r"\bc\b", _bracketed(c), formula)


def _bracketed(number: float) -> str:
    return f"({number:.4g})" if number < 0 else f"{number:.4g}"


def _descriptions(operation: str, params: Mapping[str, Any], constants: Constants) -> dict[int, str]:
    """{operand: what becomes of the gradient on its way there}, for operations that are not elementwise."""
    active = _active(constants)
    if not active:
        return {}
    if operation == "dot_general":
        return _matrix_product(params["dimension_numbers"], active)
    if operation == "cumsum":
        return {active[0]: "summed from the start" if params.get("reverse") else "summed from the end"}
    if operation in ("max", "min"):
        return {active[0]: _extremum(operation, constants, active)}
    if operation in DESCRIPTIONS:
        return {active[0]: DESCRIPTIONS[operation]}
    texts = OPERAND_DESCRIPTIONS.get(operation, ())
    return {position: texts[position] for position in active if position < len(texts)}


def _extremum(operation: str, constants: Constants, active: list[int]) -> str:
    if len(active) == 2:
        return "to the larger, halves if equal" if operation == "max" else "to the smaller, halves if equal"
    bound = _with_number("c", constants[1 - active[0]])
    return f"1 where x {'>' if operation == 'max' else '<'} {bound}, 1/2 at {bound}, else 0"


def _matrix_product(dimensions: Any, active: list[int]) -> dict[int, str]:
    """Choose the products by which of the operands' axes are summed over."""
    (left, right), (batch, _) = dimensions
    axes = (left[0] - len(batch), right[0] - len(batch)) if len(left) == len(right) == 1 else None
    x, y = ("x", "y") if len(active) == 2 else ("c", "c")
    products = {
        (1, 0): (f"g @ {y}^T", f"{x}^T @ g"),
        (1, 1): (f"g @ {y}", f"g^T @ {x}"),
        (0, 0): (f"{y} @ g^T", f"{x} @ g"),
        (0, 1): (f"{y}^T @ g^T", f"g^T @ {x}^T"),
    }
    fallback = tuple(f"g times {factor}, summed over the other axes" for factor in (y, x))
    texts = fallback if axes is None else products.get(axes, fallback)
    return {position: texts[position] for position in active}
