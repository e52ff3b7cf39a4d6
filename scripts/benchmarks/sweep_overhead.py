"""Measure what a sweep needs around its compiled program, in a process where each core is a device.

sweep_overhead  512 members that compute next to nothing : the compiled program itself; milliseconds a member
sweep_memory    bytes of the program                     : 512 in chunks of 64 and 64; 64 and 8
"""

import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import jax
import numpy as np
from harness import Result
from processes import on_every_core, python
from sweep_program import GroupProgram, compile_group, group, on_digits
from sweeps import RATES

from padl.app.sweep import results
from padl.app.sweep.members import Requested
from padl.app.sweep.programs import groups
from padl.app.sweep.run import Sweep
from padl.app.warm_start import WarmStarts
from padl.cli.hydra.app import JointTaskFunction, compose_and_call
from padl.engine import loop
from padl.engine.lane import Request

CHUNK = 64
SURFACE = (
    "-m", "task=surface", "task.surface=valley", "optimizer=momentum", "steps=300", "wandb.mode=disabled",
    "progress=none", "compilation_cache=off",
    f"optimizer.learning_rate={','.join(f'{i}e-4' for i in range(1, 33))}",
    f"optimizer.momentum={','.join(f'{0.05 * i:.2f}' for i in range(16))}",
)  # fmt: skip
PEAK = """\
import sys
from padl.cli.main import main
main(sys.argv[1:])
print("PEAK", next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])"""


@on_every_core("sweep_overhead", memory=5.0)
def around_the_program(rounds: int) -> Iterator[Result]:
    """Milliseconds a member of composing and of `Sweep.launch` with all its records, less the program's calls alone.

    Once with the folders in memory, and once on the disk, where what bare Python takes for as many files is in the
    note. So are the pictures, whose number does not grow with the members.
    """
    shared_memory = Path("/dev/shm")
    for case, place in (("memory", shared_memory if shared_memory.is_dir() else None), ("disk", None)):
        seconds = [sweep_and_program(place) for _ in range(rounds + 1)][1:]
        beyond = [1e3 * (sweep - program) / count for sweep, program, _, _, count in seconds]
        sweep, program, finish, bare, count = map(statistics.median, zip(*seconds, strict=True))
        files = f"as many files by bare Python {1e3 * bare / count:.2g} ms a member"
        note = f"the ratio is in ms a member, n = {count:.0f}; {files}; results and pictures at the end {finish:.2g} s"
        value, spread = statistics.median(beyond), (min(beyond), max(beyond))
        yield Result(case, "the compiled program", value, spread, (sweep, program), note)


def sweep_and_program(place: Path | None) -> tuple[float, float, float, float, int]:
    """Seconds of composing and `launch`, of the program's calls, of the end, of bare files; number of members."""
    sweep, spent = Sweep([]), []

    def train(requests: list[Requested]) -> list[float]:
        values = sweep.launch_and_judge(requests)
        spent.append(perf_counter() - start)
        return values

    with tempfile.TemporaryDirectory(dir=place) as folder:
        start = perf_counter()
        compose_and_call([*SURFACE, f"run.dir={folder}"], JointTaskFunction(lambda config: None, train))
        start = perf_counter()
        results.finish(sweep)
        finish = perf_counter() - start
        bare = bare_files(Path(folder) / "bare", len(sweep.members))
    assert all(member.status == "finished" and member.folder for member in sweep.members)
    (shared,) = groups(sweep.members, WarmStarts())
    return spent[0], run_program(compile_group(shared)), finish, bare, len(sweep.members)


def bare_files(folder: Path, count: int) -> float:
    """Return the seconds to make the folders and files of so many members, with nothing to think about."""
    start = perf_counter()
    for i in range(count):
        (folder / str(i) / "checkpoint").mkdir(parents=True)
        for file in (*"123456", *(f"checkpoint/{n}" for n in "1234")):
            (folder / str(i) / file).write_bytes(b"x" * 1500)
    return perf_counter() - start


def run_program(compiled: GroupProgram) -> float:
    """Return the seconds of all calls of a sweep's program, its arguments and its first carry on the devices."""
    structure, arguments = compiled.group.structure, compiled.program.put(compiled.group.stacked)
    carry, measured = jax.block_until_ready((compiled.program.blank(), None))
    start = perf_counter()
    for call in loop.plan(structure.steps, structure.steps_per_call, structure.eval_every):
        request = Request(np.bool_(call.start == 0), np.int32(call.length), np.bool_(call.evaluates), np.bool_(False))
        carry, measured = compiled.program.call(carry, request, arguments)
    jax.block_until_ready((carry, measured))
    return perf_counter() - start


@on_every_core("sweep_memory", growth=CHUNK / 8, flat=1.01)
def memory(rounds: int) -> Iterator[Result]:
    """Bytes on a device that the compiled program needs; and for information the peak of a whole process."""
    few, full, many = (compile_group(group(on_digits({"name": "mlp"}, n)), CHUNK) for n in (8, CHUNK, 512))
    needed = [compiled.program.bytes for compiled in (few, full, many)]
    note = f"{', '.join(f'{b / 2**20:.1f} MiB' for b in needed)} for 8, {CHUNK} and 512 members in chunks of {CHUNK}"
    yield Result("flat", f"512 members against {CHUNK}", needed[2] / needed[1], note=note)
    yield Result("growth", f"{CHUNK} members against 8", needed[1] / needed[0], note=str(full))
    with tempfile.TemporaryDirectory() as folder:
        peaks = [peak(folder, count) for count in (8, CHUNK, 8, CHUNK, 512)][2:]  # compiling takes more
    note = f"peak resident memory of `padl train -m`, 100 steps: {', '.join(f'{p:.0f} MiB' for p in peaks)}; no bound"
    yield Result("process", f"512 members against {CHUNK}", peaks[2] / peaks[1], note=note)


def peak(folder: str, count: int) -> float:
    """Return the MiB that a sweep's process had at most, as Linux tells; without pictures and W&B."""
    grid = ("-m", f"seed=range(0,{count // 4})", f"optimizer.learning_rate={','.join(RATES)}", f"sweep.chunk={CHUNK}")
    options = ("steps=100", "wandb.mode=disabled", "run.plot=false", "progress=none")
    printed = python(folder, f"{folder}/programs", "-c", PEAK, "train", *grid, *options)
    return int(printed.rpartition("PEAK")[2]) / 1024
