"""Which runs can share a program: those that differ in scalars and seeds alone."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import jax

from padl.app.plugin_errors import one_line_for
from padl.app.run_spec import Memo, RunSpec, check
from padl.data.source import Data
from padl.engine.keys import key_numbers
from padl.engine.lanes import Members, Structure, stack
from padl.engine.packing import Outline, outline
from padl.runs.wandb import Wandb
from padl.runs.windows import Windows
from padl.types import KINDS, PadlError

ONE_FOR_ALL = (
    "device", "devices", "compilation_cache", "progress", "run.dir", "run.plot",
    "wandb.mode", "wandb.project", "wandb.max_runs",
)  # fmt: skip


@dataclass
class Asked:
    """A member as it was asked for.

    Attributes:
        overrides: `key=value`, as typed. values: key -> value in Python's types. config: whole.
    """

    overrides: list[str]
    values: dict[str, Any]
    config: dict[str, Any]


def refusal(wrong: Mapping[str, list[list[str]]], asked: Sequence[Sequence[str]]) -> str:
    """What is wrong with some members, a line for each way to be wrong.

    Args:
        wrong: {line: overrides of each member it is true of}. asked: overrides of all members.
    """
    refused = sum(map(len, wrong.values()))
    if len(wrong) == 1 and refused == len(asked):
        return next(iter(wrong))
    shared = set.intersection(*map(set, asked))
    lines = [f"{refused} of {len(asked)} runs are refused, and none was started:"]
    for message, members in wrong.items():
        more = f" and {len(members) - 1} more" if len(members) > 1 else ""
        lines.append(f"  {message}  [{' '.join(word for word in members[0] if word not in shared)}{more}]")
    return "\n".join(lines)


@dataclass(eq=False)
class Member:
    """One run of a sweep, and how far it has come.

    Attributes:
        number: its place in the sweep. overrides: as typed. values: of the keys they set.
        status: "waiting" until it begins, then as in `record.Status`. summary: {} until it ends.
        folder, wandb: None until it begins, or for good.
        rows: as in metrics.jsonl, which lacks those from `written` on.
        best: the best value of the sweep's objective so far.
    """

    number: int
    overrides: list[str]
    values: dict[str, Any]
    draft: RunSpec
    windows: Windows
    status: str = "waiting"
    summary: dict[str, Any] = field(default_factory=dict)
    folder: Path | None = None
    wandb: Wandb | None = None
    rows: list[dict[str, float]] = field(default_factory=list)
    written: int = 0
    best: float = math.nan

    @property
    def objective(self) -> float:
        """The best value, of a member that finished; else NaN."""
        return self.best if self.status == "finished" else math.nan

    @property
    def step(self) -> int:
        return int(self.rows[-1]["step"]) if self.rows else 0


class Group(NamedTuple):
    """Members that share a program.

    Attributes:
        label: the values that tell it from the other groups, "" for the only one.
        outline: what a step does.
    """

    label: str
    structure: Structure
    members: list[Member]
    stacked: Members
    outline: Outline


def drafts(asked: Sequence[Asked], known: Memo) -> list[RunSpec]:
    """Check every member.

    Raises:
        PadlError: for all that are wrong at once, a line for each way to be wrong.
    """
    found: list[RunSpec] = []
    wrong: dict[str, list[list[str]]] = {}
    for member in asked:
        try:
            draft = check(member.config, known)
            found.append(replace(draft, config=draft.config | {"devices": 1}))  # a member has one of the devices
        except PadlError as error:
            wrong.setdefault(str(error), []).append(member.overrides)
    if wrong:
        raise PadlError(refusal(wrong, [member.overrides for member in asked]))
    for key in ONE_FOR_ALL:
        if len({str(_at(member.config, key)) for member in asked}) > 1:
            raise PadlError(f"{key} is one for the whole sweep: give it one value")
    told = found[0].sweep
    if any(draft.sweep != told for draft in found):
        raise PadlError("sweep.* is one for the whole sweep: give each of its keys one value")
    if told.exact and (told.strategy, told.chunk) != ("auto", "auto"):
        raise PadlError("sweep.exact=true runs one member after the other: leave sweep.strategy and sweep.chunk out")
    return found


def _at(config: Mapping[str, Any], key: str) -> Any:
    for word in key.split("."):
        config = (config or {}).get(word)  # pyright: ignore[reportAssignmentType]
    return config


def identity(draft: RunSpec) -> str:
    """Equal for runs that are the same run."""
    return json.dumps(draft.config, sort_keys=True, default=str)


def swept(members: Sequence[Member]) -> list[str]:
    """The keys that take several values."""
    keys = dict.fromkeys(key for member in members for key in member.values)
    return [key for key in keys if len({str(member.values.get(key)) for member in members}) > 1]


def groups(members: Sequence[Member]) -> list[Group]:
    """The members by program, in the order of their first ones.

    Raises:
        PadlError: a plugin's code cannot be traced.
    """
    together: dict[Any, list[Member]] = {}
    for member in members:
        together.setdefault(_program(member.draft), []).append(member)
    found = []
    for (structure, *_), own in zip(together, together.values(), strict=True):
        drafts = [member.draft for member in own]
        data = Data(dict(drafts[0].task.rows), stack([draft.split for draft in drafts]))
        keys = stack([key_numbers(draft.settings.seed) for draft in drafts])
        stacked = Members(keys, stack([draft.hparams for draft in drafts]), data)
        with one_line_for(drafts[0].parts):
            seen = outline(structure, stacked)
        found.append(Group(_label(own, members), structure, own, stacked, seen))
    return found


def _program(draft: RunSpec) -> tuple[Structure, Any, Any, str]:
    """What members of one program have in common: functions, the forms of their numbers, and the data."""
    steps, steps_per_call = draft.steps, draft.settings.steps_per_call
    structure = Structure(draft.experiment, steps, steps_per_call, draft.eval_every, draft.task.criterion)
    shapes = tuple(x.shape for x in jax.tree.leaves(draft.split))
    return structure, jax.tree.structure(draft.hparams), shapes, draft.task.digest


def _label(own: Sequence[Member], everyone: Sequence[Member]) -> str:
    """`adam` or `mlp adam`: the values that these members share and not all do."""
    words = []
    for key in swept(everyone):
        mine = {str(member.values.get(key)) for member in own}
        if len(mine) == 1 and key in own[0].values:
            (value,) = mine
            words.append(value if key in KINDS else f"{key.rpartition('.')[2]}={value}")
    return " ".join(words)
