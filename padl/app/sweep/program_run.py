"""One program of a sweep, from its first lanes or a snapshot to its last: trained, recorded, saved. ProgramRun."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from time import perf_counter
from typing import Any

from padl.app.saving import Saver, interval
from padl.app.stopping import StopRequest
from padl.app.sweep import program_snapshots
from padl.app.sweep.programs import Group
from padl.app.sweep.records import SweepRecords
from padl.app.timing import Clock, Times
from padl.engine import sweep
from padl.runs import jsonl
from padl.runs.sink import warn
from padl.runs.snapshots import SnapshotStore
from padl.types import Device


class ProgramRun:
    """A program that is trained.

    Args:
        group: its members. devices: that share its lanes. records: what is kept of the members.
        stop: looked at between two calls.
    """

    def __init__(self, group: Group, devices: list[Device], records: SweepRecords, stop: StopRequest):
        self.group, self.devices, self.records, self.stop = group, devices, records, stop
        self.folder, self.begun = records.written_folder, perf_counter()
        self.described: dict[str, Any] = {}

    def train(
        self, running: ExitStack, watch: Callable[[Iterator[sweep.Progress]], Iterator[sweep.Progress]]
    ) -> Iterator[int]:
        """Train the members that have not ended, and yield after each call how many steps of them all are done.

        Args:
            running: closed when all are done or stopped, writes what became of each.
            watch: hands the calls on, and says which does not come back.
        """
        group = self.group
        with Clock() as clock:
            start = program_snapshots.begin(self.folder, group, self.devices)
            self._go_on(start, running)
            saver = self._saver()
            calls = sweep.run(
                group.structure, group.stacked, start.lanes, say=warn, start=start.snapshot, save_every=saver.steps,
                control=saver.control, ends=self._ends(),
            )  # fmt: skip
            for call in watch(calls):
                self._record(call, clock, running)
                self._save(call, saver)
                step = group.structure.steps if call.done else call.step
                yield call.lanes.start * group.structure.steps + len(call.lanes) * step
            saver.close()
        if self.stop.signal:
            self.records.interrupt([m for m in group.members if m.status == "running"], self.stop.reason)
        program_snapshots.remove(self.folder, group)
        self.described = self._description(start, clock)

    def _go_on(self, start: program_snapshots.Start, running: ExitStack) -> None:
        """Go on with the records of the members in the lanes, before an evaluation asks what they have measured."""
        for member in self.group.members:
            if member.number in start.members and member.status == "waiting":
                self.records.begin(member, running, start.members[member.number])
        for i, chunk in (start.snapshot.ended if start.snapshot else {}).items():
            if (early := self.group.members[i].early) and chunk.diverged is None:  # whose last rows are not written yet
                early.ends(chunk.step, chunk.evaluation[self.group.structure.criterion.metric])

    def _ends(self) -> sweep.MemberEnds | None:
        """What says after an evaluation whether a member ends there; None where nothing ends one."""
        early = [member.early for member in self.group.members]
        if not any(early):
            return None
        return lambda i, step, value: (one := early[i]) is not None and one.ends(step, value)

    def _record(self, call: sweep.Progress, clock: Clock, running: ExitStack) -> None:
        """Record what a call measured; members of its lanes that an earlier process trained to their end have that."""
        members, seconds = self.group.members, perf_counter() - self.begun
        for i in call.lanes:
            if members[i].status == "waiting":
                self.records.begin(members[i], running)
        times = Times(call.step / max(seconds - clock.compiling, 1e-9), clock.compiling, seconds)
        for i, chunk in call.chunks:
            if members[i].status == "running":
                self.records.take(members[i], chunk, times)
        self.records.flush_when_due()

    def _saver(self) -> Saver:
        run, folder = self.group.members[0].spec.run, self.folder
        store = SnapshotStore(program_snapshots.place_of(folder, self.group), run.keep) if folder and run.save else None
        return Saver(store, interval(run.save_every), self.stop)

    def _save(self, call: sweep.Progress, saver: Saver) -> None:
        """Save the lanes where that is due; those that are at their end are recorded member by member."""
        snapshot, group = call.snapshot, self.group
        if snapshot is None or call.done:
            return
        folders = [member.folder for member in group.members if member.status == "running" and member.folder]
        about = lambda: program_snapshots.record(group, snapshot, self.records.state_of)  # noqa: E731
        step = program_snapshots.step_of(group, snapshot)
        saver.save(step, snapshot.carry, about, lambda: jsonl.sync(*folders))

    def _description(self, start: program_snapshots.Start, clock: Clock) -> dict[str, Any]:
        """What sweep.json says of the program."""
        return {
            "label": self.group.label,
            "members": len(self.group.members),
            "strategy": start.lanes.strategy,
            "lanes": start.lanes.count,
            "devices": len(start.lanes.devices),
            "compile_seconds": clock.compiling,
            "seconds": perf_counter() - self.begun,
        }
