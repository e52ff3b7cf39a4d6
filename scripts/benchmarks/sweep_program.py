"""Time the compiled program of a sweep, in a process where each core is a device.

sweep_lane  a member-step in the sweep's program       : the step alone; the program written by hand
sweep_conv  8 members with convolutions                : 8 solo runs, one after the other
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
import optax
from by_hand import STEPS, mlp, step_by_hand
from harness import Result, Timing, repeat, weigh
from processes import on_every_core

from padl.app.plan import resolve
from padl.app.sweep import programs, selection
from padl.app.sweep.members import Member, Requested, check_all
from padl.app.sweep.programs import Group
from padl.app.warm_start import WarmStarts
from padl.data.source import Data
from padl.engine import lanes, loop, mesh, packing
from padl.engine.lane import Request
from padl.engine.lanes import Lanes, Program
from padl.engine.lapack import few_threads
from padl.runs.sink import BestSoFar

WIDTHS = {16: (64, 10), 64: (64, 4), 256: (32, 1)}  # members, and calls in one timing
SOLO_CALLS, CONV_CALLS = 20, 2


def group(configs: list[dict[str, Any]]) -> Group:
    """Group members that share a program."""
    requests = [Requested([], {}, config) for config in configs]
    specs = check_all(requests, {})
    best = BestSoFar(selection.of_all(specs))
    pairs = zip(requests, specs, strict=True)
    (shared,) = programs.groups(
        [Member(i, 0, request, spec, best) for i, (request, spec) in enumerate(pairs)], WarmStarts()
    )
    return shared


def on_digits(model: Mapping[str, Any], count: int, **more: Any) -> list[dict[str, Any]]:
    """Configure runs with Adam that differ in seed and learning rate, and do not diverge."""
    rates = (1e-4, 3e-4, 1e-3, 3e-3)
    shared = {"task": "digits", "model": model, "batch_size": 64, "steps": 1000, **more}
    adam = lambda i: {"name": "adam", "learning_rate": rates[i % len(rates)]}  # noqa: E731
    return [{**shared, "optimizer": adam(i), "seed": i // len(rates)} for i in range(count)]


@dataclass(frozen=True)
class GroupProgram:
    """A group's program, as a sweep would have it."""

    group: Group
    lanes: Lanes
    program: Program

    def __str__(self) -> str:
        return f"{self.lanes.strategy}, {self.lanes.count} lanes over {len(self.lanes.devices)} devices"


def compile_group(shared: Group, chunk: int | None = None) -> GroupProgram:
    devices = mesh.devices("auto")
    strategy = packing.choose(shared.outline, devices[0])
    layout = packing.arrange(shared.structure, shared.stacked, strategy, devices, chunk)
    return GroupProgram(shared, layout, lanes.compiled(shared.structure, shared.stacked, layout))


def in_the_sweep(compiled: GroupProgram, calls: int) -> Timing:
    """Time a member-step, without evaluations."""
    arguments = compiled.program.put(compiled.group.stacked)
    request = lambda first: Request(np.bool_(first), np.int32(STEPS), np.bool_(False), np.bool_(False))  # noqa: E731
    carry, _ = compiled.program.call(compiled.program.blank(), request(True), arguments)
    again = lambda carry: compiled.program.call(carry, request(False), arguments)  # noqa: E731
    timing = repeat(again, carry, calls, calls * STEPS * compiled.lanes.count)

    def seconds() -> float:
        step, devices = compiled.group.outline, compiled.lanes.devices
        with few_threads(step.operations, step.widest, devices[0], len(devices)):  # as while a sweep runs
            return timing()

    return seconds


def alone(configs: list[dict[str, Any]], calls: int) -> Timing:
    """Time a member-step where each has the compiled calls of a run alone, one run after the other."""
    plans = [resolve({**config, "devices": 1}) for config in configs]
    starts = [p.experiment.init for p in plans]
    states = [jax.jit(init)(p.key, p.hparams) for init, p in zip(starts, plans, strict=True)]

    def each(states: list[Any]) -> tuple[list[Any], Any]:
        pairs = zip(states, plans, strict=True)
        done = [loop._steps(p.experiment, STEPS)(state, p.hparams, p.data) for state, p in pairs]
        return [state for state, _ in done], [measured for _, measured in done]

    timing = repeat(each, states, calls, calls * STEPS * len(plans))

    def seconds() -> float:
        with few_threads(plans[0].operations, plans[0].widest, plans[0].device):  # as while a run trains
            return timing()

    return seconds


def lanes_by_hand(shared: Group, calls: int) -> Timing:
    """Time a member-step of the same mathematics in a program that does nothing else.

    All members share the counters; nothing watches for divergence, nothing can begin, end or evaluate.
    """
    stacked, on = shared.stacked, mesh.for_members(mesh.devices("auto"))
    like = resolve({**shared.members[0].spec.config, "devices": 1})
    # which leaves differ between members: parameters and moments do, counters and the data do not
    per_member = (True, (optax.ScaleByAdamState(False, True, True), optax.EmptyState()), False)  # pyright: ignore[reportArgumentType]
    inputs = (True, True, Data(False, True))  # pyright: ignore[reportArgumentType]

    def lane(carry, rate, key, data):
        key = jax.random.wrap_key_data(key, impl="threefry2x32")
        return step_by_hand(mlp, like.batch_size or 1, optax.adam(rate), carry, key, data)

    def share(carry, *numbers):
        axes = jax.tree.map(lambda each: 0 if each else None, (per_member, *inputs))
        lanes_of_device = jax.vmap(lane, in_axes=axes, out_axes=(axes[0], 0))
        carry, measured = jax.lax.scan(lambda c, _: lanes_of_device(c, *numbers), carry, length=STEPS)
        return carry, jax.tree.map(lambda x: x.T, measured)

    call = mesh.over_members(share, on, (per_member, *inputs), (per_member, True))
    start = jax.device_get(jax.jit(like.experiment.init)(like.key, like.hparams).params)
    params = jax.tree.map(lambda x: np.stack([x] * stacked.size), start)
    zeros, count = jax.tree.map(np.zeros_like, params), np.int32(0)
    carry = (params, (optax.ScaleByAdamState(count, zeros, zeros), optax.EmptyState()), count)  # pyright: ignore[reportArgumentType]
    carry = mesh.share_out(carry, on, per_member)
    numbers = mesh.share_out((stacked.hparams["optimizer"]["learning_rate"], stacked.keys, stacked.data), on, inputs)
    return repeat(lambda c: call(c, *numbers), carry, calls, calls * STEPS * stacked.size)


@on_every_core("sweep_lane", **{"16": 0.2, "64": 1.0, "256": 1.0, "limit 16": 1.1})
def member_steps(rounds: int) -> Iterator[Result]:
    """A member-step of an MLP on digits with two layers of a width, Adam, batches of 64, no evaluations."""
    for width, (count, calls) in WIDTHS.items():
        configs = on_digits({"name": "mlp", "widths": [width, width]}, count)
        shared = group(configs)
        compiled = compile_group(shared)
        ours, note = in_the_sweep(compiled, calls), str(compiled)
        yield weigh(str(width), "the scan of a run alone", ours, alone(configs[:1], SOLO_CALLS), rounds, note)
        if width == 16:
            peer = "vmap, scan and shard_map by hand"
            yield weigh("limit 16", peer, ours, lanes_by_hand(shared, calls), rounds, note)


@on_every_core("sweep_conv", each=1.0)
def convolutions(rounds: int) -> Iterator[Result]:
    """A member-step of a CNN on digits."""
    configs = on_digits({"name": "cnn", "channels": [8, 16]}, 8)
    compiled = compile_group(group(configs))
    ours, theirs = in_the_sweep(compiled, CONV_CALLS), alone(configs, CONV_CALLS)
    yield weigh("", "8 scans of runs alone, in turn", ours, theirs, rounds, str(compiled))
