"""What a node says of its numbers: norms, shares of zeros, whether they are finite. measure."""

from typing import Any, NamedTuple

import numpy as np

from padl.backprop.graph import Node, as_numpy


class Measure(NamedTuple):
    """A node in numbers.

    Attributes:
        name: its label, or its operation. value, gradient: their Euclidean norms, NaN for what has none.
        value_zeros, gradient_zeros: the shares of elements that are exactly 0, in [0, 1], NaN for what has none.
        finite: whether value and gradient hold neither NaN nor infinity.
    """

    number: int
    name: str
    operation: str
    module: str
    shape: tuple[int, ...]
    value: float
    gradient: float
    value_zeros: float
    gradient_zeros: float
    finite: bool
    source: str


def measure(node: Node) -> Measure:
    value, gradient = as_numpy(node.value), None if node.adjoint is None else as_numpy(node.adjoint)
    return Measure(
        number=node.number,
        name=name_of(node),
        operation=node.operation,
        module=node.module,
        shape=node.shape,
        value=norm(value),
        gradient=norm(gradient),
        value_zeros=zeros(value),
        gradient_zeros=zeros(gradient),
        finite=is_sound(value) and is_sound(gradient),
        source=node.source,
    )


def name_of(node: Node) -> str:
    return node.label or node.operation


def norm(x: np.ndarray | None) -> float:
    """Euclidean norm, in double precision; NaN for none."""
    if x is None:
        return float("nan")
    wide = np.abs(x.astype(np.complex128 if np.iscomplexobj(x) else np.float64))
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.sqrt((wide**2).sum()))


def zeros(x: np.ndarray | None) -> float:
    return float("nan") if x is None or x.size == 0 else float((x == 0).mean())


def is_sound(x: np.ndarray | None) -> bool:
    return kind_of(x) == ""


def kind_of(x: Any) -> str:
    """ "NaN" or "infinity" where there is one among real numbers."""
    if x is None:
        return ""
    x = as_numpy(x)
    if x.dtype.kind in "iub":
        return ""
    x = x.astype(np.complex128 if x.dtype.kind == "c" else np.float64)
    return "NaN" if np.isnan(x).any() else "infinity" if np.isinf(x).any() else ""
