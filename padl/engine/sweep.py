"""Trains the members of a sweep, so many at a time: a generator that hands out what each call measured.

Each member has the random stream and the first parameters of the same run alone, bit for bit; batched arithmetic rounds
differently, so its course agrees to float32's rounding, and with the strategy "alone", which runs the members one by
one in the programs of `loop.py`, to the bit.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from padl.data.source import Data
from padl.engine import loop
from padl.engine.lane import Call, Carry, Measured
from padl.engine.lanes import Lanes, Members, Structure, compiled, key_of
from padl.types import Device, PadlError


class Progress(NamedTuple):
    """What one call measured.

    Attributes:
        chunks: (member, what it measured); none of a member that diverged before. Its last is a `loop.LastChunk`, which
            for one that diverged comes when the others are done too.
        lanes: member numbers in the program. step: updates done. diverged: how many of the lanes.
    """

    chunks: list[tuple[int, loop.Chunk]]
    lanes: range
    step: int
    diverged: int


def run(
    structure: Structure, members: Members, lanes: Lanes, told: Callable[[str], Any] = lambda line: None
) -> Iterator[Progress]:
    """Train all members, `lanes.count` at a time.

    Args:
        told: called with a line where memory did not suffice and fewer lanes are tried.

    Raises:
        PadlError: a single lane is too much.
    """
    if lanes.strategy == "alone":
        yield from _alone(structure, members, lanes.devices[0])
        return
    start = 0
    while start < members.size:
        count = min(lanes.count, members.size - start)
        begun = False
        try:
            for progress in _together(structure, members, lanes, range(start, start + count)):
                begun = True
                yield progress
            start += count
        except jax.errors.JaxRuntimeError as error:
            if begun or "RESOURCE_EXHAUSTED" not in str(error):
                raise
            lanes = _fewer(lanes, count)
            told(f"out of memory with {count} members at once: going on with {lanes.count}")


def _fewer(lanes: Lanes, count: int) -> Lanes:
    if count == 1:
        raise PadlError(
            "out of memory with a single member: a smaller batch_size or model, or accumulate=2, needs less"
        )
    half = count // 2
    devices = lanes.devices[: min(half, len(lanes.devices))]
    return Lanes(lanes.strategy, half - half % len(devices), devices)


def _together(structure: Structure, members: Members, lanes: Lanes, which: range) -> Iterator[Progress]:
    """Train these members at once. The lanes beyond the last member repeat it, and are not looked at."""
    numbers = np.minimum(which.start + np.arange(lanes.count), which.stop - 1)
    program = compiled(structure, members, lanes)
    keys, hparams, data = program.put(members.take(numbers))
    carry = program.blank()
    reader = _Reader(which)
    waiting: tuple[int, int, bool, Measured] | None = None
    done = 0
    for length, evaluates in loop.plan(structure.steps, structure.steps_per_call, structure.eval_every):
        call = Call(np.bool_(done == 0), np.int32(length), np.bool_(evaluates))
        carry, measured = program.call(carry, call, keys, hparams, data)
        jax.tree.map(lambda x: x.copy_to_host_async(), measured)
        if waiting is not None:
            yield reader.read(*waiting)
        done += length
        waiting = (done, length, evaluates, measured)
        if len(reader.ended) == len(which):
            break
    assert waiting is not None  # steps >= 1
    progress = reader.read(*waiting)
    yield progress._replace(chunks=reader.last(progress.chunks, jax.tree.map(np.asarray, carry)))


class _Reader:
    """Takes what the lanes measured apart, member by member."""

    def __init__(self, which: range):
        self.which = which
        self.ended: dict[int, loop.Chunk] = {}  # of those that diverged, the chunk in which they did

    def read(self, step: int, length: int, evaluates: bool, measured: Measured) -> Progress:
        """What a call of so many steps measured, `step` being the last; an evaluation only where it was asked for."""
        train = {name: np.asarray(x)[:, :length] for name, x in measured.train.items()}
        evaluation = {name: np.asarray(x) for name, x in measured.evaluation.items()} if evaluates else {}
        chunks = []
        for lane, member in enumerate(self.which):
            if member in self.ended:
                continue
            ours = {name: x[lane] for name, x in train.items()}
            chunk = loop.chunk(step, ours, {name: float(x[lane]) for name, x in evaluation.items()})
            if chunk.diverged is None:
                chunks.append((member, chunk))
            else:
                self.ended[member] = chunk
        return Progress(chunks, self.which, step, len(self.ended))

    def last(self, chunks: list[tuple[int, loop.Chunk]], carry: Carry) -> list[tuple[int, loop.Chunk]]:
        """The last chunk of each member, with what training leaves of it."""
        ends = self.ended | dict(chunks)
        found: list[tuple[int, loop.Chunk]] = []
        for lane, member in enumerate(self.which):
            own = lambda x, lane=lane: x[lane] if x.ndim else x  # noqa: E731
            state, best = jax.tree.map(own, (carry.state, carry.best))
            found.append((member, loop.LastChunk(**vars(ends[member]), state=state, best=best)))
        return found


def _alone(structure: Structure, members: Members, device: Device) -> Iterator[Progress]:
    """One member after the other, in the programs of a single run."""
    rows = jax.device_put(members.data.rows, device)
    s = structure
    for member in range(members.size):
        keys, hparams, data = members.take(np.array(member))
        key = key_of(jax.device_put(keys, device))
        hparams, split = jax.device_put((hparams, data.split), device)
        told = {
            "steps": s.steps,
            "steps_per_call": s.steps_per_call,
            "eval_every": s.eval_every,
            "criterion": s.criterion,
        }
        for chunk in loop.run(s.experiment, key, hparams, Data(rows, split), **told):
            yield Progress([(member, chunk)], range(member, member + 1), chunk.step, int(chunk.diverged is not None))
