"""The operations of a traced function, wherever they are in it; which of them must not be batched where."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import pytest

from padl.engine import packing
from padl.engine.operations import DECOMPOSITIONS, SAFE_SINCE, hangs_batched, operations_of, products_of
from padl.engine.packing import Outline
from padl.types import PadlError

MATRIX = jnp.eye(3) * 2
CPU, GPU = SimpleNamespace(platform="cpu"), SimpleNamespace(platform="gpu")


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (lambda x: jnp.linalg.eigh(x)[1], {"eigh"}),
        (lambda x: jnp.linalg.qr(x)[0], {"qr"}),
        (lambda x: jnp.linalg.svd(x)[0], {"svd"}),
        (jnp.linalg.cholesky, {"cholesky"}),
        (lambda x: jnp.linalg.solve(x, x), {"lu", "triangular_solve"}),
        (jnp.linalg.inv, {"lu", "triangular_solve"}),
        (lambda x: jnp.linalg.slogdet(x)[1], {"lu"}),
        (lambda x: jax.lax.linalg.schur(x)[0], {"schur"}),
        (jax.grad(lambda x: jnp.linalg.cholesky(x).sum()), {"cholesky", "triangular_solve"}),
        (lambda x: jax.lax.cond(x[0, 0] > 0, lambda: jnp.linalg.eigh(x)[1], lambda: x), {"eigh"}),
        (lambda x: jax.lax.fori_loop(0, 3, lambda i, x: jnp.linalg.eigh(x)[1], x), {"eigh"}),
        (lambda x: jax.lax.scan(lambda x, _: (jnp.linalg.eigh(x)[1], 0), x, length=2)[0], {"eigh"}),
        (jax.jit(jax.checkpoint(lambda x: jnp.linalg.eigh(x)[1])), {"eigh"}),
        (lambda x: x @ x + jnp.sort(x), set()),
    ],
)
def test_decompositions_are_found_in_calls_loops_branches_and_gradients(function, names):
    assert operations_of(jax.make_jaxpr(function)(MATRIX)) & DECOMPOSITIONS >= names
    if not names:
        assert not operations_of(jax.make_jaxpr(function)(MATRIX)) & DECOMPOSITIONS


def outline(*operations):
    return Outline(frozenset(operations), 4, ())


@pytest.mark.parametrize(
    ("device", "version", "operation", "hangs"),
    [
        (CPU, (0, 10, 2), "eigh", True),
        (CPU, SAFE_SINCE, "eigh", False),
        (GPU, (0, 10, 2), "eigh", False),
        (CPU, (0, 10, 2), "dot_general", False),
    ],
)
def test_batched_decompositions_hang_on_a_cpu_before_a_version_of_jax(monkeypatch, device, version, operation, hangs):
    monkeypatch.setattr(jax, "__version_info__", version)
    assert bool(hangs_batched(frozenset({operation}), device)) is hangs
    assert packing.choose(outline(operation), device) == ("map" if hangs else "vmap")
    packing.check("map", outline(operation), device)
    packing.check("alone", outline(operation), device)
    if hangs:
        with pytest.raises(PadlError, match=r"sweep.strategy=vmap: .*\(eigh\).*sweep.strategy=map"):
            packing.check("vmap", outline(operation), device)
    else:
        packing.check("vmap", outline(operation), device)


def test_products_are_counted_through_loops_and_of_branches_that_with_most():
    a, b = jnp.ones((2, 3)), jnp.ones((3, 5))
    count = lambda function, *args: products_of(jax.make_jaxpr(function)(*args))  # noqa: E731
    assert count(lambda a, b: a @ b + jnp.sin(a @ b), a, b) == 2 * 2 * 3 * 5
    assert count(lambda a: jax.lax.scan(lambda x, _: (x @ x, None), a, length=4)[0], MATRIX) == 4 * 27
    assert count(lambda a: jax.lax.cond(a[0, 0] > 0, lambda: a @ a @ a, lambda: a @ a), MATRIX) == 2 * 27
    assert count(jax.vmap(jnp.matmul), jnp.ones((7, 2, 3)), jnp.ones((7, 3, 5))) == 7 * 30
