"""What an optimizer costs: memory, operations, the size of its program, seconds to compile it, and of a step.

StateBytes, state_bytes: told by shapes alone. Costs, costs: compiled and run.
"""

import math
import time
from collections.abc import Mapping
from statistics import median
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from padl.conformance.checked_optimizer import CheckedOptimizer
from padl.conformance.checks import NotForIt
from padl.conformance.optimizer_forms import shapes
from padl.engine.operations import products_of
from padl.types import PyTree

VECTOR, SQUARE, LONG = (4096,), (256, 256), (64, 4096)
FEW, MANY = 10, 400  # arrays of a tree
SIDE = 1024  # of the matrix that a step is timed on: a million numbers
ROUNDS, PATIENCE = 30, 3.0  # steps that are timed, and seconds after which no further one is begun
LONG_COMPILATION = 60.0  # seconds, of many arrays: not waited for where few of them foretell it


class StateBytes(NamedTuple):
    """Bytes of state for a parameter of float32: of a vector, a square matrix, a long one; scalars are left out."""

    vector: float
    square: float
    long: float


class Costs(NamedTuple):
    """What was measured of the update at defaults, in float32, on the device that JAX takes first.

    Attributes:
        flops: of an update of a square matrix of 256 rows, for each of its numbers: XLA's count, or that of the
            products of matrices where this is more, as XLA counts one turn of a loop. lines: of the program before XLA,
            for each further array. compile_few, compile_many: seconds, of `FEW` and of `MANY` arrays, matrices (8, 8)
            and vectors (8,) by turns. lines, compile_many: NaN where many would take more than `LONG_COMPILATION`.
        step: µs of an update of a matrix of 1024 rows, in place; the median of `rounds`. device: in words.
    """

    flops: float
    lines: float
    compile_few: float
    compile_many: float
    step: float
    rounds: int
    device: str


def state_bytes(rule: CheckedOptimizer) -> StateBytes:
    """Tell how much state there is, by tracing `init`.

    Raises:
        NotForIt: it is for models of one form.
    """
    _check_takes_any_tree(rule)

    def of(shape: tuple[int, ...]) -> float:
        state = jax.eval_shape(rule.made().init, {_name(shape): jax.ShapeDtypeStruct(shape, jnp.float32)})
        return sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(state) if x.size > 1) / math.prod(shape)

    return StateBytes(*map(of, (VECTOR, SQUARE, LONG)))


def costs(rule: CheckedOptimizer) -> Costs:
    """Compile its update for several trees, and time it on a large matrix.

    Raises:
        NotForIt: it is for models of one form.
    """
    _check_takes_any_tree(rule)
    few, lines_few = _compilation(rule, FEW)
    foreseen = few * MANY / FEW
    many, lines_many = _compilation(rule, MANY) if foreseen < LONG_COMPILATION else (math.nan, math.nan)
    lines = (lines_many - lines_few) / (MANY - FEW)
    step, rounds = _timed(rule)
    return Costs(_flops(rule), lines, few, many, step, rounds, jax.devices()[0].device_kind)


def _check_takes_any_tree(rule: CheckedOptimizer) -> None:
    if rule.is_for_heads:
        raise NotForIt("it is for models of one form")


def _name(shape: tuple[int, ...]) -> str:
    """A name from which the usual role of such an array follows."""
    return "kernel" if len(shape) > 1 else "bias"


def _tree(count: int) -> PyTree:
    each = lambda k: (8, 8) if k % 2 else (8,)  # noqa: E731
    return {f"layer{k}": {_name(each(k)): jax.ShapeDtypeStruct(each(k), jnp.float32)} for k in range(count)}


def _lowered(rule: CheckedOptimizer, params: PyTree, donate: tuple[int, ...] = ()) -> Any:
    """Its update, traced anew, and not compiled."""
    state = jax.eval_shape(rule.made().init, params)
    step = lambda g, s, p: rule.update(rule.made(), g, s, p)  # noqa: E731
    return jax.jit(step, donate_argnums=donate).lower(params, state, params)


def _compilation(rule: CheckedOptimizer, count: int) -> tuple[float, int]:
    """Seconds to compile an update of some arrays, and lines of its program. No cache is asked."""
    lowered = _lowered(rule, _tree(count))
    on = jax.config.jax_enable_compilation_cache  # pyright: ignore[reportAttributeAccessIssue]
    jax.config.update("jax_enable_compilation_cache", False)
    try:
        start = time.perf_counter()
        lowered.compile()
        return time.perf_counter() - start, lowered.as_text().count("\n")
    finally:
        jax.config.update("jax_enable_compilation_cache", on)


def _flops(rule: CheckedOptimizer) -> float:
    square = {"kernel": jax.ShapeDtypeStruct(SQUARE, jnp.float32)}
    state = jax.eval_shape(rule.made().init, square)
    step = lambda g, s, p: rule.update(rule.made(), g, s, p)  # noqa: E731
    counted: Mapping[str, float] = _lowered(rule, square).compile().cost_analysis() or {}
    products = 2 * products_of(jax.make_jaxpr(step)(square, state, square))
    return max(counted.get("flops", math.nan), products) / math.prod(SQUARE)


def _timed(rule: CheckedOptimizer) -> tuple[float, int]:
    """µs of an update, and of how many it is the median."""
    params = {"kernel": jnp.asarray(np.random.default_rng(0).normal(size=(SIDE, SIDE)) / 32, jnp.float32)}
    grads = jax.tree.map(lambda p: 0.1 * p[::-1], params)
    run = _lowered(rule, shapes(params), donate=(1,)).compile()
    state, seconds, start = jax.jit(rule.made().init)(params), [], time.perf_counter()
    while len(seconds) < ROUNDS and (len(seconds) < 3 or time.perf_counter() - start < PATIENCE):
        began = time.perf_counter()
        updates, state = jax.block_until_ready(run(grads, state, params))
        seconds.append(time.perf_counter() - began)
        del updates
    return 1e6 * median(seconds), len(seconds)
