"""Numbers, rules and names as they are set in print. number, amount, value_text, gradient_text, pretty, shortened."""

import re
from typing import Any

import numpy as np

from padl.backprop.arrays import as_numpy, norm
from padl.backprop.graph import Node

LONGEST_NAME = 24  # characters
SUPERSCRIPTS = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


def number(x: Any) -> str:
    """Write four significant digits: "-0.1966"."""
    array = as_numpy(x)
    if array.ndim:
        return "random key" if np.ndim(x) == 0 else str(array)
    return f"{array.item():.4g}" if array.dtype.kind in "fcV" else str(array.item())


def shape_text(value: Any) -> str:
    """Write a shape as `32×10`; "" for a single number."""
    return "×".join(map(str, np.shape(value)))


def amount(value: Any, letter: str = "v") -> str:
    """Write a number itself; of an array the norm, "|v| 3.2"."""
    array = as_numpy(value)
    if array.ndim == 0:
        return number(array.astype(np.float64) if array.dtype.kind == "V" else array)  # "V": bfloat16 and the like
    return f"|{letter}| {norm(array):.3g}"


def value_text(node: Node) -> str:
    """Write a node's value as `-0.1966`, or `32×10 |v| 3.2`."""
    return f"{shape_text(node.value)} {amount(node.value)}".strip()


def gradient_text(gradient: Any) -> str:
    """Write a gradient as `0.3932`, or `|g| 0.4`; "" for None."""
    return "" if gradient is None else amount(gradient, "g")


def pretty(rule: str) -> str:
    """Set a rule in print: x² for x^2, − · √ ᵀ; what has no such sign stays as it is."""
    text = re.sub(r"\^(-?\d+)(?![\d.])", lambda exponent: exponent[1].translate(SUPERSCRIPTS), rule)
    text = re.sub(r"\bpi\b", "π", text.replace("^T", "ᵀ").replace(" * ", " · "))
    text = re.sub(r"sqrt\((\w+)\)", r"√\1", text).replace("sqrt(", "√(")
    return re.sub(r"(?<!\w)-|-(?!\w)", "−", text)


def shortened(text: str, longest: int = LONGEST_NAME) -> str:
    """Cut a text to at most so many characters, leaving out its middle."""
    half = (longest - 1) // 2
    return text if len(text) <= longest else f"{text[:half]}…{text[-half:]}"
