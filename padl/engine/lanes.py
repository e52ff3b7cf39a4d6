"""What the members of a sweep share, how many of them are in a program at once, and that program.

Members share everything but numbers: scalars, the key, and which rows they learn from. They are the lanes of one
compiled program, spread over the devices.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from padl.data.source import Data
from padl.engine import mesh
from padl.engine.experiment import Experiment
from padl.engine.lane import Call, Carry, Measured, advance, begin, is_counter
from padl.types import Criterion, Device, HParams, Key, PyTree

Strategy = Literal["vmap", "map", "alone"]
WIDEST = 128 * 128  # elements of a weight from which on batched products are no faster on a CPU: scripts/lab_book.md
FIRST_GUESS = 4  # a lane's memory, in what it carries from call to call, before the program says more


class Members(NamedTuple):
    """What tells the members apart: arrays with a leading axis of members.

    Attributes:
        keys: (members, 2) uint32. hparams: each scalar (members,). data: rows without that axis, shared; split with it.
    """

    keys: np.ndarray
    hparams: HParams
    data: Data

    @property
    def size(self) -> int:
        """How many members."""
        return len(self.keys)

    def take(self, which: np.ndarray) -> "Members":
        at = partial(jax.tree.map, lambda x: x[which])
        return Members(self.keys[which], at(self.hparams), Data(self.data.rows, at(self.data.split)))


@dataclass(frozen=True)
class Structure:
    """What the members of a program have in common; equal structures share it.

    Attributes:
        steps, every, eval_every, criterion: as in `loop.run`.
    """

    experiment: Experiment
    steps: int
    steps_per_call: int
    eval_every: int
    criterion: Criterion


@dataclass(frozen=True)
class Lanes:
    """How many members are in the program at once, over which devices, and how a device goes through its share:
    batched ("vmap"), one after the other ("map"), or each member as if it were `alone`."""

    strategy: Strategy
    count: int
    devices: tuple[Device, ...]


def stack(trees: list[PyTree]) -> PyTree:
    """Trees of numbers or arrays -> one tree with a leading axis."""
    return jax.tree.map(lambda *leaves: np.stack(leaves), *trees)


class Program(NamedTuple):
    """A compiled program.

    Attributes:
        call: (carry, call, keys, hparams, data) -> (carry, measured); takes the carry's memory.
        put: members -> its last three arguments, on the devices. blank: a carry to begin with.
        bytes: of memory that it needs on one device.
    """

    call: Callable[..., tuple[Carry, Measured]]
    put: Callable[[Members], tuple[Any, HParams, Data]]
    blank: Callable[[], Carry]
    bytes: int


def compiled(structure: Structure, members: Members, lanes: Lanes) -> Program:
    """The program of these lanes; a second time for arguments of the same form, the same one."""
    like = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), members.take(np.zeros(1, int)))
    leaves, tree = jax.tree.flatten(like)
    apart = replace(structure, steps=0, eval_every=0)  # how long a run is, is data
    return _compiled(apart, lanes, tree, tuple(leaves))


@lru_cache(maxsize=32)
def _compiled(structure: Structure, lanes: Lanes, tree: Any, leaves: tuple[jax.ShapeDtypeStruct, ...]) -> Program:
    like: Members = jax.tree.unflatten(tree, leaves)  # one member
    try:
        return _compile(structure, lanes, like, counters=lanes.strategy == "vmap")
    except ValueError as error:
        if "out_axes" not in str(error):
            raise
        return _compile(structure, lanes, like, counters=False)  # a rule that counts by what it sees


def _compile(structure: Structure, lanes: Lanes, like: Members, counters: bool) -> Program:
    """`counters`: let all members share the rule's counters, so that what it does every k steps is a branch, and is
    not computed at every step and thrown away."""
    one = _carry_of_one(structure, like)
    own = jax.tree.map(lambda _: True, one)  # whether each member has its own
    if lanes.strategy == "vmap":
        opt_state = jax.tree.map(lambda x: not (counters and is_counter(x)), one.state.opt_state)
        own = own._replace(state=own.state._replace(step=False, opt_state=opt_state))
    data = Data(jax.tree.map(lambda _: False, like.data.rows), jax.tree.map(lambda _: True, like.data.split))
    inputs = (True, jax.tree.map(lambda _: True, like.hparams), data)
    lane = partial(_lane, partial(advance, structure.experiment, structure.criterion, structure.steps_per_call))
    share = _batched(lane, own) if lanes.strategy == "vmap" else _one_by_one(lane)
    on = mesh.for_members(list(lanes.devices))
    function = mesh.over_members(share, on, (own, Call(False, False, False), *inputs), (own, True))

    def widened(tree: PyTree, each: PyTree, make: Callable[..., Any]) -> PyTree:
        return jax.tree.map(lambda x, each: make((lanes.count, *x.shape) if each else x.shape, x.dtype), tree, each)

    shapes = [widened(tree, each, jax.ShapeDtypeStruct) for tree, each in ((one, own), (_first_of(like), inputs))]
    call = Call(np.bool_(True), np.int32(0), np.bool_(True))
    program = function.lower(shapes[0], call, *shapes[1]).compile()
    memory: Any = program.memory_analysis()
    total = memory.argument_size_in_bytes + memory.output_size_in_bytes + memory.temp_size_in_bytes
    return Program(
        call=program,
        put=lambda members: mesh.share_out(tuple(members), on, inputs),
        blank=lambda: mesh.share_out(widened(one, own, np.zeros), on, own),
        bytes=total - memory.alias_size_in_bytes,
    )


def _first_of(members: PyTree) -> tuple[Any, HParams, Data]:
    """The shapes of a single member."""
    keys, hparams, data = members
    at = partial(jax.tree.map, lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype))
    return at(keys), at(hparams), Data(data.rows, at(data.split))


def _carry_of_one(structure: Structure, like: Members) -> Carry:
    def start(key: jax.Array, hparams: HParams, data: Data) -> Carry:
        return begin(structure.experiment, structure.criterion, key_of(key), hparams, data)

    return jax.eval_shape(start, *_first_of(like))


def key_of(numbers: jax.Array) -> Key:
    """The key that these two numbers are, (2,) uint32, without compiling a program for it."""
    return jax.random.wrap_key_data(numbers, impl="threefry2x32")


def _lane(function: Callable[..., Any], carry: Carry, call: Call, key: jax.Array, hparams: HParams, data: Data) -> Any:
    return function(carry, call, key_of(key), hparams, data)


def _batched(lane: Callable[..., Any], own: PyTree) -> Callable[..., tuple[Carry, Measured]]:
    axes = jax.tree.map(lambda own: 0 if own else None, own)
    return jax.vmap(lane, in_axes=(axes, None, 0, 0, Data(None, 0)), out_axes=(axes, 0))  # pyright: ignore[reportArgumentType]


def _one_by_one(lane: Callable[..., Any]) -> Callable[..., tuple[Carry, Measured]]:
    """A loop over the lanes, which writes each lane's carry where it was."""

    def share(carry: Carry, call: Call, keys: jax.Array, hparams: HParams, data: Data) -> tuple[Carry, Measured]:
        def one(i: Any) -> Callable[[PyTree], PyTree]:
            return partial(jax.tree.map, lambda x: jax.lax.dynamic_index_in_dim(x, i, keepdims=False))

        def turn(i: jax.Array, both: tuple[Carry, Measured]) -> tuple[Carry, Measured]:
            at = one(i)
            after = lane(at(both[0]), call, at(keys), at(hparams), Data(data.rows, at(data.split)))
            return jax.tree.map(lambda all, x: jax.lax.dynamic_update_index_in_dim(all, x, i, 0), both, after)

        at = one(0)
        _, shapes = jax.eval_shape(lane, at(carry), call, at(keys), at(hparams), Data(data.rows, at(data.split)))
        blank = jax.tree.map(lambda x: jnp.zeros((len(keys), *x.shape), x.dtype), shapes)
        return jax.lax.fori_loop(0, len(keys), turn, (carry, blank))

    return share


# How many, and how


class Outline(NamedTuple):
    """What tracing a run tells.

    Attributes:
        operations: of a step, as text. widest: elements of the largest parameter.
        metrics: what is measured, as "train/loss" and "eval/loss".
    """

    operations: str
    widest: int
    metrics: tuple[str, ...]


def outline(structure: Structure, members: Members) -> Outline:
    """Trace the first state and a step; raises what tracing them raises."""
    experiment = structure.experiment
    key, hparams, data = _first_of(members)
    state = jax.eval_shape(lambda k, h, d: experiment.init(key_of(k), h, d), key, hparams, data)
    operations, (_, train) = jax.make_jaxpr(experiment.step, return_shape=True)(state, hparams, data)
    evaluation = jax.eval_shape(experiment.evaluate, state, hparams, data)
    measured = (name for name in train if name != "learning_rate")  # which is a setting
    metrics = (*(f"train/{name}" for name in measured), *(f"eval/{name}" for name in evaluation))
    return Outline(str(operations), max((p.size for p in jax.tree.leaves(state.params)), default=0), metrics)


def choose(found: Outline, device: Device) -> Literal["vmap", "map"]:
    """Batched or one after the other, whichever is faster (scripts/lab_book.md has the measurements).

    On an accelerator batched, since one member leaves it idle. On a CPU convolutions one after the other, since those
    with weights of their own become a grouped convolution, several times slower; and wide layers, whose products fill
    a core by themselves.
    """
    if device.platform != "cpu":
        return "vmap"
    return "map" if found.widest >= WIDEST or "conv_general_dilated" in found.operations else "vmap"


def arrange(
    structure: Structure,
    members: Members,
    strategy: Strategy,
    devices: list[Device],
    chunk: int | None = None,
    memory: int | None = None,
) -> Lanes:
    """How many members are trained at once.

    Args:
        chunk: at most so many; None as many as memory holds, by what the compiled program says that it needs.
        memory: bytes on one device; None asks the device.
    """
    if strategy == "alone":
        return Lanes(strategy, 1, tuple(devices[:1]))
    if chunk is not None:
        return _in_rounds(strategy, chunk, members.size, devices)
    memory = memory or mesh.free_memory(devices)
    carried = sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(_carry_of_one(structure, members)))
    lanes = _in_rounds(strategy, memory * len(devices) // (FIRST_GUESS * max(carried, 1)), members.size, devices)
    needed, shared = compiled(structure, members, lanes).bytes, sum(x.nbytes for x in members.data.rows.values())
    if needed <= memory:
        return lanes
    lane = (needed - shared) / (lanes.count / len(lanes.devices))
    return _in_rounds(strategy, int((memory - shared) / lane) * len(devices), members.size, devices)


def _in_rounds(strategy: Strategy, limit: int, members: int, devices: list[Device]) -> Lanes:
    """At most `limit` lanes, in rounds of the same size, and as many of them on each device."""
    used = devices[: max(1, min(limit, members))]
    limit = max(limit // len(used), 1) * len(used)
    rounds = -(-members // limit)
    count = -(-members // rounds)
    return Lanes(strategy, -(-count // len(used)) * len(used), tuple(used))
