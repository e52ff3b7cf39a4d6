"""Time training loops.

loop     an MLP on digits in the engine's loop       : the same mathematics by hand, jit and lax.scan
metrics  the same, a row of metrics every 50 steps   : the same peer, which writes nothing
eager    the same work as loop                       : one jit call a step; torch on the CPU where it is installed
conv     a CNN in the engine's loop                  : one jit call a step, with XLA's own convolutions
"""

import importlib
import importlib.util
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any

from by_hand import CALLS, STEPS, by_hand, cnn, in_torch, mlp
from harness import Result, Timing, benchmark, weigh

from padl.app.plan import Plan, resolve
from padl.engine import loop
from padl.runs.jsonl import Jsonl
from padl.runs.windows import Windows

LONG_CALLS = 4  # in one timing, of steps that take milliseconds


def digits() -> Plan:
    return resolve({"task": "digits", "model": {"name": "mlp", "widths": [128, 128]}, "batch_size": 64})


def in_the_loop(plan: Plan, calls: int = CALLS, follow: Callable[[loop.Chunk], Any] = lambda chunk: None) -> Timing:
    """Time a step of `loop.run`, without its initialisation and its evaluation; `follow` gets what is measured."""
    steps = STEPS * (calls + 3)  # besides those timed: the first, one that runs already at the end, one that evaluates
    run = partial(loop.run, plan.experiment, plan.key, plan.hparams, plan.data, criterion=plan.task.criterion)

    def seconds() -> float:
        chunks = run(steps=steps, steps_per_call=STEPS, eval_every=steps)
        follow(next(chunks))
        start = perf_counter()
        for chunk in islice(chunks, calls):
            follow(chunk)
        spent = perf_counter() - start
        list(chunks)  # to the end: nothing of it may run while the peer is timed
        return spent / (calls * STEPS)

    return seconds


@benchmark("loop", each=1.05)
def without_logging(rounds: int) -> Iterator[Result]:
    plan = digits()
    yield weigh("", "jit and lax.scan by hand", in_the_loop(plan), by_hand(plan, mlp, scanned=True), rounds)


@benchmark("metrics", each=1.10)
def with_metrics(rounds: int) -> Iterator[Result]:
    plan, rows = digits(), Windows(log_every=STEPS)
    with tempfile.TemporaryDirectory() as folder:
        file = Jsonl(Path(folder))

        def follow(chunk: loop.Chunk) -> None:
            for step, row in rows.take(chunk.train, chunk.evaluation, last=False):
                file.write(step, row)

        ours, theirs = in_the_loop(plan, follow=follow), by_hand(plan, mlp, scanned=True)
        yield weigh("", "the same, writing nothing", ours, theirs, rounds)
        file.close({})


@benchmark("eager", each=1.0)
def against_one_call_a_step(rounds: int) -> Iterator[Result]:
    plan = digits()
    yield weigh("jit", "one jax.jit call a step", in_the_loop(plan), by_hand(plan, mlp, scanned=False), rounds)
    if importlib.util.find_spec("torch") is None:
        yield Result("torch", "torch", note="torch is not installed")
        return
    torch = importlib.import_module("torch")
    peer = f"torch {torch.__version__}, {torch.get_num_threads()} threads"
    yield weigh("torch", peer, in_the_loop(plan), in_torch(torch, plan), rounds)


@benchmark("conv", each=1.0)
def convolutions_in_the_loop(rounds: int) -> Iterator[Result]:
    plan = resolve({"task": "cracks", "model": "cnn", "batch_size": 32})
    peer = "one jax.jit call a step, lax.conv_general_dilated"
    yield weigh("", peer, in_the_loop(plan, LONG_CALLS), by_hand(plan, cnn, scanned=False, calls=LONG_CALLS), rounds)
