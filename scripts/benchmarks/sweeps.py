"""Time whole sweeps, as commands.

sweep_processes  `padl train -m` of 32 and 128 members  : as many `padl train`, two at a time
sweep_basic      the same of 128                        : hydra/launcher=basic
"""

import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from time import perf_counter

from harness import Result, benchmark, weigh
from processes import process

RATES = ("1e-4", "1e-3", "1e-2", "1e-1")
TRAIN, LONG = ("-m", "padl", "train"), ("progress=none", "steps=1000")
MEASURED, AT_ONCE = 8, 2  # of the runs in processes of their own: how many are run, and how many at once


def grid(seeds: int, rates: int, *more: str) -> tuple[str, ...]:
    """`padl train -m` of that many seeds and learning rates, as a user types it."""
    over = (f"seed=range(0,{seeds})", f"optimizer.learning_rate={','.join(RATES[:rates])}")
    return (*TRAIN, "-m", *LONG, *over, *more)


@benchmark("sweep_processes", **{"32": 1 / 10, "128": 1 / 25})
def against_processes(rounds: int) -> Iterator[Result]:
    """Wall time of a command, JSONL, W&B offline and pictures as by default, bytecode and programs cached."""
    with tempfile.TemporaryDirectory() as folder:
        same = partial(process, folder, f"{folder}/programs")
        for members in (32, 128):
            theirs = lambda n=members: in_processes(same) * n / MEASURED  # noqa: E731
            note = f"{MEASURED} processes, {AT_ONCE} at a time, scaled up to {members}; at most 2 rounds"
            peer = f"{members} processes `padl train`"
            yield weigh(str(members), peer, partial(same, *grid(members // 4, 4)), theirs, min(rounds, 2), note)


def in_processes(run: Callable[..., float]) -> float:
    """Return the seconds of some of the members, each in a process of its own."""
    some = [(*TRAIN, *LONG, f"seed={i // 4}", f"optimizer.learning_rate={RATES[i % 4]}") for i in range(MEASURED)]
    start = perf_counter()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda words: run(*words), some))
    return perf_counter() - start


@benchmark("sweep_basic", each=1 / 3)
def against_basic(rounds: int) -> Iterator[Result]:
    """As `sweep_processes`; the peer runs one member after the other in one process, its programs compiled once."""
    with tempfile.TemporaryDirectory() as folder:
        same = partial(process, folder, f"{folder}/programs")
        basic = lambda seeds, rates: same(*grid(seeds, rates, "hydra/launcher=basic"))  # noqa: E731

        def theirs() -> float:
            few, some = basic(1, 2), basic(MEASURED // 4, 4)
            return few + (128 - 2) * (some - few) / (MEASURED - 2)

        note = f"the peer from runs of 2 and of {MEASURED} members, what one more takes being the same up to 128"
        yield weigh("128", "basic", partial(same, *grid(32, 4)), theirs, min(rounds, 2), f"{note}; at most 2 rounds")
