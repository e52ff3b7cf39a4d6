"""Count what is compiled, and time what comes before the first step.

compile  eight learning rates in one process         : the programs that runs 2 to 8 compile, none
start    `padl train` to its first step; `--help`    : `import jax`
"""

import tempfile
from collections.abc import Iterator
from functools import partial
from typing import Any

import jax
from harness import Result, benchmark, weigh
from processes import process

import padl

COMPILE = "/jax/core/compile/backend_compile_duration"  # JAX's event, once a program
FIRST_STEP = ("train", "steps=1", "log_every=1", "run.dir=null", "wandb.mode=disabled", "progress=none")


@benchmark("compile", each=0)
def programs_of_a_sweep(rounds: int) -> Iterator[Result]:
    jax.clear_caches()
    compiled = [0] * 8

    def listen(event: str, duration_secs: float, **_: Any) -> None:
        compiled[run] += event == COMPILE

    jax.monitoring.register_event_duration_secs_listener(listen)
    for run in range(len(compiled)):
        padl.train(optimizer={"name": "adam", "learning_rate": 1e-3 * 2**-run}, steps=100, compilation_cache="off")
    jax.monitoring.unregister_event_duration_listener(listen)
    yield Result("", "none", sum(compiled[1:]), note=f"programs compiled by each of 8 runs: {compiled}")


@benchmark("start", warm=2.5, help=0.5)
def starts(rounds: int) -> Iterator[Result]:
    with tempfile.TemporaryDirectory() as folder:
        folders = (f"{folder}/programs-{i}" for i in range(rounds + 1))
        cold = lambda: process(folder, next(folders), "-m", "padl", *FIRST_STEP)  # noqa: E731
        same = partial(process, folder, f"{folder}/programs")
        warm = partial(same, "-m", "padl", *FIRST_STEP)
        peer = partial(same, "-c", "import jax")
        warm()
        note = "wall time of a process, bytecode cached on both sides; padl"
        yield weigh("cold", "import jax", cold, peer, rounds, f"{note} {' '.join(FIRST_STEP)}, programs compiled anew")
        yield weigh("warm", "import jax", warm, peer, rounds, f"{note}: the same, programs from the compilation cache")
        yield weigh("help", "import jax", partial(same, "-m", "padl", "--help"), peer, rounds, f"{note} --help")
