"""How far an optimizer goes another way when its products of matrices round what they multiply, as accelerators do.

Roundings, roundings: measured. with_rounded_products: a traced function with such products.

On a CPU JAX takes no notice of `jax.default_matmul_precision`. So the factors of every product whose precision the rule
leaves to this default are rounded to the digits of bfloat16 or TensorFloat-32, and all else stays in float64.
"""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, jaxpr_as_fun

from padl.conformance.checked_optimizer import CheckedOptimizer
from padl.conformance.invariances import without_decay
from padl.conformance.problems import given
from padl.conformance.responses import LARGE
from padl.engine.operations import operations_of
from padl.types import PyTree

DIGITS = {"bfloat16": 7, "tensorfloat32": 10}  # binary ones behind the point


class Roundings(NamedTuple):
    """How far from where it comes in float64, of the way it went; 0 without products that are rounded."""

    bfloat16: float = 0.0
    tensorfloat32: float = 0.0


def roundings(rule: CheckedOptimizer, steps: int = 12) -> Roundings:
    """Follow given gradients of a layer with rounded products, and compare the ends."""
    rule = rule.usual
    start = rule.start if rule.is_for_heads else LARGE
    with jax.enable_x64(True):
        as_array = lambda tree: jax.tree.map(lambda x: jnp.asarray(x, float), tree)  # noqa: E731
        numbers, params = as_array(without_decay(rule.numbers)), as_array(start)
        state = rule.programs[0](numbers, params)
        arguments = (numbers, params, state, *as_array(given(start, steps)), jax.random.key(0))
        closed, form = jax.make_jaxpr(rule.programs[1], return_shape=True)(*arguments)
        if "dot_general" not in operations_of(closed):
            return Roundings()
        ends = [_end(closed, form, arguments, digits) for digits in (52, *DIGITS.values())]
    way = _length(ends[0], start)
    return Roundings(*(_length(end, ends[0]) / way if way else math.nan for end in ends[1:]))


def _end(closed: ClosedJaxpr, form: PyTree, arguments: Any, digits: int) -> PyTree:
    """Where the parameters are after a course with rounded products."""
    run = jax.jit(jaxpr_as_fun(with_rounded_products(closed, digits)))
    return jax.device_get(jax.tree.unflatten(jax.tree.structure(form), run(*jax.tree.leaves(arguments)))[1])


def _length(one: PyTree, other: PyTree) -> float:
    """The distance of two trees."""
    pairs = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return math.sqrt(sum(float(np.sum(np.square(np.subtract(a, b)))) for a, b in pairs))


def with_rounded_products(closed: ClosedJaxpr, digits: int) -> ClosedJaxpr:
    """Return a traced function in which products of matrices round their factors.

    Args:
        digits: binary ones that are kept behind the point. A product that asks for a precision of its own keeps it.
    """
    return closed.replace(jaxpr=_rounded(closed.jaxpr, digits))


def _rounded(jaxpr: Jaxpr, digits: int) -> Jaxpr:
    return jaxpr.replace(eqns=[_equation(each, digits) for each in jaxpr.eqns])


def _equation(equation: Any, digits: int) -> Any:
    """An operation, with rounded factors where it is a product, and with what it calls rewritten."""
    parameters = equation.params
    if equation.primitive.name == "dot_general" and parameters["precision"] is None:
        rounded = lambda x: jax.lax.reduce_precision(x, 11, digits)  # noqa: E731
        product = jax.jit(lambda a, b: jax.lax.dot_general_p.bind(rounded(a), rounded(b), **parameters))
        called = jax.make_jaxpr(product)(*(x.aval for x in equation.invars)).eqns[0]
        return called.replace(invars=equation.invars, outvars=equation.outvars)
    return equation.replace(params={name: _rewritten(x, digits) for name, x in parameters.items()})


def _rewritten(parameter: Any, digits: int) -> Any:
    if isinstance(parameter, ClosedJaxpr):
        return with_rounded_products(parameter, digits)
    if isinstance(parameter, Jaxpr):
        return _rounded(parameter, digits)
    return tuple(_rewritten(x, digits) for x in parameter) if type(parameter) is tuple else parameter
