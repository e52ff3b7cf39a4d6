"""Which operations a traced function is made of, how many products, and which must not be batched on a CPU.

operations_of, hangs_batched, products_of.

Decompositions of matrices go to LAPACK on a CPU. Several at once, JAX 0.10 hands out in parts to the pool of threads
that the program itself runs on, and the thread that does waits for them. When all threads wait so, no part is ever
begun: the call does not return. Measured, on two cores: every operation of `DECOMPOSITIONS`, once the matrices are
large enough to be handed out, on one device as on two; with one matrix at a time none, and with JAX 0.12 none.
"""

import math
from collections.abc import Iterator
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr

from padl.types import Device

SAFE_SINCE = (0, 12)  # of JAX; 0.10.2 hangs, 0.11 was not tried
DECOMPOSITIONS = frozenset(
    {
        "cholesky",
        "cholesky_update",
        "eig",
        "eigh",
        "geqp3",
        "geqrf",
        "hessenberg",
        "householder_product",
        "lu",
        "ormqr",
        "qr",
        "schur",
        "svd",
        "triangular_solve",
        "tridiagonal",
        "tridiagonal_solve",
    }
)


def operations_of(jaxpr: ClosedJaxpr) -> frozenset[str]:
    """Return the names of all operations, those of inner functions, loops and branches among them."""
    return frozenset(_names(jaxpr.jaxpr))


def hangs_batched(operations: frozenset[str], device: Device) -> frozenset[str]:
    """Return those of the operations for which a batched call may not come back on this device."""
    waits = device.platform == "cpu" and jax.__version_info__ < SAFE_SINCE
    return operations & DECOMPOSITIONS if waits else frozenset()


def products_of(jaxpr: ClosedJaxpr | Jaxpr) -> int:
    """Count the multiplications in products of matrices; of branches the one with most, of a `while` one turn."""
    count = 0
    for equation in (jaxpr.jaxpr if isinstance(jaxpr, ClosedJaxpr) else jaxpr).eqns:
        inner = [x for x in jax.tree.leaves(list(equation.params.values()), is_leaf=_is_jaxpr) if _is_jaxpr(x)]
        if equation.primitive.name == "dot_general":
            count += _multiplications(equation)
        elif inner:
            total = max if equation.primitive.name == "cond" else sum
            count += equation.params.get("length", 1) * total(map(products_of, inner))
    return count


def _multiplications(product: Any) -> int:
    """Those of one product of matrices."""
    ((contracted, _), _), first = product.params["dimension_numbers"], product.invars[0].aval.shape
    return math.prod(product.outvars[0].aval.shape) * math.prod(first[axis] for axis in contracted)


def _names(jaxpr: Jaxpr) -> Iterator[str]:
    for equation in jaxpr.eqns:
        yield equation.primitive.name
        for inner in jax.tree.leaves(list(equation.params.values()), is_leaf=_is_jaxpr):
            if _is_jaxpr(inner):
                yield from _names(inner.jaxpr if isinstance(inner, ClosedJaxpr) else inner)


def _is_jaxpr(x: Any) -> bool:
    return isinstance(x, ClosedJaxpr | Jaxpr)
