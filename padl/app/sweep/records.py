"""The records of a sweep: its folder, and for each member a folder, rows on disk, a W&B run, a status."""

import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

from padl.app import artifacts
from padl.app.debug import overfit
from padl.app.outputs import give_files, named_sinks, open_wandb
from padl.app.parameter_groups import files_of
from padl.app.run_spec import RunSpec
from padl.app.summary import summarise
from padl.app.sweep.members import Member, swept
from padl.app.sweep.recorded import RecordedSweep, fingerprint, restore_rows, write_requests
from padl.app.sweep.sweep_config import shared_config
from padl.app.timing import Times
from padl.engine import loop
from padl.runs import jsonl, lock, run_files, run_folder
from padl.runs.environment import environment
from padl.runs.jsonl import BufferedJsonl
from padl.runs.pictures import preload
from padl.runs.processes import is_writer
from padl.runs.recorder import Recorder
from padl.runs.redaction import redact, redact_argument
from padl.runs.sink import Sink, Sinks, warn
from padl.runs.status import recording
from padl.runs.wandb import Wandb
from padl.types import Device, PadlError

FLUSH_SECONDS = 2.0  # between two writings of what the members measured


class SweepRecords:
    """Keeps the records of a sweep and of its members.

    Attributes:
        command: what the user typed, word by word.
        folder: of the sweep, the same in all processes; None where none was asked for.
        wandb: the sweep's own W&B run, for its results; its members have one each where they are not too many.
        is_open: whether there was a launch, and so this process has the folder.
        has_sinks_for_each: whether members are few enough for a W&B run, and what `sinks` names, of their own.
    """

    def __init__(self, command: Sequence[str], recorded: RecordedSweep | None = None):
        self.command = list(command)
        self.folder: Path | None = recorded.folder if recorded else None
        self.is_open = False
        self._recorded = recorded
        self._held = ExitStack()  # the sweep's folder, while it is written
        self.wandb: Wandb | None = None
        self._environment = ""
        self._keys: list[str] = []  # whose values tell the members apart
        self.has_sinks_for_each = False
        self._commit: dict[str, Any] | None = None
        self._recorders: dict[int, Recorder] = {}  # of the members that run
        self._files: dict[int, BufferedJsonl] = {}  # likewise
        self._wandb_runs: dict[int, Wandb] = {}  # of each member
        self._flushed = perf_counter()

    @property
    def written_folder(self) -> Path | None:
        """The folder of the sweep in the process that writes; None in the others, and without a folder."""
        return self.folder if is_writer() else None

    def open(self, members: Sequence[Member], devices: list[Device], expected: int, drawn: Iterable[str] = ()) -> None:
        """Prepare a launch, at the first one with the sweep's folder.

        Args:
            members: all of the sweep so far. expected: how many there will be. drawn: keys that a search draws.

        Raises:
            PadlError: several members would have one W&B run.
        """
        spec = members[0].spec
        self._keys = swept(members)
        self.has_sinks_for_each = expected <= spec.wandb.max_runs
        if self.has_sinks_for_each:
            _check_ids(members, expected)
        if spec.run.dir is not None and not self._environment:
            self._open_folder(members, devices, expected, drawn)
        self.is_open = True
        if self.written_folder:
            about = fingerprint([member.spec for member in members], devices)
            wandb_id = self.wandb.run_id if self.wandb else None
            write_requests(self.written_folder, self.command, members, about, wandb_id)

    def _open_folder(
        self, members: Sequence[Member], devices: list[Device], expected: int, drawn: Iterable[str]
    ) -> None:
        spec = members[0].spec
        assert spec.run.dir is not None
        if self.folder is None:
            tasks = dict.fromkeys(member.spec.config["task"]["name"] for member in members)
            self.folder = run_folder.create(spec.run.dir, f"sweep-{spec.run.name or '-'.join(tasks)}")
        self._held.enter_context(lock.hold(self.written_folder))
        about = environment(devices[0], len(devices), self.command)
        self._environment, self._commit = run_folder.to_json(about), about["git"]
        if spec.run.plot:  # while the compiler has the turn: it takes most of a second
            threading.Thread(target=preload, daemon=True).start()
        if self.written_folder:
            self._open_wandb(self.written_folder, members, shared_config(members, drawn))
            self._say_without_sinks(spec, expected)

    def _open_wandb(self, folder: Path, members: Sequence[Member], config: Mapping[str, Any]) -> None:
        spec = members[0].spec
        if self.has_sinks_for_each:  # the id that the settings may have is a member's
            spec = replace(spec, wandb=replace(spec.wandb, id=None, resume=None))
        run_id = self._recorded.wandb_id if self._recorded else None
        says_url = spec.settings.progress != "none"
        self.wandb = open_wandb(
            spec, folder, folder.name, run_id, config, job_type="sweep", git=self._commit, says_url=says_url
        )

    def _say_without_sinks(self, spec: RunSpec, expected: int) -> None:
        sinks = spec.settings.sinks
        if sinks and not self.has_sinks_for_each:
            warn(
                f"sinks=[{','.join(sinks)}]: nothing is written, as there are {expected} members and"
                f" wandb.max_runs={spec.wandb.max_runs}; each has its metrics.jsonl"
            )

    def begin(self, member: Member, running: ExitStack, state: Mapping[str, Any] | None = None) -> None:
        """Begin the record of a member, or go on with it.

        Args:
            running: closed when all are done or stopped, writes what became of it. state: as `state_of` gave it.
        """
        member.folder = self._write_start(member)
        if member.folder and self._recorded:
            _go_on_with_rows(member, member.folder, state)
        file, wandb = self._row_file(member), self._wandb_run(member, state)
        step = state["window"]["step"] if state else 0
        member.run_status = running.enter_context(recording(member.folder, durable=False, step=step))
        others = (member.best, member.run_status, *([wandb] if wandb else []), *self._named_sinks(member, step))
        sinks = Sinks(file, member.history, *others) if file else Sinks(member.history, *others)
        window = state["window"] if state else None
        recorder = Recorder(member.spec.settings.log_every, sinks, window, f"member {member.number}")
        self._recorders[member.number] = running.enter_context(recorder)  # closed before the status is written

    def state_of(self, number: int) -> dict[str, Any]:
        """Return what a snapshot must know of the rows of a member that runs."""
        wandb = self._wandb_runs.get(number)
        return {
            "metrics": self._files[number].written()._asdict(),
            "window": self._recorders[number].windows.state(),
            "wandb_id": wandb.run_id if wandb else None,
        }

    def interrupt(self, members: Iterable[Member], reason: str) -> None:
        """Write of members that run that they were stopped."""
        for member in members:
            self._recorders.pop(member.number).close({"status": "interrupted", "reason": reason, "steps": member.step})
            self._files.pop(member.number, None)
            assert member.run_status is not None  # it has begun
            member.run_status.end("interrupted", member.run_status.step, reason)

    def _write_start(self, member: Member) -> Path | None:
        """The folder of a member with what is known before it starts; None where nothing is written."""
        if self.written_folder is None:
            return None
        earlier = self._recorded.folder_of(member.number) if self._recorded else None
        folder = earlier or self.written_folder / _folder_name(member, self._keys)
        folder.mkdir(exist_ok=earlier is not None)
        overrides = [redact_argument(word) for word in member.request.overrides]
        written = {"overrides.json": overrides, **files_of(member.spec)}
        run_files.write_start(folder, member.spec.config, self._environment, written, durable=False)
        return folder

    def _row_file(self, member: Member) -> BufferedJsonl | None:
        if member.folder is None:
            return None
        self._files[member.number] = BufferedJsonl(member.folder)
        return self._files[member.number]

    def _named_sinks(self, member: Member, step: int) -> list[Sink]:
        if member.folder is None or not self.has_sinks_for_each:
            return []
        return named_sinks(member.spec, member.folder, step, member.rows)

    def _wandb_run(self, member: Member, state: Mapping[str, Any] | None) -> Wandb | None:
        if member.folder is None or not self.has_sinks_for_each:
            return None
        run_id = state["wandb_id"] if state else None
        group = member.folder.parent.name
        wandb = open_wandb(member.spec, member.folder, group=group, run_id=run_id, git=self._commit)
        if wandb:
            self._wandb_runs[member.number] = wandb
        return wandb

    def take(self, member: Member, chunk: loop.Chunk, times: Times) -> None:
        """Record what a call measured of a member; after its last chunk its record is complete."""
        recorder = self._recorders[member.number]
        last = chunk if isinstance(chunk, loop.LastChunk) and not chunk.stopped else None
        recorder.take(chunk, last is not None)
        if last:
            self._end(member, last, times)

    def _end(self, member: Member, last: loop.LastChunk, times: Times) -> None:
        spec, reason = member.spec, member.early.reason if member.early else ""
        is_overfit = spec.settings.debug == "overfit"
        found = overfit.verdict(member.rows, len(spec.split.train), spec.stop.target) if is_overfit else ""
        member.summary = summary = summarise(spec, last, member.rows, times, reason, found)
        self._recorders.pop(member.number).close(summary)
        file = self._files.pop(member.number, None)
        if member.folder and file:
            weights = artifacts.trained(last)
            artifacts.write(member.spec, weights, summary, file.written(), member.folder, durable=False)
            self._end_wandb(member, member.folder)
        assert member.run_status is not None  # it has begun
        member.run_status.end(summary["status"], summary["steps"], summary["reason"])

    def _end_wandb(self, member: Member, folder: Path) -> None:
        wandb = self._wandb_runs.get(member.number)
        if wandb:
            give_files(wandb, member.spec, member.summary, folder)
            wandb.finish()

    def flush_when_due(self) -> None:
        """Write the rows that wait, where the last time is `FLUSH_SECONDS` ago."""
        if perf_counter() - self._flushed > FLUSH_SECONDS:
            for file in self._files.values():
                file.flush()
            self._flushed = perf_counter()

    @property
    def wandb_runs(self) -> list[Wandb]:
        """The W&B runs of the sweep and of its members."""
        return [*([self.wandb] if self.wandb else []), *self._wandb_runs.values()]

    def finish(self) -> None:
        """End the W&B runs, wait until W&B has all that it was given, and let the sweep's folder go."""
        for wandb in self.wandb_runs:
            wandb.finish()
        for wandb in self.wandb_runs:
            wandb.wait()
        self._held.close()


def _check_ids(members: Sequence[Member], expected: int) -> None:
    """Raise PadlError where one W&B run would be that of several members."""
    ids = [member.spec.wandb.id for member in members if member.spec.wandb.id]
    if ids and (len(set(ids)) < len(ids) or expected > len(members)):
        raise PadlError(
            f"wandb.id={ids[0]} is one W&B run, and each of the {expected} members has its own: leave it out, as"
            " wandb.group keeps them together, or wandb.max_runs=0 makes the sweep one W&B run"
        )


def _go_on_with_rows(member: Member, folder: Path, state: Mapping[str, Any] | None) -> None:
    """Cut a member's rows off behind what its program's snapshot knows, all of them without one, and take those."""
    written = jsonl.written(state["metrics"]) if state else jsonl.NOTHING
    jsonl.check_begins(folder, written)
    jsonl.cut(folder, written)
    restore_rows(member, folder)
    if member.early:
        member.early.replay(member.rows)


def _folder_name(member: Member, keys: Sequence[str]) -> str:
    """`0007-optimizer=adam,seed=3`: what tells it from the others, no longer than a file name may be."""
    words = redact(",".join(f"{key.rpartition('.')[2]}={member.values.get(key)}" for key in keys))
    return f"{member.number:04d}-{run_folder.as_file_name(words)}"
