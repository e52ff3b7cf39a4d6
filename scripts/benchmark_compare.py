"""What a comparison of optimizers costs. `benchmark.py` runs these beside its own:

    compare process  `padl compare` without its pictures, a process  : its compiled program alone, a process
    compare inside   the same in a process that has run it before    : the compiled program; for information, no bound

Six optimizers, 16 learning rates, 500 steps on Rosenbrock; programs come from the compilation cache on both sides.
"""

import contextlib
import io
import tempfile
from collections.abc import Iterator
from functools import partial
from time import perf_counter

import jax
from benchmark import Result, Timing, benchmark, process, weigh

from padl.app.compare import run
from padl.app.compare.plan import Plan, resolve
from padl.cli.commands.compare import print_comparison
from padl.compare import trajectories

PROGRAM = """
import jax, numpy
from padl import optimizers
from padl.app.compilation_cache import use_compilation_cache
from padl.compare.trajectories import Rule, begin
from padl.registry import Choice, signature
from padl.tasks.surface_descent import closed_form

use_compilation_cache("auto")
names = ("gd", "momentum", "nesterov", "adagrad", "rmsprop", "adam")
rules = {name: getattr(optimizers, name) for name in names}
rules = {name: Rule(Choice(f), {k: h.default for k, h in signature(f).items()}) for name, f in rules.items()}
found = closed_form("rosenbrock")
jax.block_until_ready(begin(found, rules, numpy.array([found.start])).raced)
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
        yield weigh("inside", "its program", partial(whole, plan), program(plan), rounds, "files, table and all checks")


def whole(plan: Plan) -> float:
    """Seconds of a comparison from its configuration to its files and its table."""
    start = perf_counter()
    with contextlib.redirect_stdout(io.StringIO()):
        print_comparison(run.run(plan.config, ["padl", "compare"]))
    return perf_counter() - start


def program(plan: Plan) -> Timing:
    """Seconds of the compiled program of a comparison."""

    def seconds() -> float:
        start = perf_counter()
        jax.block_until_ready(trajectories.begin(plan.landscape, plan.rules, plan.starts, **plan.options).raced)
        return perf_counter() - start

    return seconds
