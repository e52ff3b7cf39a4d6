"""Tell, without running it, whether what a function gives can depend on what it is given. depends."""

from collections.abc import Callable
from typing import Any

import jax
from jax.extend.core import Jaxpr, Literal

from padl.types import PyTree

CALLS = ("jit", "pjit")  # primitives that call a function with their operands


def depends(function: Callable[[PyTree], PyTree], argument: PyTree) -> bool:
    """Trace a function, and follow its argument through its equations.

    Args:
        function: of one tree of arrays; it may use others, traced ones too.

    Returns:
        False only where no number of the result can depend on one of the argument. An equation passes on all that it
        is given, though it may not use it.
    """
    jaxpr = jax.make_jaxpr(function)(argument).jaxpr
    return any(_reached(jaxpr, [True] * len(jaxpr.invars)))


def _reached(jaxpr: Jaxpr, given: list[bool]) -> list[bool]:
    """Which results are reached from the inputs that are `given`."""
    reached: set[Any] = {variable for variable, is_given in zip(jaxpr.invars, given, strict=True) if is_given}
    is_reached = lambda x: not isinstance(x, Literal) and x in reached  # noqa: E731
    for equation in jaxpr.eqns:
        operands = [is_reached(x) for x in equation.invars]
        inner = equation.params.get("jaxpr") if equation.primitive.name in CALLS else None
        results = [any(operands)] * len(equation.outvars) if inner is None else _reached(inner.jaxpr, operands)
        reached.update(x for x, is_result in zip(equation.outvars, results, strict=True) if is_result)
    return [is_reached(x) for x in jaxpr.outvars]
