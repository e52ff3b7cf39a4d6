"""What an earlier process left of a sweep: which members it had, and what the ended ones came to. RecordedSweep.

requests.json has every member's number and configuration, from its launch on. A run that is asked for again is the same
member, and is not trained again where it has ended.
"""

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from padl.app.fingerprint import Fingerprint, check_same, of_all
from padl.app.objects.stored import with_objects_by_label
from padl.app.run_spec import RunSpec
from padl.app.stored_config import refuse_paths_outside, same_wandb_run, say_path_unused
from padl.app.sweep.members import ENDED, Member, Requested
from padl.app.warm_start import digests
from padl.nested import with_value
from padl.runs import checked_json, jsonl, run_files
from padl.runs import status as statuses
from padl.runs.overview import REQUESTS
from padl.runs.redaction import redact_argument
from padl.runs.status import RunStatus
from padl.types import Device, PadlError

TODAYS = ("device", "compilation_cache", "progress", "wandb.mode", "wandb.project", "wandb.entity")


def is_sweep(folder: Path) -> bool:
    """Tell whether a folder is that of a sweep."""
    return os.path.isfile(folder / REQUESTS)  # False for too long a name


class RecordedSweep:
    """A sweep's folder, read.

    Args:
        allow: groups of what may differ from then, as of `resume`; "path" to read files anywhere.
        todays: values of keys in TODAYS, which a folder does not say.
        things: {kind: thing or list of things}, what came from Python, given again.

    Attributes:
        folder: of the sweep. command: that made it, [] from Python. wandb_id: of the sweep's own W&B run.
        fingerprint: what the numbers of its members depend on.
        requests: of each member, in the order of their numbers. launches: in which launch each was.

    Raises:
        PadlError: it is no folder of a sweep, or it is damaged, or names files elsewhere; a thing from Python is
            missing.
    """

    def __init__(
        self,
        folder: Path,
        allow: Collection[str] = (),
        todays: Mapping[str, Any] | None = None,
        things: Mapping[str, Any] | None = None,
    ):
        self.folder, self.allow = folder, allow
        content = checked_json.read(folder / REQUESTS)
        try:
            self.command: list[str] = list(content["command"])
            self.fingerprint: Fingerprint = {group: dict(values) for group, values in content["fingerprint"].items()}
            self.wandb_id: str | None = content["wandb_id"]
            self.requests = [_request(entry, folder, todays or {}) for entry in content["members"]]
            self.launches = [int(entry["launch"]) for entry in content["members"]]
            if not self.requests:
                raise ValueError("a sweep has members")
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise PadlError(f"{folder / REQUESTS} is damaged: it does not list the members of a sweep") from error
        self.requests = self._with(things or {})
        self.check_paths(self.requests)
        say_path_unused([request.config for request in self.requests], folder / "member", allow)

    def _with(self, things: Mapping[str, Any]) -> list[Requested]:
        """The requests with what came from Python."""
        try:
            configs = with_objects_by_label([request.config for request in self.requests], things)
        except PadlError as error:
            raise PadlError(f"{self.folder}: {error}") from error
        return [replace(request, config=config) for request, config in zip(self.requests, configs, strict=True)]

    def check_paths(self, requests: Sequence[Requested]) -> None:
        """Raise PadlError for a run that names files with which the sweep's folder has no business."""
        for request in requests:
            refuse_paths_outside(request.config, self.folder, self.allow)

    def check_same(self, specs: Sequence[RunSpec], devices: Sequence[Device]) -> None:
        """Compare what the recorded members depend on with what it is for these.

        Raises:
            DifferentRun: something differs that is not allowed to.
        """
        now = fingerprint(specs, devices)
        recorded = {group: {k: now[group].get(k, "") for k in names} for group, names in self.fingerprint.items()}
        check_same(self.folder, self.fingerprint, recorded, self.allow)

    def restore(self, member: Member) -> None:
        """Give a member that ended its folder, rows, summary and status; one that did not stays waiting."""
        folder = self.folder_of(member.number)
        if folder is None or not (folder / statuses.FILE).is_file():
            return
        status = statuses.read(folder)
        if status.status not in ENDED:
            return
        summary = run_files.verified_json(folder / "summary.json")
        if not isinstance(summary, Mapping) or summary.get("status") != status.status:
            raise PadlError(f"{folder / statuses.FILE} says {status.status}, and summary.json does not: one is damaged")
        member.folder, member.summary = folder, dict(summary)
        restore_rows(member, folder)
        member.run_status = RunStatus(None, durable=False)
        member.run_status.end(status.status, summary["steps"], summary["reason"])

    def folder_of(self, number: int) -> Path | None:
        """Return the folder of a member, None where it has none."""
        return next(iter(sorted(self.folder.glob(f"{number:04d}-*"))), None)


def fingerprint(specs: Sequence[RunSpec], devices: Sequence[Device]) -> Fingerprint:
    """Describe what the numbers of a sweep's members depend on beside their configurations."""
    about = of_all(specs, devices[0], len(devices))
    return {**about, "data": {**about["data"], **digests(specs)}}


def restore_rows(member: Member, folder: Path) -> None:
    """Read a member's rows into its memory."""
    for row in run_files.verified_metrics(folder) if (folder / jsonl.NAME).is_file() else []:
        values = {name: value for name, value in row.items() if name != "step"}
        member.history.write(row["step"], values)
        member.best.write(row["step"], values)


def write_requests(
    folder: Path, command: Sequence[str], members: Sequence[Member], about: Fingerprint, wandb_id: str | None
) -> None:
    """Write requests.json: the members so far, and what their numbers depend on."""
    content = {
        "command": [redact_argument(word) for word in command],
        "fingerprint": about,
        "wandb_id": wandb_id,
        "members": [_entry(member) for member in members],
    }
    checked_json.write(folder / REQUESTS, content)


def _entry(member: Member) -> dict[str, Any]:
    request, spec = member.request, member.spec
    devices = spec.settings.devices  # `spec.config` says that a member has one
    return {
        "number": member.number,
        "launch": member.launch,
        "overrides": [redact_argument(word) for word in request.overrides],
        "values": request.values,
        "config": {**spec.config, "devices": devices, "sweep": asdict(spec.sweep)},
    }


def _request(entry: Mapping[str, Any], folder: Path, todays: Mapping[str, Any]) -> Requested:
    """What a member was asked for, with today's values of what a folder does not say."""
    config = {key: value for key, value in entry["config"].items() if key not in TODAYS}
    first_to_say = entry["number"] == 0 and "wandb.mode" not in todays
    config["wandb"] = same_wandb_run(entry["config"], folder, first_to_say)
    for key, value in todays.items():
        config = with_value(config, key, value)
    return Requested(list(entry["overrides"]), dict(entry["values"]), config)
