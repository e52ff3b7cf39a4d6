"""Time a comparison of optimizers.

    compare process  `padl compare` without its pictures, a process  : its compiled program alone, a process
    compare inside   the same in a process that has run it before    : the compiled program; for information, no bound

Six optimizers, 16 learning rates, 500 steps on Rosenbrock; programs come from the compilation cache on both sides.
"""

import io
import tempfile
from collections.abc import Iterator
from functools import partial
from time import perf_counter

import jax
from harness import Result, Timing, benchmark, weigh
from processes import process
from rich.console import Console

from padl.app.compare.plan import ComparePlan, resolve
from padl.app.compare.run import run
from padl.compare import report, trajectories

PROGRAM = """
import jax, numpy
from padl import optimizers
from padl.app.compilation_cache import use_compilation_cache
from padl.compare.trajectories import Candidate, begin
from padl.registry import StaticPartial, signature
from padl.surfaces.function_landscapes import closed_form

use_compilation_cache("auto")
names = ("gd", "momentum", "nesterov", "adagrad", "rmsprop", "adam")
makers = {name: getattr(optimizers, name) for name in names}
scalars = {name: {k: h.default for k, h in signature(make).items()} for name, make in makers.items()}
candidates = {name: Candidate(StaticPartial(make), scalars[name]) for name, make in makers.items()}
landscape = closed_form("rosenbrock")
jax.block_until_ready(begin(landscape, candidates, numpy.array([landscape.start])).outputs)
"""
WITHOUT_PICTURES = ("-m", "padl", "compare", "run.plot=false", "run.dir=runs")


@benchmark("compare", process=3.0)
def comparisons(rounds: int) -> Iterator[Result]:
    with tempfile.TemporaryDirectory() as folder:
        timed = partial(process, folder, f"{folder}/programs")
        ours, theirs = partial(timed, *WITHOUT_PICTURES), partial(timed, "-c", PROGRAM)
        note = f"padl {' '.join(WITHOUT_PICTURES[2:])}; wall time, imports on both sides"
        yield weigh("process", "its program", ours, theirs, rounds, note)
        plan = resolve({"run": {"dir": f"{folder}/runs", "plot": False}})
        note = "files, table and all checks"
        yield weigh("inside", "its program", partial(comparison, plan), program(plan), rounds, note)


def comparison(plan: ComparePlan) -> float:
    """Return the seconds of a comparison from its configuration to its files and its table."""
    start = perf_counter()
    done = run(plan.config, ["padl", "compare"]).comparison
    console = Console(file=io.StringIO())
    console.print(report.table(done))
    for note in report.notes(done):
        console.print(note)
    return perf_counter() - start


def program(plan: ComparePlan) -> Timing:
    """Time the compiled program of a comparison."""

    def seconds() -> float:
        start = perf_counter()
        race = trajectories.begin(plan.landscape, plan.candidates, plan.starts, **plan.options)
        jax.block_until_ready(race.outputs)
        return perf_counter() - start

    return seconds
