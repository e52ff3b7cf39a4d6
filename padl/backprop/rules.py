"""Local derivatives. derivatives: as formulas; rule: in one line, for any primitive; pretty: set as mathematics.

In a formula x and y are the operands, z is the result and c is an operand that is constant. The formulas are written in
the grammar of `padl.backprop.expression`, so each of them can be computed, and the tests do. Where an operation is no
elementwise function, words say what it does to g, the gradient that comes back to it.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

ONE: Mapping[str, str] = {  # operand: ∂z/∂x
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
TWO: Mapping[str, tuple[str, str, str, str]] = {  # ∂z/∂x, ∂z/∂y; ∂z/∂x where the other is c; where the first is
    "add": ("1", "1", "1", "1"),
    "add_any": ("1", "1", "1", "1"),
    "atan2": ("y / (x^2 + y^2)", "-x / (x^2 + y^2)", "c / (x^2 + c^2)", "-c / (c^2 + x^2)"),
    "div": ("1 / y", "-x / y^2", "1 / c", "-c / x^2"),
    "mul": ("y", "x", "c", "c"),
    "pow": ("y * x^(y - 1)", "z * log(x)", "c * x^(c - 1)", "z * log(c)"),
    "sub": ("1", "-1", "1", "-1"),
}
WORDS: Mapping[str, str] = {
    "all_gather": "summed over the copies",
    "broadcast_in_dim": "summed over the copies",
    "clamp": "1 between the bounds, 0 outside",
    "concatenate": "to each its own part",
    "cumlogsumexp": "shared as in a softmax",
    "cummax": "to the largest so far",
    "cummin": "to the smallest so far",
    "cumprod": "products of the others",
    "dynamic_slice": "back in place, zeros elsewhere",
    "elu": "1 where x > 0, else exp(x)",
    "expand_dims": "reshaped back",
    "gather": "added at the places read",
    "gelu": "close to 0 left of 0, to 1 right of 0",
    "hard_tanh": "1 between the bounds, 0 outside",
    "leaky_relu": "1 where x > 0, else the slope",
    "lgamma": "digamma(x)",
    "log_softmax": "g - exp(z) * sum(g)",
    "logsumexp": "g * exp(x - z)",
    "optimization_barrier": "passed on",
    "pad": "g without the padding",
    "pmean": "averaged over the devices",
    "psum": "summed over the devices",
    "ragged_dot": "g @ y^T and x^T @ g, for each group",
    "reduce_and": "0",
    "reduce_max": "to the largest",
    "reduce_min": "to the smallest",
    "reduce_or": "0",
    "reduce_prod": "z / x to each",
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
PLACED: Mapping[str, tuple[str, ...]] = {  # words for each operand, in order
    "conv_general_dilated": ("g convolved with y turned", "x correlated with g"),
    "dynamic_update_slice": ("g, zeros at the place", "g at the place"),
    "scatter": ("g, zeros at the places", "", "g at the places"),
    "scatter-add": ("g", "", "g at the places"),
    "scatter_add": ("g", "", "g at the places"),
    "scatter-mul": ("g * the updates", "", "g * x at the places"),
    "rem": ("1", "-(x - z) / y"),
}
LETTERS = "xyuvw"  # z is the result


def rule(operation: str, params: Mapping[str, Any], constants: Sequence[bool | float]) -> str:
    """The local derivative in one line, "-1 / x^2" or "∂x: y, ∂y: x"; "" where there is none or none is known.

    Args:
        operation: the primitive's name; params: the equation's parameters.
        constants: for each operand False where a gradient goes to it, else True or, where it is one number, the number,
            which then stands in the formula: 1 / x has "-1 / x^2", c / x has "-c / x^2".
    """
    told = derivatives(operation, params, constants) or _in_words(operation, params, constants)
    if len(told) == 1:
        return next(iter(told.values()))
    return ", ".join(f"∂{LETTERS[min(place, 4)]}: {text}" for place, text in told.items())


def derivatives(operation: str, params: Mapping[str, Any], constants: Sequence[bool | float]) -> dict[int, str]:
    """{operand: ∂z/∂operand} as formulas, for the operands that are not constant; {} for what is not elementwise.

    One operand that is not constant is called x, wherever it stands.
    """
    live = [place for place, constant in enumerate(constants) if constant is False]
    if not live:
        return {}
    if operation == "integer_pow":
        return {0: _power(params["y"])}
    if operation in ONE and len(constants) == 1:
        return {0: ONE[operation]}
    if operation not in TWO or len(constants) != 2:
        return {}
    if len(live) == 2:
        return dict(enumerate(TWO[operation][:2]))
    return {live[0]: _with_number(TWO[operation][2 + live[0]], constants[1 - live[0]])}


def pretty(text: str) -> str:
    """A rule as it is set in print: x² for x^2, − · √ ᵀ; what has no such sign stays as it is."""
    text = re.sub(r"\^(-?\d+)(?![\d.])", lambda found: found[1].translate(SUPERSCRIPTS), text)
    text = re.sub(r"\bpi\b", "π", text.replace("^T", "ᵀ").replace(" * ", " · "))
    text = re.sub(r"sqrt\((\w+)\)", r"√\1", text).replace("sqrt(", "√(")
    return re.sub(r"(?<!\w)-|-(?!\w)", "−", text)


SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def _power(n: int) -> str:
    if n in (0, 1, 2):
        return ("0", "1", "2 * x")[n]
    return f"{n} / x^{1 - n}" if n < 0 else f"{n} * x^{n - 1}"


def _with_number(text: str, c: bool | float) -> str:
    """A formula with the number in the place of its c, where the constant is one number."""
    if isinstance(c, bool):
        return text
    text = text.replace("(c - 1)", _bracketed(c - 1))
    text = re.sub(r"^-c\b", f"{-c:.4g}", text)
    return f"{c:.4g}" if text == "c" else re.sub(r"\bc\b", _bracketed(c), text)


def _bracketed(number: float) -> str:
    return f"({number:.4g})" if number < 0 else f"{number:.4g}"


def _in_words(operation: str, params: Mapping[str, Any], constants: Sequence[bool | float]) -> dict[int, str]:
    live = [place for place, constant in enumerate(constants) if constant is False]
    if not live:
        return {}
    if operation == "dot_general":
        return _product(params["dimension_numbers"], live)
    if operation in ("cumsum", "max", "min"):
        return {live[0]: _ordered(operation, params, constants, live)}
    if operation in WORDS:
        return {live[0]: WORDS[operation]}
    words = PLACED.get(operation, ())
    return {place: words[place] for place in live if place < len(words)}


def _ordered(operation: str, params: Mapping[str, Any], constants: Sequence[bool | float], live: list[int]) -> str:
    """Of what depends on order or direction."""
    if operation == "cumsum":
        return "summed from the start" if params.get("reverse") else "summed from the end"
    if len(live) == 2:
        return "to the larger, halves if equal" if operation == "max" else "to the smaller, halves if equal"
    bound = _with_number("c", constants[1 - live[0]])
    return f"1 where x {'>' if operation == 'max' else '<'} {bound}, else 0"


def _product(dimensions: Any, live: list[int]) -> dict[int, str]:
    """Of a matrix product, by which of the operands' axes are summed over."""
    (left, right), (batch, _) = dimensions
    axes = (left[0] - len(batch), right[0] - len(batch)) if len(left) == len(right) == 1 else None
    x, y = ("x", "y") if len(live) == 2 else ("c", "c")
    known = {
        (1, 0): (f"g @ {y}^T", f"{x}^T @ g"),
        (1, 1): (f"g @ {y}", f"g^T @ {x}"),
        (0, 0): (f"{y} @ g^T", f"{x} @ g"),
        (0, 1): (f"{y}^T @ g^T", f"g^T @ {x}^T"),
    }
    told = known.get(axes) if axes else None
    return {place: told[place] if told else f"g times {(y, x)[place]}, summed over the other axes" for place in live}
