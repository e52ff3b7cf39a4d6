"""What a sweep costs. `benchmark.py` runs these beside its own:

    sweep_processes  `padl train -m` of 32 and 128 members  : as many `padl train`, two at a time
    sweep_basic      the same of 128                        : hydra/launcher=basic
    sweep_lane       a member-step in the sweep's program   : the step alone; the program written by hand
    sweep_conv       8 members with convolutions            : 8 solo runs, one after the other
    sweep_overhead   512 members that compute next to nothing : the compiled program itself; milliseconds a member
    sweep_memory     bytes of the program                   : 512 in chunks of 64 and 64; 64 and 8

All but the first two run in a process of their own, since only they want a device for each core.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import jax
import numpy as np
import optax
from benchmark import EVERY, Benchmark, Result, Timing, benchmark, mlp, process, python, repeat, step_by_hand, weigh

from padl.app.plan import resolve
from padl.app.sweep import programs, results
from padl.app.sweep.members import Member, Requested, check_all
from padl.app.sweep.programs import Group
from padl.app.sweep.run import Sweep
from padl.cli.hydra import app
from padl.data.source import Data
from padl.engine import lanes, loop, mesh
from padl.engine.lane import Call
from padl.engine.lanes import Lanes, Program
from padl.runs.sink import BestSoFar

RATES = ("1e-4", "1e-3", "1e-2", "1e-1")
TRAIN, LONG = ("-m", "padl", "train"), ("progress=none", "steps=1000")
MEASURED, AT_ONCE = 8, 2  # of the runs in processes of their own: how many are run, and how many at once
WIDTHS = {16: (64, 10), 64: (64, 4), 256: (32, 1)}  # members, and calls in one timing
SOLO_CALLS, CONV_CALLS = 20, 2
CHUNK = 64
PEAK = """\
import sys
from padl.cli.main import main
main(sys.argv[1:])
print("PEAK", next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])"""


def on_every_core(name: str, **at_most: float) -> Callable[[Benchmark], Benchmark]:
    """`benchmark`, run in a child process where each core is a device, as in `padl train -m`."""

    def register(function: Benchmark) -> Benchmark:
        return benchmark(name, **at_most)(partial(_with_devices, name, function))

    return register


def _with_devices(name: str, function: Benchmark, rounds: int) -> Iterator[Result]:
    cores = len(os.sched_getaffinity(0))
    if jax.default_backend() != "cpu" or len(jax.devices()) >= cores:
        yield from function(rounds)
        return
    with tempfile.TemporaryDirectory() as folder:
        script, file = Path(__file__).with_name("benchmark.py"), Path(folder) / "results.json"
        command = [sys.executable, str(script), name, "--rounds", str(rounds), "--json", str(file), "--no-fail"]
        env = os.environ | {"JAX_NUM_CPU_DEVICES": str(cores)}
        subprocess.run(command, env=env, stdout=subprocess.DEVNULL, check=True)
        for row in json.loads(file.read_text(encoding="utf-8"))["results"]:
            told: dict[str, Any] = {key: tuple(x) if isinstance(x, list) else x for key, x in row.items()}
            del told["verdict"]
            yield Result(**told)


# Whole commands


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
    """Seconds of some of the members, each in a process of its own."""
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


# The compiled program


def group(runs: list[dict[str, Any]]) -> Group:
    """Members that share a program."""
    requests = [Requested([], {}, config) for config in runs]
    each = enumerate(zip(requests, check_all(requests, {}), strict=True))
    best = lambda spec: BestSoFar(spec.task.criterion)  # noqa: E731
    (found,) = programs.groups([Member(i, request, spec, best(spec)) for i, (request, spec) in each])
    return found


def on_digits(model: Mapping[str, Any], members: int, **more: Any) -> list[dict[str, Any]]:
    """Runs with Adam that differ in seed and learning rate, and do not diverge."""
    rates = (1e-4, 3e-4, 1e-3, 3e-3)
    told = {"task": "digits", "model": model, "batch_size": 64, "steps": 1000, **more}
    adam = lambda i: {"name": "adam", "learning_rate": rates[i % len(rates)]}  # noqa: E731
    return [{**told, "optimizer": adam(i), "seed": i // len(rates)} for i in range(members)]


@dataclass(frozen=True)
class Laid:
    """A group's program, as a sweep would have it."""

    group: Group
    lanes: Lanes
    program: Program

    def __str__(self) -> str:
        return f"{self.lanes.strategy}, {self.lanes.count} lanes over {len(self.lanes.devices)} devices"


def lay(found: Group, chunk: int | None = None) -> Laid:
    devices = mesh.devices("auto")
    strategy = lanes.choose(found.outline, devices[0])
    laid = lanes.arrange(found.structure, found.stacked, strategy, devices, chunk)
    return Laid(found, laid, lanes.compiled(found.structure, found.stacked, laid))


def in_the_sweep(laid: Laid, calls: int) -> Timing:
    """Seconds of a member-step, without evaluations."""
    arguments = laid.program.put(laid.group.stacked)
    call = lambda first: Call(np.bool_(first), np.int32(EVERY), np.bool_(False))  # noqa: E731
    carry, _ = laid.program.call(laid.program.blank(), call(True), *arguments)
    again = lambda carry: laid.program.call(carry, call(False), *arguments)  # noqa: E731
    return repeat(again, carry, calls, calls * EVERY * laid.lanes.count)


def alone(runs: list[dict[str, Any]], calls: int) -> Timing:
    """Seconds of a member-step where each has the compiled calls of a run alone, one run after the other."""
    plans = [resolve({**config, "devices": 1}) for config in runs]
    starts = [p.experiment.init for p in plans]
    states = [jax.jit(init)(p.key, p.hparams, p.data) for init, p in zip(starts, plans, strict=True)]

    def each(states: list[Any]) -> tuple[list[Any], Any]:
        pairs = zip(states, plans, strict=True)
        done = [loop._steps(p.experiment, EVERY)(state, p.hparams, p.data) for state, p in pairs]
        return [state for state, _ in done], [measured for _, measured in done]

    return repeat(each, states, calls, calls * EVERY * len(plans))


def lanes_by_hand(found: Group, calls: int) -> Timing:
    """Seconds of a member-step of the same mathematics in a program that does nothing else.

    All members share the counters; nothing watches for divergence, nothing can begin, end or evaluate.
    """
    members, on = found.stacked, mesh.for_members(mesh.devices("auto"))
    like = resolve({**found.members[0].spec.config, "devices": 1})
    own = (True, (optax.ScaleByAdamState(False, True, True), optax.EmptyState()), False)  # pyright: ignore[reportArgumentType]
    inputs = (True, True, Data(False, True))  # pyright: ignore[reportArgumentType]

    def lane(carry, rate, key, data):
        key = jax.random.wrap_key_data(key, impl="threefry2x32")
        return step_by_hand(mlp, like.batch_size or 1, optax.adam(rate), carry, key, data)

    def share(carry, *numbers):
        axes = jax.tree.map(lambda each: 0 if each else None, (own, *inputs))
        every = jax.vmap(lane, in_axes=axes, out_axes=(axes[0], 0))
        carry, measured = jax.lax.scan(lambda c, _: every(c, *numbers), carry, length=EVERY)
        return carry, jax.tree.map(lambda x: x.T, measured)

    call = mesh.over_members(share, on, (own, *inputs), (own, True))
    start = jax.device_get(jax.jit(like.experiment.init)(like.key, like.hparams, like.data).params)
    params = jax.tree.map(lambda x: np.stack([x] * members.size), start)
    zeros, count = jax.tree.map(np.zeros_like, params), np.int32(0)
    carry = (params, (optax.ScaleByAdamState(count, zeros, zeros), optax.EmptyState()), count)  # pyright: ignore[reportArgumentType]
    carry = mesh.share_out(carry, on, own)
    numbers = mesh.share_out((members.hparams["optimizer"]["learning_rate"], members.keys, members.data), on, inputs)
    return repeat(lambda c: call(c, *numbers), carry, calls, calls * EVERY * members.size)


@on_every_core("sweep_lane", **{"16": 0.2, "64": 1.0, "256": 1.0, "limit 16": 1.1})
def member_steps(rounds: int) -> Iterator[Result]:
    """A member-step of an MLP on digits with two layers of a width, Adam, batches of 64, no evaluations."""
    for width, (members, calls) in WIDTHS.items():
        runs = on_digits({"name": "mlp", "widths": [width, width]}, members)
        found = group(runs)
        laid = lay(found)
        ours = in_the_sweep(laid, calls)
        yield weigh(str(width), "the scan of a run alone", ours, alone(runs[:1], SOLO_CALLS), rounds, str(laid))
        if width == 16:
            peer = "vmap, scan and shard_map by hand"
            yield weigh("limit 16", peer, ours, lanes_by_hand(found, calls), rounds, str(laid))


@on_every_core("sweep_conv", each=1.0)
def convolutions(rounds: int) -> Iterator[Result]:
    """A member-step of a CNN on digits."""
    runs = on_digits({"name": "cnn", "channels": [8, 16]}, 8)
    laid = lay(group(runs))
    ours, theirs = in_the_sweep(laid, CONV_CALLS), alone(runs, CONV_CALLS)
    yield weigh("", "8 scans of runs alone, in turn", ours, theirs, rounds, str(laid))


# Around the program

SURFACE = (
    "-m", "task=surface", "task.surface=valley", "optimizer=momentum", "steps=300", "wandb.mode=disabled",
    "progress=none", "compilation_cache=off",
    f"optimizer.learning_rate={','.join(f'{i}e-4' for i in range(1, 33))}",
    f"optimizer.momentum={','.join(f'{0.05 * i:.2f}' for i in range(16))}",
)  # fmt: skip


@on_every_core("sweep_overhead", memory=5.0)
def beside_the_program(rounds: int) -> Iterator[Result]:
    """Milliseconds a member of composing and of `Sweep.launch` with all its records, less the program's calls alone.

    Once with the folders in memory, and once on the disk, where what bare Python takes for as many files is in the
    note. So are the pictures, whose number does not grow with the members.
    """
    shared_memory = Path("/dev/shm")
    for case, place in (("memory", shared_memory if shared_memory.is_dir() else None), ("disk", None)):
        seconds = [whole_and_program(place) for _ in range(rounds + 1)][1:]
        beyond = [1e3 * (whole - program) / members for whole, program, _, _, members in seconds]
        whole, program, finish, bare, members = map(statistics.median, zip(*seconds, strict=True))
        files = f"as many files by bare Python {1e3 * bare / members:.2g} ms a member"
        note = (
            f"the ratio is in ms a member, n = {members:.0f}; {files}; results and pictures at the end {finish:.2g} s"
        )
        value, spread = statistics.median(beyond), (min(beyond), max(beyond))
        yield Result(case, "the compiled program", value, spread, (whole, program), note)


def whole_and_program(place: Path | None) -> tuple[float, float, float, float, int]:
    """Seconds of composing and `launch`, of the program's calls, of the end, of bare files; number of members."""
    sweep, spent = Sweep([]), []

    def together(requests: list[Requested]) -> list[float]:
        values = sweep.launch_and_judge(requests)
        spent.append(perf_counter() - start)
        return values

    with tempfile.TemporaryDirectory(dir=place) as folder:
        start = perf_counter()
        app.compose_and_call([*SURFACE, f"run.dir={folder}"], lambda config: None, together)
        start = perf_counter()
        results.finish(sweep)
        finish = perf_counter() - start
        bare = bare_files(Path(folder) / "bare", len(sweep.members))
    assert all(member.status == "finished" and member.folder for member in sweep.members)
    (found,) = programs.groups(sweep.members)
    return spent[0], run_program(lay(found)), finish, bare, len(sweep.members)


def bare_files(folder: Path, members: int) -> float:
    """Seconds to make the folders and files of so many members, with nothing to think about."""
    start = perf_counter()
    for i in range(members):
        (folder / str(i) / "checkpoint").mkdir(parents=True)
        for file in (*"123456", *(f"checkpoint/{n}" for n in "1234")):
            (folder / str(i) / file).write_bytes(b"x" * 1500)
    return perf_counter() - start


def run_program(laid: Laid) -> float:
    """Seconds of all calls of a sweep's program, its arguments and its first carry on the devices."""
    told, arguments = laid.group.structure, laid.program.put(laid.group.stacked)
    carry, measured = jax.block_until_ready((laid.program.blank(), None))
    start, done = perf_counter(), 0
    for length, evaluates in loop.plan(told.steps, told.steps_per_call, told.eval_every):
        call = Call(np.bool_(done == 0), np.int32(length), np.bool_(evaluates))
        carry, measured = laid.program.call(carry, call, *arguments)
        done += length
    jax.block_until_ready((carry, measured))
    return perf_counter() - start


@on_every_core("sweep_memory", growth=CHUNK / 8, flat=1.01)
def memory(rounds: int) -> Iterator[Result]:
    """Bytes on a device that the compiled program needs; and for information the peak of a whole process."""
    small, whole, many = (lay(group(on_digits({"name": "mlp"}, n)), CHUNK) for n in (8, CHUNK, 512))
    needed = [laid.program.bytes for laid in (small, whole, many)]
    note = f"{', '.join(f'{b / 2**20:.1f} MiB' for b in needed)} for 8, {CHUNK} and 512 members in chunks of {CHUNK}"
    yield Result("flat", f"512 members against {CHUNK}", needed[2] / needed[1], note=note)
    yield Result("growth", f"{CHUNK} members against 8", needed[1] / needed[0], note=str(whole))
    with tempfile.TemporaryDirectory() as folder:
        peaks = [peak(folder, members) for members in (8, CHUNK, 8, CHUNK, 512)][2:]  # compiling takes more
    note = f"peak resident memory of `padl train -m`, 100 steps: {', '.join(f'{p:.0f} MiB' for p in peaks)}; no bound"
    yield Result("process", f"512 members against {CHUNK}", peaks[2] / peaks[1], note=note)


def peak(folder: str, members: int) -> float:
    """MiB that a sweep's process had at most, as Linux tells; without pictures and W&B."""
    grid = ("-m", f"seed=range(0,{members // 4})", f"optimizer.learning_rate={','.join(RATES)}", f"sweep.chunk={CHUNK}")
    told = ("steps=100", "wandb.mode=disabled", "run.plot=false", "progress=none")
    printed = python(folder, f"{folder}/programs", "-c", PEAK, "train", *grid, *told)
    return int(printed.rpartition("PEAK")[2]) / 1024
