"""How many threads LAPACK takes: one where matrices are decomposed on CPUs, and as many as before afterwards."""

from types import SimpleNamespace

import jax
import pytest
from scipy import linalg  # noqa: F401 - loads the library that JAX calls
from threadpoolctl import threadpool_info, threadpool_limits

import padl
from padl.engine import loop, mesh, sweep
from padl.engine.lapack import LARGE, few_threads

CPU = jax.devices("cpu")[0]
BEFORE = 3


def threads():
    """How many each of the loaded libraries takes."""
    return {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}


@pytest.mark.parametrize(
    ("operations", "widest", "device", "count", "expected"),
    [
        ({"qr", "add"}, 64, CPU, 1, 1),
        ({"eigh"}, LARGE, CPU, 1, mesh.cores()),
        ({"eigh"}, LARGE, CPU, 2 * mesh.cores(), 1),
        ({"dot_general"}, 64, CPU, 1, BEFORE),
        ({"qr"}, 64, SimpleNamespace(platform="gpu"), 1, BEFORE),
    ],
)
def test_a_program_that_decomposes_matrices_takes_one_thread_or_its_share_of_the_cores(
    operations, widest, device, count, expected
):
    with threadpool_limits(BEFORE, "blas"):
        with few_threads(operations, widest, device, count):
            assert threads() == {expected}
        assert threads() == {BEFORE}


@pytest.mark.parametrize(("optimizer", "expected"), [("soap", 1), ("muon", BEFORE)])
def test_a_run_and_a_sweep_with_decompositions_take_one_thread(optimizer, expected, monkeypatch):
    seen = []
    for module, name in ((loop, "_fetch"), (sweep, "_together")):
        called = getattr(module, name)
        spy = lambda *given, called=called: seen.append(threads()) or called(*given)  # noqa: E731
        monkeypatch.setattr(module, name, spy)
    run = {"task": {"name": "permeability", "rows": 64}, "model": {"name": "mlp", "widths": (4, 4)}, "steps": 1}
    quiet = {"run": {"dir": None}, "wandb": {"mode": "disabled"}, "progress": "none"}
    with threadpool_limits(BEFORE, "blas"):
        padl.train(optimizer=optimizer, devices=1, **run, **quiet)
        padl.sweep(over={"seed": [0]}, optimizer=optimizer, **run, **quiet)
        assert threads() == {BEFORE}
    assert seen == [{expected}] * 2
