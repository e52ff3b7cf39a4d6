"""Formulas that have been read. Operation, Expression; the functions and constants that a formula may name."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from padl.errors import near
from padl.types import PadlError


@jax.custom_jvp
def relu(x: jax.Array) -> jax.Array:
    """max(x, 0), with slope 0 at 0; JAX's maximum has ½ there."""
    return lax.max(x, np.zeros((), x.dtype)[()])


@relu.defjvp
def _relu_jvp(primals: tuple[jax.Array], tangents: tuple[jax.Array]) -> tuple[jax.Array, jax.Array]:
    (x,), (dx,) = primals, tangents
    return relu(x), lax.select(x > 0, dx, jnp.zeros_like(dx))


CONSTANTS: Mapping[str, float] = {"pi": math.pi, "e": math.e}
FUNCTIONS: Mapping[str, Callable] = {  # those that are one operation
    "exp": lax.exp,
    "log": lax.log,
    "sin": lax.sin,
    "cos": lax.cos,
    "tan": lax.tan,
    "tanh": lax.tanh,
    "sigmoid": lax.logistic,
    "sqrt": lax.sqrt,
    "abs": lax.abs,
    "square": lax.square,
    "max": lax.max,
    "min": lax.min,
    "relu": relu,
}
OPERANDS = dict.fromkeys([*FUNCTIONS, "softplus"], 1) | {"max": 2, "min": 2}
EXCERPT = 40  # characters of a formula that a message quotes
Reference = float | str | int  # a number itself, a variable's name, or the index of the operation that computes it


class Operation(NamedTuple):
    """One operation of a formula.

    Attributes:
        function: one primitive of jax.lax, or `relu`.
        operands: what it is applied to.
        text: the part of the formula that it computes, "x + y".
    """

    function: Callable
    operands: tuple[Reference, ...]
    text: str


@dataclass(frozen=True, eq=False)
class Expression:
    """A formula that has been read; call it with one number for each of `names`, in their order.

    Attributes:
        text: as it was written.
        names: its variables, in the order in which they first appear.
        operations: in the order of evaluation. A trace of the call has one equation for each of them, in this order, so
            that `operations[i].text` labels the i-th one. Numbers are constants in the equations.
        result: the last operation, or the name or number that the formula consists of.
    """

    text: str
    names: tuple[str, ...]
    operations: tuple[Operation, ...]
    result: Reference

    def __call__(self, *values: Any) -> Any:
        """Evaluate, in the dtype of the values: scalars of floating point, all of one dtype."""
        scalars = [v if hasattr(v, "dtype") else jnp.asarray(v, float) for v in values]
        dtype = jnp.result_type(*scalars) if scalars else jnp.result_type(float)
        variables = dict(zip(self.names, scalars, strict=True))
        results: list[Any] = []

        def look_up(reference: Reference) -> Any:
            if isinstance(reference, str):
                return variables[reference]
            return results[reference] if isinstance(reference, int) else np.asarray(reference, dtype)[()]

        for operation in self.operations:
            results += [operation.function(*map(look_up, operation.operands))]
        return look_up(self.result)

    def arguments(self, values: Mapping[str, float]) -> tuple[float, ...]:
        """Put values into the order of `names`.

        Raises:
            PadlError: a variable has no value; a value's name is no variable of the formula, or one of the grammar's.
        """
        for name in values:
            self._check_variable(name)
        missing = [name for name in self.names if name not in values]
        if missing:
            example = " ".join(f"{name}=1" for name in missing)
            raise PadlError(f"no value for {', '.join(missing)} in '{excerpt(self.text)}': add {example}")
        return tuple(values[name] for name in self.names)

    def _check_variable(self, name: str) -> None:
        if name in OPERANDS or name in CONSTANTS:
            kind = "a function" if name in OPERANDS else "a constant"
            raise PadlError(f"'{name}' is {kind} of the grammar, so no variable: call it another name")
        if name not in self.names:
            variables = ", ".join(self.names) or "none"
            advice = near(name, self.names)
            raise PadlError(f"'{excerpt(self.text)}' has no variable '{name}'{advice} (it has: {variables})")


def excerpt(text: str, last: bool = False) -> str:
    """Shorten a text to the first (or the last) 40 characters, in one line."""
    shown = "".join(character if character.isprintable() else " " for character in text)
    if len(shown) <= EXCERPT:
        return shown
    return f"…{shown[-EXCERPT:]}" if last else f"{shown[:EXCERPT]}…"
