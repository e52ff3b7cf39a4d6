"""The snapshots of a program of a sweep: its lanes, and what the rows of their members had come to. begin, record.

    programs.json            how the members of each program that began are laid out
    snapshots/0007/STEP/     of the program whose first member is number 7

A program goes on with the lanes that it had, so that every member comes to the bits of the sweep that never stopped.
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np

from padl.app.sweep.members import ENDED, Member
from padl.app.sweep.programs import Group
from padl.engine import loop
from padl.engine.keys import key_of
from padl.engine.lanes import Lanes, Strategy, compiled
from padl.engine.sweep import SweepSnapshot
from padl.runs import array_json, checked_json, jsonl, snapshots
from padl.runs.windows import checked_state
from padl.types import Device, PadlError, PyTree

PROGRAMS = "programs.json"


@dataclass
class Start:
    """Where a program begins, or goes on.

    Attributes:
        lanes: how its members are laid out. snapshot: None begins with the first member.
        members: {number: what was written of its rows} of those in the lanes.
    """

    lanes: Lanes
    snapshot: SweepSnapshot | None = None
    members: dict[int, dict[str, Any]] = field(default_factory=dict)


def place_of(folder: Path, group: Group) -> Path:
    """Return where the snapshots of a program are."""
    return folder / snapshots.FOLDER / f"{group.members[0].number:04d}"


def begin(folder: Path | None, group: Group, devices: list[Device]) -> Start:
    """Find out where a program begins: with its first member, or where an earlier process left it.

    Args:
        folder: of the sweep; None keeps nothing.

    Raises:
        PadlError: a plugin's code cannot be traced; fewer devices than it had.
    """
    kept = _layout(folder, group, devices) if folder else None
    lanes = kept or group.arrange(devices)
    if folder and kept is None:
        _write_layout(folder, group, lanes)
    first = next(i for i, member in enumerate(group.members) if member.status not in ENDED)
    stored = snapshots.newest(place_of(folder, group)) if folder and kept else None
    restored = _restored(group, stored, devices) if stored else None
    if restored and restored.snapshot and restored.snapshot.first == _first_of_its_lanes(first, restored.lanes):
        return restored
    if first == 0:
        return Start(lanes)
    return Start(lanes, SweepSnapshot(_first_of_its_lanes(first, lanes), 0, None, {}, lanes))


def record(group: Group, snapshot: SweepSnapshot, state_of: Callable[[int], Mapping[str, Any]]) -> dict[str, Any]:
    """Return what belongs to a snapshot beside its arrays, for JSON.

    Args:
        state_of: number of a member that runs -> what was written of its rows.
    """
    running = [member for member in group.members if member.status == "running"]
    return {
        "first": snapshot.first,
        "lane_step": snapshot.step,
        "lanes": _described(snapshot.lanes),
        "ended": {str(i): _chunk_as_json(chunk) for i, chunk in snapshot.ended.items()},
        "members": {str(member.number): state_of(member.number) for member in running},
    }


def step_of(group: Group, snapshot: SweepSnapshot) -> int:
    """Return how far a program is, in steps of all its members: it only grows."""
    return snapshot.first * group.structure.steps + snapshot.step


def remove(folder: Path | None, group: Group) -> None:
    """Remove the snapshots of a program whose members have all ended."""
    if folder and all(member.status in ENDED for member in group.members):
        shutil.rmtree(place_of(folder, group), ignore_errors=True)


def remove_all(folder: Path | None, members: Sequence[Member]) -> None:
    """Remove the snapshots of a sweep whose members have all ended."""
    if folder and all(member.status in ENDED for member in members):
        shutil.rmtree(folder / snapshots.FOLDER, ignore_errors=True)


def _first_of_its_lanes(member: int, lanes: Lanes) -> int:
    """The first of the members that are in the program together with this one."""
    return member if lanes.strategy == "alone" else member - member % lanes.count


def _restored(group: Group, stored: snapshots.StoredSnapshot, devices: list[Device]) -> Start:
    with stored.readable():
        saved = stored.record
        lanes = _lanes(saved["lanes"], devices)
        ended = {int(i): _chunk(chunk) for i, chunk in saved["ended"].items()}
        members = {int(number): _checked(state) for number, state in saved["members"].items()}
        first, step = int(saved["first"]), int(saved["lane_step"])
    snapshot = SweepSnapshot(first, step, stored.tree(_form(group, lanes)), ended, lanes)
    snapshots.set_aside(stored)
    return Start(lanes, snapshot, members)


def _checked(state: dict[str, Any]) -> dict[str, Any]:
    """What is known of a member's rows; raises where it is nothing that `SweepRecords.state_of` gives."""
    jsonl.written(state["metrics"])
    return {**state, "window": checked_state(state["window"]), "wandb_id": state["wandb_id"]}


def _form(group: Group, lanes: Lanes) -> PyTree:
    """Shapes and types of what these lanes keep from call to call."""
    if lanes.strategy != "alone":
        return compiled(group.structure, group.stacked, lanes).shapes
    first = group.stacked.take(np.array(0))
    experiment, criterion = group.structure.experiment, group.structure.criterion
    return loop.shapes(experiment, criterion, key_of(first.keys), first.hparams)


def _layout(folder: Path, group: Group, devices: list[Device]) -> Lanes | None:
    """How an earlier process laid this program out; None where it did not begin it."""
    saved = _programs(folder).get(place_of(folder, group).name)
    try:
        if saved is None or saved["members"] != [member.number for member in group.members]:
            return None
        return _lanes(saved["lanes"], devices)
    except (AttributeError, KeyError, TypeError) as error:
        raise PadlError(f"{folder / PROGRAMS} is damaged: it does not say the lanes of a program") from error


def _write_layout(folder: Path, group: Group, lanes: Lanes) -> None:
    about = {"members": [member.number for member in group.members], "lanes": _described(lanes)}
    checked_json.write(folder / PROGRAMS, {**_programs(folder), place_of(folder, group).name: about})


def _programs(folder: Path) -> dict[str, Any]:
    return checked_json.read(folder / PROGRAMS) if (folder / PROGRAMS).is_file() else {}


def _described(lanes: Lanes) -> dict[str, Any]:
    return {"strategy": lanes.strategy, "count": lanes.count, "devices": len(lanes.devices)}


def _lanes(saved: Mapping[str, Any], devices: Sequence[Device]) -> Lanes:
    if saved["devices"] > len(devices):
        raise PadlError(f"the sweep ran on {saved['devices']} devices, and {len(devices)} are here")
    return Lanes(cast(Strategy, saved["strategy"]), saved["count"], tuple(devices[: saved["devices"]]))


def _chunk_as_json(chunk: loop.Chunk) -> dict[str, Any]:
    train = {name: np.asarray(values) for name, values in chunk.train.items()}
    about = {"step": chunk.step, "diverged": chunk.diverged, "evaluation": chunk.evaluation}
    return {**about, "train": array_json.encode_all(train)}


def _chunk(saved: Mapping[str, Any]) -> loop.Chunk:
    evaluation = {name: float(value) for name, value in saved["evaluation"].items()}
    return loop.Chunk(saved["step"], array_json.decode_all(saved["train"]), evaluation, saved["diverged"])
