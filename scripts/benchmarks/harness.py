"""Weigh PADL against a peer: both are timed in turns, A B A B ..., and the ratio of each turn is a sample.

What slows the machine down slows both, so a ratio is steadier than its seconds. A benchmark is a function of the number
of rounds, registered by `benchmark` under its name; it yields a Result for each of its cases.
"""

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import jax
import jax.numpy as jnp

Timing = Callable[[], float]  # does some work and returns its seconds for one unit of it


@dataclass(frozen=True)
class Result:
    """One line of the table.

    Attributes:
        case: which of the benchmark's measurements; "" where it has one.
        peer: what it was weighed against.
        value: the ratio, or for `compile` a count; None where there is nothing to weigh against.
        spread: the least and the largest ratio.
        seconds: medians, PADL's and the peer's.
        note: for the reader. fault: what is wrong besides the value.
        benchmark, bound: the decorator's.
    """

    case: str
    peer: str
    value: float | None = None
    spread: tuple[float, ...] = ()
    seconds: tuple[float, ...] = ()
    note: str = ""
    fault: str = ""
    benchmark: str = ""
    bound: float | None = None

    @property
    def verdict(self) -> str:
        if self.value is None or self.bound is None:
            return "over" if self.fault else "-"
        return "over" if self.fault or self.value > self.bound else "ok"


Benchmark = Callable[[int], Iterator[Result]]
BENCHMARKS: dict[str, Benchmark] = {}


def benchmark(name: str, **at_most: float) -> Callable[[Benchmark], Benchmark]:
    """Register a benchmark: (rounds) -> results. at_most: {case: bound}, `each` for all; a case left out has none."""

    def register(function: Benchmark) -> Benchmark:
        def bounded(rounds: int) -> Iterator[Result]:
            for result in function(rounds):
                yield replace(result, benchmark=name, bound=at_most.get("each", at_most.get(result.case)))

        BENCHMARKS[name] = bounded
        return function

    return register


def weigh(case: str, peer: str, ours: Timing, theirs: Timing, rounds: int, note: str = "", fault: str = "") -> Result:
    """Time both in turns, after one run of each that does not count; the value is the median over rounds."""
    pairs = [(ours(), theirs()) for _ in range(rounds + 1)][1:]
    return weighed(case, peer, pairs, note, fault)


def weighed(case: str, peer: str, pairs: list[tuple[float, float]], note: str = "", fault: str = "") -> Result:
    """Make a result of pairs of seconds, PADL's and the peer's."""
    ratios = [a / b for a, b in pairs]
    seconds = tuple(statistics.median(column) for column in zip(*pairs, strict=True))
    return Result(case, peer, statistics.median(ratios), (min(ratios), max(ratios)), seconds, note, fault)


def repeat(call: Callable[[Any], tuple[Any, Any]], carry: Any, times: int, units: int) -> Timing:
    """Time carry, out = call(carry), done so many times and waited for, on a new copy of `carry`; seconds a unit."""

    def seconds() -> float:
        now, out = jax.block_until_ready(jax.tree.map(jnp.copy, carry)), None  # where arrays lie in memory matters
        start = perf_counter()
        for _ in range(times):
            now, out = call(now)
        jax.block_until_ready((now, out))
        return (perf_counter() - start) / units

    return seconds
