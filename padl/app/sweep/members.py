"""What is asked of a sweep, all of it checked at once, and its members: how far each has come. Requested, Member."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from padl.app.early_stopping import EarlyStopping, early_stopping
from padl.app.run_spec import Memo, RunSpec, check
from padl.app.settings import EXPERIMENT
from padl.app.summary import Rows
from padl.app.wandb_environment import completed
from padl.nested import flattened
from padl.runs.sink import BestSoFar, Memory
from padl.runs.status import RunStatus
from padl.types import Criterion, PadlError

ONE_FOR_ALL = (
    "device", "devices", "compilation_cache", "progress", "run.dir", "run.name", "run.plot",
    "wandb.mode", "wandb.project", "wandb.entity", "wandb.artifacts", "wandb.max_runs", "sinks",
)  # fmt: skip

ENDED = ("finished", "diverged")  # statuses of members that can be judged, and are not run again


@dataclass
class Requested:
    """A run that a sweep is asked for.

    Attributes:
        overrides: `key=value`, as typed. values: of these keys, in Python's types. config: every name and value.
        note: a line to say of the configuration, "" for none.
    """

    overrides: list[str]
    values: dict[str, Any]
    config: dict[str, Any]
    note: str = ""


@dataclass(eq=False)
class Member:
    """One run of a sweep, and how far it has come.

    Attributes:
        number: its place in the sweep. launch: in which launch of the sweep it was, counted from 0.
        request: what was asked for. spec: the same, checked.
        best: the best value so far of what it is judged by. history: its rows.
        folder, run_status: None until it begins; the folder for good where none was asked for.
        summary: as in summary.json; {} until it ends.
        early: what may end it before its last step; None where nothing does.
    """

    number: int
    launch: int
    request: Requested
    spec: RunSpec
    best: BestSoFar
    history: Memory = field(default_factory=Memory)
    folder: Path | None = None
    run_status: RunStatus | None = None
    summary: dict[str, Any] = field(default_factory=dict)
    early: EarlyStopping | None = field(init=False)

    def __post_init__(self) -> None:
        self.early = early_stopping(self.spec.stop, self.spec.task.criterion)

    @property
    def status(self) -> str:
        """ "waiting" until it begins, then as in `status.Status`."""
        return self.run_status.status if self.run_status else "waiting"

    @property
    def values(self) -> dict[str, Any]:
        """The values of the keys that its request sets."""
        return self.request.values

    @property
    def rows(self) -> Rows:
        """As in metrics.jsonl."""
        return self.history.rows

    @property
    def step(self) -> int:
        """The step of its last row; 0 without."""
        return int(self.rows[-1]["step"]) if self.rows else 0

    @property
    def criterion(self) -> Criterion:
        """What it is judged by."""
        return self.best.criterion

    @property
    def objective(self) -> float:
        """The best value, of a member that finished; else NaN."""
        return self.best.value if self.status == "finished" else math.nan


def check_all(requests: Sequence[Requested], memo: Memo) -> list[RunSpec]:
    """Check every run that is asked for.

    Args:
        requests: one or more. memo: as of `check`.

    Raises:
        PadlError: for all that are wrong at once, a line for each way to be wrong.
    """
    specs: list[RunSpec] = []
    wrong: dict[str, list[list[str]]] = {}
    for request in requests:
        try:
            spec = check(completed(request.config, alone=False), memo)
            specs.append(replace(spec, config=spec.config | {"devices": 1}))  # a member has one of the devices
        except PadlError as error:
            wrong.setdefault(str(error), []).append(request.overrides)
    if wrong:
        raise PadlError(refusal(wrong, [request.overrides for request in requests]))
    _check_shared(requests, specs)
    for mode in ("nan", "profile"):
        if any(spec.settings.debug == mode for spec in specs):
            raise PadlError(f"debug={mode} looks into a single run: leave -m out, and give each key one value")
    return specs


def _check_shared(requests: Sequence[Requested], specs: Sequence[RunSpec]) -> None:
    """Raise PadlError where members differ in what a sweep has only one of."""
    configs = [flattened(request.config) for request in requests]
    for key in ONE_FOR_ALL:
        if len({str(values.get(key)) for values in configs}) > 1:
            raise PadlError(f"{key} is one for the whole sweep: give it one value")
    settings = specs[0].sweep
    if any(spec.sweep != settings for spec in specs):
        raise PadlError("sweep.* is one for the whole sweep: give each of its keys one value")
    if settings.exact and (settings.strategy, settings.chunk) != ("auto", "auto"):
        raise PadlError("sweep.exact=true runs one member after the other: leave sweep.strategy and sweep.chunk out")


def refusal(wrong: Mapping[str, list[list[str]]], overrides: Sequence[Sequence[str]]) -> str:
    """Say what is wrong with some members, a line for each way to be wrong.

    Args:
        wrong: {line: overrides of each member it is true of}. overrides: of all members.
    """
    refused = sum(map(len, wrong.values()))
    if len(wrong) == 1 and refused == len(overrides):
        return next(iter(wrong))
    shared = set.intersection(*map(set, overrides))
    lines = [f"{refused} of {len(overrides)} runs are refused, and none was started:"]
    for message, members in wrong.items():
        more = f" and {len(members) - 1} more" if len(members) > 1 else ""
        lines.append(f"  {message}  [{' '.join(word for word in members[0] if word not in shared)}{more}]")
    return "\n".join(lines)


def identity(spec: RunSpec, values: Mapping[str, Any]) -> str:
    """Return a text that is equal for runs that are the same run, whatever is one for the whole sweep, and whatever the
    environment says of W&B.

    Args:
        values: of the keys that its request sets.
    """
    config = {key: value for key, value in spec.config.items() if key not in ("wandb", EXPERIMENT)}
    config |= {key: value for key, value in values.items() if key.startswith("wandb.")}
    tells_apart = {key: value for key, value in flattened(config).items() if key not in ONE_FOR_ALL}
    return json.dumps(tells_apart, sort_keys=True, default=str)


def swept(members: Sequence[Member]) -> list[str]:
    """Return the keys that take several values; what is one for the whole sweep may be another after a resume."""
    keys = dict.fromkeys(key for member in members for key in member.values if key not in ONE_FOR_ALL)
    return [key for key in keys if len({str(member.values.get(key)) for member in members}) > 1]
