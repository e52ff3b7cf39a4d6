"""Which members of a sweep can share a program: those that differ in scalars and seeds alone. Group, groups."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from padl.app.plugin_errors import one_line_for
from padl.app.run_spec import RunSpec
from padl.app.sweep.members import Member, swept
from padl.app.warm_start import WarmStarts
from padl.engine.experiment import Pretrained
from padl.engine.keys import key_numbers
from padl.engine.lanes import Lanes, Members, Starts, Strategy, Structure, stack
from padl.engine.packing import Outline, arrange, check, choose, outline
from padl.types import KINDS, Device, PadlError, printable


class Group(NamedTuple):
    """Members that share a program.

    Attributes:
        label: the values that tell it from the other groups, "" for the only one.
        structure: of the program. members: in the order of its lanes. stacked: their numbers.
        outline: what a step does.
    """

    label: str
    structure: Structure
    members: list[Member]
    stacked: Members
    outline: Outline

    @property
    def steps(self) -> int:
        """The steps of all members together."""
        return self.structure.steps * len(self.members)

    def strategy(self, device: Device) -> Strategy:
        """Choose how a device goes through its members, unless the sweep's settings say it.

        Raises:
            PadlError: they say what may not come back.
        """
        settings = self.members[0].spec.sweep
        if settings.exact:
            return "alone"
        if settings.strategy == "auto":
            return choose(self.outline, device)
        check(settings.strategy, self.outline, device)
        return settings.strategy

    def arrange(self, devices: list[Device]) -> Lanes:
        """Lay the members out on the devices.

        Raises:
            PadlError: a plugin's code cannot be traced.
        """
        first = self.members[0].spec
        chunk = None if first.sweep.chunk == "auto" else first.sweep.chunk
        with one_line_for(first.parts):
            return arrange(self.structure, self.stacked, self.strategy(devices[0]), devices, chunk)


def groups(members: Sequence[Member], warm_starts: WarmStarts) -> list[Group]:
    """Group members by program, in the order of their first ones; a program with nothing left to run is left out.

    Raises:
        PadlError: a plugin's code cannot be traced; a task whose rows are streamed; a run to begin with that cannot be.
    """
    by_program: dict[Any, list[Member]] = {}
    for member in members:
        by_program.setdefault(_program(member.spec, warm_starts), []).append(member)
    return [
        _group(structure, some, members, warm_starts)
        for (structure, *_), some in by_program.items()
        if any(member.status == "waiting" for member in some)
    ]


def _group(structure: Structure, some: list[Member], members: Sequence[Member], warm_starts: WarmStarts) -> Group:
    specs = [member.spec for member in some]
    if specs[0].task.streamed:
        name = specs[0].config["task"]["name"]
        raise PadlError(
            f"task={name} streams its rows, which members cannot share: hydra/launcher=basic runs each alone"
        )
    data = specs[0].host_data.of_members(lambda _: stack([spec.split for spec in specs]))
    keys = stack([key_numbers(spec.settings.seed) for spec in specs])
    starts = _starts([warm_starts.of(spec) for spec in specs])
    stacked = Members(keys, stack([spec.hparams for spec in specs]), data, starts)
    with one_line_for(specs[0].parts):
        traced = outline(structure, stacked)
    return Group(_label(some, members), structure, some, stacked, traced)


def _starts(pretrained: Sequence[Pretrained | tuple[()]]) -> Starts | tuple[()]:
    """What the members of a program begin with: each set of arrays once."""
    different = {id(each): each for each in pretrained}
    if not pretrained[0]:
        return ()
    number = {key: i for i, key in enumerate(different)}
    return Starts(stack(list(different.values())), np.array([number[id(each)] for each in pretrained], np.int32))


def _program(spec: RunSpec, warm_starts: WarmStarts) -> tuple[Structure, Any, Any, Any, str]:
    """What members of one program have in common: functions, the forms of their numbers, and the data."""
    steps, steps_per_call = spec.steps, spec.settings.steps_per_call
    structure = Structure(spec.experiment, steps, steps_per_call, spec.eval_every, spec.task.criterion)
    shapes = tuple(x.shape for x in jax.tree.leaves(spec.split))
    with one_line_for(spec.parts):
        pretrained = warm_starts.of(spec)
    return structure, jax.tree.structure(spec.hparams), jax.tree.structure(pretrained), shapes, spec.task.digest


def _label(some: Sequence[Member], members: Sequence[Member]) -> str:
    """`adam` or `mlp adam`: the values that some share and not all members do."""
    words = []
    for key in swept(members):
        values = {str(member.values.get(key)) for member in some}
        if len(values) == 1 and key in some[0].values:
            (value,) = values
            words.append(value if key in KINDS else f"{key.rpartition('.')[2]}={value}")
    return printable(" ".join(words))
