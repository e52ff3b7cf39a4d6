"""Trains the members of a sweep, so many at a time: a generator that hands out what each call measured.

Each member has the random stream and the first parameters of the same run alone, bit for bit; batched arithmetic rounds
differently, so its course agrees to float32's rounding, and with the strategy "alone", which runs the members one by
one in the programs of `loop.py`, to the bit.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from padl.engine import loop
from padl.engine.experiment import TrainState, averaged_or_trained
from padl.engine.keys import key_of
from padl.engine.lane import Carry, Measured, Request
from padl.engine.lanes import Lanes, Members, Structure, compiled
from padl.engine.memory import is_out_of_memory
from padl.types import Metrics, PadlError, Params

MemberEnds = Callable[[int, int, float], bool]  # (member, updates done, value of the metric that decides), as loop.Ends


class SweepSnapshot(NamedTuple):
    """All that a sweep needs to go on, with the same lanes.

    Attributes:
        first: the first of the members that are in the program; those before it are done.
        step: updates done. carry: of their lanes; of members run alone a `loop.Snapshot`; None before they begin.
        ended: {member: the chunk in which it diverged or was ended}. lanes: how they are laid out.
    """

    first: int
    step: int
    carry: Carry | loop.Snapshot | None
    ended: dict[int, loop.Chunk]
    lanes: Lanes


class Progress(NamedTuple):
    """What one call measured.

    Attributes:
        chunks: (member, what it measured); none of a member that ended before. Its last is a `loop.LastChunk`, which
            for one that ended early comes when the others are done too.
        lanes: member numbers in the program. step: updates done.
        snapshot: of the end of the call, where one was due; None elsewhere.
        stopped: no call follows, as the caller wanted; nor are there last chunks of members that are not done.
    """

    chunks: list[tuple[int, loop.Chunk]]
    lanes: range
    step: int
    snapshot: SweepSnapshot | None = None
    stopped: bool = False

    @property
    def done(self) -> bool:
        """Whether its chunks are the last of all members in the program."""
        last = [isinstance(chunk, loop.LastChunk) for _, chunk in self.chunks]
        return not self.stopped and bool(last) and all(last)


def run(
    structure: Structure,
    members: Members,
    lanes: Lanes,
    say: Callable[[str], Any] = lambda line: None,
    start: SweepSnapshot | None = None,
    save_every: int | None = None,
    control: Callable[[], loop.Control] = loop.go_on,
    ends: MemberEnds | None = None,
) -> Iterator[Progress]:
    """Train all members, `lanes.count` at a time.

    Args:
        say: called with a line where memory did not suffice and fewer lanes are tried.
        start: go on from there, with its lanes, to the same bits as a sweep that never stopped; None begins.
        save_every: hand out a snapshot after so many steps of the members in the program; None never does.
        control: as in `loop.run`. ends: likewise, asked of each member that goes on. One that ends keeps its lane until
            all in the program have ended: batched it takes its time as before, one after the other almost none.

    Raises:
        PadlError: a single lane is too much.
    """
    lanes = start.lanes if start else lanes
    if lanes.strategy == "alone":
        yield from _alone(structure, members, lanes, start, save_every, control, ends)
        return
    first = start.first if start else 0
    while first < members.size:
        count = min(lanes.count, members.size - first)
        which, begun = range(first, first + count), False
        try:
            for progress in _together(structure, members, lanes, which, start, save_every, control, ends):
                begun = True
                yield progress
                if progress.stopped:
                    return
            first, start = first + count, None
        except (jax.errors.JaxRuntimeError, MemoryError) as error:
            if begun or not is_out_of_memory(error):
                raise
            lanes = _fewer(lanes, count)
            say(f"out of memory with {count} members at once: going on with {lanes.count}")


def _fewer(lanes: Lanes, count: int) -> Lanes:
    if count == 1:
        raise PadlError(
            "out of memory with a single member: a smaller batch_size or model, or accumulate=2, needs less"
        )
    half = count // 2
    devices = lanes.devices[: min(half, len(lanes.devices))]
    return Lanes(lanes.strategy, half - half % len(devices), devices)


def _together(
    structure: Structure,
    members: Members,
    lanes: Lanes,
    which: range,
    start: SweepSnapshot | None,
    save_every: int | None,
    control: Callable[[], loop.Control],
    ends: MemberEnds | None,
) -> Iterator[Progress]:
    """Train these members at once. The lanes beyond the last member repeat it, and are not looked at."""
    numbers = np.minimum(which.start + np.arange(lanes.count), which.stop - 1)
    program = compiled(structure, members, lanes)
    arguments = program.put(members.take(numbers))
    carry = program.place(start.carry) if start and start.carry else program.blank()  # pyright: ignore[reportArgumentType]
    reader = _Reader(which, lanes, start.ended if start else {})
    waiting: tuple[loop.Call, Measured, Carry | None] | None = None
    s = structure
    for call in loop.plan(s.steps, s.steps_per_call, s.eval_every, save_every, start.step if start else 0):
        if waiting is not None and (wanted := control()) != "go on":
            waiting = (*waiting[:2], jax.tree.map(jnp.copy, carry))
            if wanted == "stop":
                yield reader.read(*waiting)._replace(stopped=True)
                return
        begins, evaluates = np.bool_(call.start == 0), np.bool_(call.evaluates)
        request = Request(begins, np.int32(call.length), evaluates, tests=np.bool_(False))
        carry, measured = program.call(carry, request, arguments)
        jax.tree.map(lambda x: x.copy_to_host_async(), measured)
        if waiting is not None:
            yield reader.read(*waiting)
        if ends and call.asks(s.steps):
            carry = reader.ask(ends, call.end, measured.evaluation[s.criterion.metric], carry)
        waiting = (call, measured, jax.tree.map(jnp.copy, carry) if call.saves else None)
        if reader.all_ended:
            break
    assert waiting is not None, "a sweep has a step to do"
    progress = reader.read(*waiting)
    test: dict[str, Metrics] = {}
    if arguments.data.has_test:
        request = Request(np.bool_(False), np.int32(0), np.bool_(False), tests=np.bool_(True))
        carry, measured = program.call(carry, request, arguments)
        test = measured.test
    carry, test = jax.tree.map(np.asarray, (carry, test))
    hparams = lambda member: jax.tree.map(lambda x: x[member], members.hparams)  # noqa: E731
    changed = s.experiment.has_readout(hparams(which.start))

    def readout(member: int, state: TrainState) -> Params:
        return s.experiment.readout(state, hparams(member)) if changed else averaged_or_trained(state)

    yield progress._replace(chunks=reader.last(progress.chunks, carry, test, readout))


class _Reader:
    """Takes what the lanes measured apart, member by member.

    Attributes:
        ended: of those that diverged or were ended, the chunk in which they did, once it is read.
        steps: (lanes,), at which each ended, as far as was asked; 0 where it went on.
    """

    def __init__(self, which: range, lanes: Lanes, ended: dict[int, loop.Chunk]):
        self.which, self.lanes = which, lanes
        self.ended = dict(ended)
        self.steps = np.zeros(lanes.count, np.int32)

    @property
    def all_ended(self) -> bool:
        """Whether no member has a step to do, as far as is known."""
        return all(step or member in self.ended for member, step in zip(self.which, self.steps, strict=False))

    def ask(self, ends: MemberEnds, step: int, values: jax.Array, carry: Carry) -> Carry:
        """Ask of each member that goes on whether it ends after this step, and end it in its lane.

        Args:
            values: of the metric that decides, (lanes,).
        """
        self.steps, measured = np.array(carry.ended), np.asarray(values)
        for lane, member in enumerate(self.which):
            if not self.steps[lane] and ends(member, step, float(measured[lane])):
                self.steps[lane] = step
        self.steps[len(self.which) :] = self.steps[len(self.which) - 1]
        return carry._replace(ended=jax.device_put(self.steps.copy(), carry.ended.sharding))

    def read(self, call: loop.Call, measured: Measured, carry: Carry | None) -> Progress:
        """Read what a call measured; an evaluation only where it was asked for."""
        train = {name: np.asarray(x)[:, : call.length] for name, x in measured.train.items()}
        evaluation = {name: np.asarray(x) for name, x in measured.evaluation.items()} if call.evaluates else {}
        infinite = np.asarray(measured.overflowed)
        chunks = []
        for lane, member in enumerate(self.which):
            if member in self.ended:
                continue
            ours = {name: x[lane] for name, x in train.items()}
            evaluated = {name: float(x[lane]) for name, x in evaluation.items()}
            chunk = loop.chunk(call.end, ours, evaluated, int(infinite[lane]))
            if chunk.diverged is None and self.steps[lane] != call.end:
                chunks.append((member, chunk))
            else:
                self.ended[member] = chunk
        first, ended = self.which.start, dict(self.ended)
        snapshot = None if carry is None else SweepSnapshot(first, call.end, carry, ended, self.lanes)
        return Progress(chunks, self.which, call.end, snapshot)

    def last(
        self,
        chunks: list[tuple[int, loop.Chunk]],
        carry: Carry,
        test: dict[str, Any],
        readout: Callable[[int, TrainState], Params],
    ) -> list[tuple[int, loop.Chunk]]:
        """Make the last chunk of each member, with what training leaves of it, and what that is worth on test rows.

        Args:
            readout: (member, its state) -> the parameters to judge and to keep.
        """
        ends = self.ended | dict(chunks)
        lasts: list[tuple[int, loop.Chunk]] = []
        for lane, member in enumerate(self.which):
            at_lane = lambda x, lane=lane: x[lane] if x.ndim else x  # noqa: E731
            state, best = jax.tree.map(at_lane, (carry.state, carry.best))
            end, tested = ends[member], jax.tree.map(lambda x, lane=lane: float(x[lane]), test)
            tested = loop.chosen(tested, end.diverged, int(best.step))
            judged = readout(member, state)
            lasts.append((member, loop.LastChunk(**vars(end), state=state, judged=judged, best=best, test=tested)))
        return lasts


def _alone(
    structure: Structure,
    members: Members,
    lanes: Lanes,
    start: SweepSnapshot | None,
    save_every: int | None,
    control: Callable[[], loop.Control],
    ends: MemberEnds | None,
) -> Iterator[Progress]:
    """One member after the other, in the programs of a single run."""
    device, s = lanes.devices[0], structure
    members = members._replace(data=members.data.share_on(device))
    for member in range(start.first if start else 0, members.size):
        keys, hparams, data, starts = members.take(np.array(member))
        key = key_of(jax.device_put(keys, device))
        hparams, data = jax.device_put((hparams, data), device)
        begun = start.carry if start and start.first == member else None
        assert not isinstance(begun, Carry), "the snapshot is one of lanes, not of members run alone"
        begun = jax.device_put(begun, device)
        chunks = loop.run(
            s.experiment, key, hparams, data, steps=s.steps, steps_per_call=s.steps_per_call,
            eval_every=s.eval_every, criterion=s.criterion, pretrained=starts and starts.of_one, start=begun,
            save_every=save_every, control=control, ends=ends and partial(ends, member),
        )  # fmt: skip
        for chunk in chunks:
            snapshot = SweepSnapshot(member, chunk.step, chunk.snapshot, {}, lanes) if chunk.snapshot else None
            stopped = isinstance(chunk, loop.LastChunk) and chunk.stopped
            yield Progress([(member, chunk)], range(member, member + 1), chunk.step, snapshot, stopped)
            if stopped:
                return
