"""What the members of a sweep share, and the program that they are the lanes of. Members, Structure, Lanes, compiled.

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
from padl.engine.counters import common_scalars
from padl.engine.experiment import Experiment, Pretrained, TrainState
from padl.engine.keys import key_of
from padl.engine.lane import Carry, Measured, Request, advance, begin
from padl.types import Criterion, Device, HParams, PyTree

Strategy = Literal["vmap", "map", "alone"]


class Starts(NamedTuple):
    """Arrays that members begin with in the place of fresh ones, each set of them once, whoever shares it.

    Attributes:
        sets: of each run that they were taken from, with a leading axis of those runs.
        number: which of them is a member's, int32 (members,).
    """

    sets: Pretrained
    number: Any

    def of_members(self, take: Callable[[PyTree], PyTree]) -> "Starts":
        """Apply `take` to what each member has its own of: for some members, or for one."""
        return Starts(self.sets, take(self.number))

    def per_member(self) -> "Starts":
        """Tell of each array whether every member has its own."""
        return Starts(jax.tree.map(lambda _: False, self.sets), True)

    @property
    def of_one(self) -> Pretrained:
        """The arrays of a single member."""
        return jax.tree.map(lambda x: x[self.number], self.sets)


class Members(NamedTuple):
    """What tells the members apart: arrays with a leading axis of members.

    Attributes:
        keys: (members, 2) uint32. hparams: each scalar (members,). data: rows without that axis, shared; split with it.
        starts: () where all arrays that they begin with are fresh.
    """

    keys: Any
    hparams: HParams
    data: Data
    starts: Starts | tuple[()] = ()

    @property
    def size(self) -> int:
        """How many members."""
        return len(self.keys)

    def take(self, which: np.ndarray) -> "Members":
        """Take the members of these numbers."""
        return _each(self, partial(jax.tree.map, lambda x: x[which]))

    @property
    def shared_bytes(self) -> int:
        """The size of what the members share."""
        sets = self.starts.sets if self.starts else ()
        return self.data.shared_bytes + sum(x.nbytes for x in jax.tree.leaves(sets))


def _each(members: Members, take: Callable[[PyTree], PyTree]) -> Members:
    """Apply `take` to what each member has its own of."""
    keys, hparams, data, starts = members
    return Members(take(keys), take(hparams), data.of_members(take), starts and starts.of_members(take))


@dataclass(frozen=True)
class Structure:
    """What the members of a program have in common; equal structures share it.

    Attributes:
        steps, steps_per_call, eval_every, criterion: as in `loop.run`.
    """

    experiment: Experiment
    steps: int
    steps_per_call: int
    eval_every: int
    criterion: Criterion


@dataclass(frozen=True)
class Lanes:
    """How members are laid out on devices.

    Attributes:
        strategy: how a device goes through its share: batched ("vmap"), one after the other ("map"), or each member as
            if it were "alone". count: how many members are in the program at once. devices: that share them.
    """

    strategy: Strategy
    count: int
    devices: tuple[Device, ...]


class Program(NamedTuple):
    """A compiled program.

    Attributes:
        call: (carry, request, members) -> (carry, measured); takes the carry's memory.
        put: members -> its last argument, on the devices.
        blank: a carry to begin with. place: a copy of a carry, on the devices.
        shapes: of a carry. bytes: of memory that it needs on one device.
    """

    call: Callable[..., tuple[Carry, Measured]]
    put: Callable[[Members], Members]
    blank: Callable[[], Carry]
    place: Callable[[Carry], Carry]
    shapes: Carry
    bytes: int


def stack(trees: list[PyTree]) -> PyTree:
    """Stack trees of numbers or arrays into one tree with a leading axis."""
    return jax.tree.map(lambda *leaves: np.stack(leaves), *trees)


def compiled(structure: Structure, members: Members, lanes: Lanes) -> Program:
    """Compile the program of these lanes; a second time for arguments of the same form, the same one."""
    any_length = replace(structure, steps=0, eval_every=0)  # how long a run is, is data
    return _compiled(any_length, lanes, *form_of(members))


def form_of(members: Members) -> tuple[Any, tuple[jax.ShapeDtypeStruct, ...]]:
    """Return the tree of the arguments of one member and the shapes of its leaves: equal where a program is."""
    like = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), members.take(np.zeros(1, int)))
    leaves, tree = jax.tree.flatten(like)
    return tree, tuple(leaves)


def shapes_of_one(members: Members) -> Members:
    """Return the shapes of a single member's key and scalars, of its data and of what it begins with."""
    return _each(members, partial(jax.tree.map, lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype)))


def carry_of_one(structure: Structure, members: Members) -> Carry:
    """Return the shapes of what a single member keeps from call to call."""
    one = shapes_of_one(members)
    make = lambda key, hparams: begin(structure.experiment, structure.criterion, key_of(key), hparams)  # noqa: E731
    return jax.eval_shape(make, one.keys, one.hparams)


@lru_cache(maxsize=32)
def _compiled(structure: Structure, lanes: Lanes, tree: Any, leaves: tuple[jax.ShapeDtypeStruct, ...]) -> Program:
    like: Members = jax.tree.unflatten(tree, leaves)  # one member
    one, inputs = carry_of_one(structure, like), _per_member_of(like)
    shared = _shared(structure.experiment, one, like, inputs, lanes.strategy)
    per_member = _per_member(one, lanes.strategy, shared)
    run = partial(advance, structure.experiment, structure.criterion, structure.steps_per_call, shared)
    lane = partial(_lane, run)
    share = _batched(lane, per_member, inputs) if lanes.strategy == "vmap" else _one_by_one(lane)
    on = mesh.for_members(list(lanes.devices))
    function = mesh.over_members(share, on, (per_member, Request(*[False] * 4), inputs), (per_member, True))
    arguments = _widened(shapes_of_one(like), inputs, lanes.count, jax.ShapeDtypeStruct)
    request = Request(np.bool_(True), np.int32(0), np.bool_(True), np.bool_(False))
    carry = _widened(one, per_member, lanes.count, jax.ShapeDtypeStruct)
    program = function.lower(carry, request, arguments).compile()
    return Program(
        call=program,
        put=lambda members: mesh.share_out(members, on, inputs),
        blank=lambda: mesh.share_out(_widened(one, per_member, lanes.count, np.zeros), on, per_member),
        place=lambda carry: jax.tree.map(jnp.copy, mesh.share_out(carry, on, per_member)),
        shapes=carry,
        bytes=_bytes(program),
    )


def _shared(experiment: Experiment, one: Carry, like: Members, inputs: Members, strategy: Strategy) -> PyTree:
    """Of each array of the rule's state, whether the lanes have it in common, as they have the count of its steps."""
    if strategy != "vmap":
        return jax.tree.map(lambda _: False, one.state.opt_state)

    def init(members: Members) -> PyTree:
        key, hparams, _, starts = members
        return experiment.init(key_of(key), hparams, starts and starts.of_one).opt_state

    def step(opt_state: PyTree, rest: TrainState, members: Members) -> PyTree:
        state = rest._replace(step=jnp.zeros((), jnp.int32), key=key_of(members.keys), opt_state=opt_state)
        return experiment.step(state, members.hparams, members.data)[0].opt_state

    widened = partial(_widened, count=1, make=jax.ShapeDtypeStruct)
    rest = one.state._replace(step=(), opt_state=())
    everywhere = jax.tree.map(lambda _: True, rest)
    return common_scalars(init, step, widened(rest, everywhere), widened(shapes_of_one(like), inputs), inputs)


def _per_member_of(members: Members) -> Members:
    """Of each array of members, whether every member has its own."""
    hparams, starts = jax.tree.map(lambda _: True, members.hparams), members.starts
    return Members(True, hparams, members.data.per_member(), starts and starts.per_member())


def _per_member(carry: Carry, strategy: Strategy, shared: PyTree) -> Carry:
    """Of each array of a carry, whether every member has its own."""
    per_member = jax.tree.map(lambda _: True, carry)
    if strategy != "vmap":
        return per_member
    opt_state = jax.tree.map(lambda common: not common, shared)
    return per_member._replace(state=per_member.state._replace(step=False, opt_state=opt_state))


def _widened(tree: PyTree, per_member: PyTree, count: int, make: Callable[..., Any]) -> PyTree:
    """Arrays of one member -> of `count`, each made of a shape and a dtype."""
    return jax.tree.map(lambda x, each: make((count, *x.shape) if each else x.shape, x.dtype), tree, per_member)


def _bytes(program: Any) -> int:
    memory: Any = program.memory_analysis()
    total = memory.argument_size_in_bytes + memory.output_size_in_bytes + memory.temp_size_in_bytes
    return total - memory.alias_size_in_bytes


def _lane(function: Callable[..., Any], carry: Carry, request: Request, member: Members) -> Any:
    key, hparams, data, starts = member
    return function(carry, request, key_of(key), hparams, data, starts and starts.of_one)


def _batched(lane: Callable[..., Any], per_member: PyTree, inputs: PyTree) -> Callable[..., tuple[Carry, Measured]]:
    axes, of_inputs = jax.tree.map(lambda each: 0 if each else None, (per_member, inputs))
    return jax.vmap(lane, in_axes=(axes, None, of_inputs), out_axes=(axes, 0))


def _one_by_one(lane: Callable[..., Any]) -> Callable[..., tuple[Carry, Measured]]:
    """A loop over the lanes, which writes each lane's carry where it was."""

    def share(carry: Carry, request: Request, members: Members) -> tuple[Carry, Measured]:
        def arguments(i: Any, carry: Carry) -> tuple[Any, ...]:
            at = partial(jax.tree.map, lambda x: jax.lax.dynamic_index_in_dim(x, i, keepdims=False))
            return at(carry), request, _each(members, at)

        def turn(i: jax.Array, both: tuple[Carry, Measured]) -> tuple[Carry, Measured]:
            mine, asked, member = arguments(i, both[0])
            goes_on = mine.ended == 0  # one that ended takes no time
            length, evaluates = jnp.where(goes_on, asked.length, 0), asked.evaluates & goes_on
            after = lane(mine, asked._replace(length=length, evaluates=evaluates), member)
            return jax.tree.map(lambda all, x: jax.lax.dynamic_update_index_in_dim(all, x, i, 0), both, after)

        _, shapes = jax.eval_shape(lane, *arguments(0, carry))
        blank = jax.tree.map(lambda x: jnp.zeros((members.size, *x.shape), x.dtype), shapes)
        return jax.lax.fori_loop(0, members.size, turn, (carry, blank))

    return share
