"""A sweep from start to end: check every member, train them program by program, keep a record of each.

`padl train -m`, a search and `padl.sweep` are all this: they `launch` members, once or in batches, and `finish`.
"""

import importlib
import math
import threading
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from padl.app import artifacts
from padl.app.compilation_cache import use_compilation_cache
from padl.app.plugin_errors import one_line_for
from padl.app.run_spec import Memo, RunSpec
from padl.app.summary import measured, summarise
from padl.app.sweep import members as grouping
from padl.app.sweep import selection
from padl.app.sweep.members import Asked, Group, Member
from padl.app.timing import Clock, Times
from padl.engine import lanes, loop, mesh, packing, sweep
from padl.engine.lanes import Lanes
from padl.runs import jsonl, run_folder
from padl.runs.console import Output, SweepProgress
from padl.runs.sink import Row, warn
from padl.runs.wandb import Wandb
from padl.runs.windows import Windows
from padl.types import Criterion, Device, PadlError, one_line

FLUSH_SECONDS = 2.0  # between two writings of what the members measured


class Sweep:
    """The members of a sweep, as they are launched.

    Attributes:
        expected: how many there will be, where the one who launches knows; else those of the first launch.
        bounds: of the keys that a search draws from ranges.
        folder: of the sweep, with a folder for each member; None where none was asked for.
        programs: what each program was, and what it took.
    """

    def __init__(self, command: Sequence[str], quiet: bool = False):
        self.command, self.quiet = list(command), quiet
        self.expected: int | None = None
        self.bounds: dict[str, tuple[float, float]] = {}
        self.members: list[Member] = []
        self.objective: Criterion | None = None
        self.folder: Path | None = None
        self.wandb: Wandb | None = None
        self.programs: list[dict[str, Any]] = []
        self.started = perf_counter()
        self._by_identity: dict[str, Member] = {}
        self._known: Memo = {}
        self._swept: list[str] = []
        self._environment = ""
        self._flushed = perf_counter()

    @property
    def draft(self) -> RunSpec:
        """Of the first member: what is one for all of them."""
        return self.members[0].draft

    def launch(self, asked: Sequence[Asked]) -> list[Member]:
        """Train these members; one that was asked for before is not trained again.

        Raises:
            PadlError: for all that is wrong with any of them, before any is trained.
        """
        if not asked:
            raise PadlError("the sweep has no run: one of its ranges or lists is empty")
        drafts = grouping.drafts(asked, self._known)
        settings = drafts[0].settings
        if drafts[0].sweep.over and self.expected is None:
            raise PadlError("sweep.over is for a search: add hydra/sweeper=padl_optuna, or give the keys values")
        if not drafts[0].sweep.exact:
            mesh.a_device_for_each_core(settings.device, settings.devices, warn)
        devices = mesh.devices(settings.device, settings.devices)
        self.objective = self.objective or selection.of_all(drafts)
        launched = self._members(asked, drafts)
        new = [member for member in dict.fromkeys(launched) if member.number >= len(self.members)]
        groups = grouping.groups(new)
        for group in groups:
            selection.check_measured(self.objective, group.outline.metrics)
        use_compilation_cache(settings.compilation_cache)
        self.members += new
        self._swept = grouping.swept(self.members)
        self._open(devices)
        self._say_plan(len(asked), groups, devices)
        progress = SweepProgress(settings.progress)
        try:
            bars = [progress.begin(self._name(group), self._total(group)) for group in groups]
            for group, bar in zip(groups, bars, strict=True):
                self._train(group, devices, progress, bar)
        except BaseException as error:
            self._stopped(error)
            raise
        finally:
            progress.close()
        return launched

    def together(self, asked: Sequence[Asked]) -> list[float]:
        """`launch`, for those who want the objective of each: of a member that diverged infinitely bad."""
        members = self.launch(asked)
        assert self.objective is not None
        return [selection.or_worst(member.objective, self.objective.direction) for member in members]

    def _members(self, asked: Sequence[Asked], drafts: Sequence[RunSpec]) -> list[Member]:
        """A member for each, the same one for the same run."""
        found = []
        for told, draft in zip(asked, drafts, strict=True):
            member = Member(
                len(self._by_identity), told.overrides, told.values, draft, Windows(draft.settings.log_every)
            )
            found.append(self._by_identity.setdefault(grouping.identity(draft), member))
        return found

    def _open(self, devices: list[Device]) -> None:
        """The sweep's own folder, and its W&B run where the members have none of their own."""
        if self.folder or self.draft.run.dir is None:
            return
        tasks = dict.fromkeys(member.draft.config["task"]["name"] for member in self.members)
        self.folder = run_folder.create(self.draft.run.dir, f"sweep-{'-'.join(tasks)}")
        self._environment = run_folder.to_json(run_folder.environment(devices[0], len(devices), self.command))
        if self.draft.run.plot:  # while the compiler has the turn: it takes most of a second
            threading.Thread(target=importlib.import_module, args=("matplotlib.figure",), daemon=True).start()
        if self.draft.wandb.mode != "disabled" and not self._each_in_wandb():
            self.wandb = _wandb(self.draft, self.folder, group=None)

    def _each_in_wandb(self) -> bool:
        return (self.expected or len(self.members)) <= self.draft.wandb.max_runs

    def _strategy(self, group: Group, device: Device) -> lanes.Strategy:
        told = self.draft.sweep
        if told.exact:
            return "alone"
        return packing.choose(group.outline, device) if told.strategy == "auto" else told.strategy

    def _say_plan(self, asked: int, groups: list[Group], devices: list[Device]) -> None:
        runs = sum(len(group.members) for group in groups)
        again = asked - runs
        if again and not self.quiet:
            print(f"{_count(again, 'run')} asked for more than once: each is run once", flush=True)
        if not runs or self.quiet:
            return
        parts = ", ".join(f"{group.label}: {len(group.members)}" for group in groups if group.label)
        hows = list(dict.fromkeys(self._strategy(group, devices[0]) for group in groups))
        how = "one by one on one device" if hows == ["alone"] else f"{' and '.join(hows)} over {_over(devices)}"
        line = f"{_count(runs, 'run')} in {_count(len(groups), 'program')}{f' ({parts})' if parts else ''}, {how}"
        Output().print(line, markup=False, highlight=False, soft_wrap=True)

    def _name(self, group: Group) -> str:
        label = group.label or self.draft.title.partition(",")[0]
        return f"{label}, {_count(len(group.members), 'run')}"

    def _total(self, group: Group) -> int:
        return group.structure.steps * len(group.members)

    def _train(self, group: Group, devices: list[Device], progress: SweepProgress, bar: int) -> None:
        told = self.draft.sweep
        chunk = None if told.chunk == "auto" else told.chunk
        progress.compiling(bar)
        begun = perf_counter()
        with Clock() as clock:
            with one_line_for(group.members[0].draft.parts):
                strategy = self._strategy(group, devices[0])
                laid = packing.arrange(group.structure, group.stacked, strategy, devices, chunk)
            for now in sweep.run(group.structure, group.stacked, laid, say=warn):
                self._take(group, now, clock, perf_counter() - begun)
                done = now.lanes.start * group.structure.steps + len(now.lanes) * now.step
                progress.update(bar, self._name(group), done, self._total(group), self._news(group))
        self.programs.append(_described(group, laid, clock.compiling, perf_counter() - begun))

    def _take(self, group: Group, now: sweep.Progress, clock: Clock, seconds: float) -> None:
        """Record what a call measured."""
        for i in now.lanes:
            if group.members[i].status == "waiting":
                self._begin(group.members[i])
        times = Times(now.step / max(seconds - clock.compiling, 1e-9), clock.compiling, seconds)
        for i, chunk in now.chunks:
            member = group.members[i]
            for step, row in measured(member.windows, chunk):
                member.rows.append({"step": step, **row})
                self._compare(member, row)
                if member.wandb:
                    member.wandb.write(step, row)
            if isinstance(chunk, loop.LastChunk):
                self._end(member, chunk, times)
        if perf_counter() - self._flushed > FLUSH_SECONDS:
            self._flush()

    def _compare(self, member: Member, row: Row) -> None:
        """Keep the member's best value so far."""
        assert self.objective is not None
        metric, direction = self.objective
        if metric in row:
            member.best = selection.best([member.best, row[metric]], direction)

    def _begin(self, member: Member) -> None:
        member.status = "running"
        if self.folder is None:
            return
        member.folder = self.folder / _folder_name(member, self._swept)
        member.folder.mkdir()
        run_folder.write_start(member.folder, member.draft.config, self._environment, durable=False)
        run_folder.write_json(member.folder / "overrides.json", member.overrides, durable=False)
        if member.draft.wandb.mode != "disabled" and self._each_in_wandb():
            member.wandb = _wandb(member.draft, member.folder, group=self.folder.name)

    def _end(self, member: Member, last: loop.LastChunk, times: Times) -> None:
        member.summary = summarise(member.draft, last, member.rows, times)
        member.status = member.summary["status"]
        if member.wandb:
            member.wandb.end(member.summary)
        if member.folder:
            self._write_rows(member)
            artifacts.keep(member.draft, artifacts.parameters(last), member.summary, member.folder, durable=False)
            artifacts.close(member.folder, member.summary, durable=False)

    def _flush(self) -> None:
        for member in self.members:
            self._write_rows(member)
        self._flushed = perf_counter()

    def _write_rows(self, member: Member) -> None:
        if member.folder and member.written < len(member.rows):
            jsonl.append(member.folder, member.rows[member.written :])
            member.written = len(member.rows)

    def _stopped(self, error: BaseException) -> None:
        """Leave the record of the members that were running."""
        status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
        self._flush()
        for member in self.members:
            if member.status != "running":
                continue
            member.status = status
            if member.wandb:
                member.wandb.end({"status": status, "reason": one_line(error), "steps": member.step})
            if member.folder:
                run_folder.write_status(member.folder, status, member.step, one_line(error), durable=False)

    def _news(self, group: Group) -> str:
        """Best value so far, and how many diverged."""
        assert self.objective is not None
        metric, direction = self.objective
        best = selection.best([member.best for member in group.members], direction)
        diverged = sum(member.status == "diverged" for member in group.members)
        words = [f"best {metric.partition('/')[2]} {best:.4g}"] if math.isfinite(best) else []
        return "  ".join([*words, *([f"{diverged} diverged"] if diverged else [])])


def _wandb(draft: RunSpec, folder: Path, group: str | None) -> Wandb:
    told = draft.wandb
    assert told.mode != "disabled"
    return Wandb(
        folder, mode=told.mode, project=told.project, group=told.group or group, tags=told.tags, name=told.name,
        config=draft.config,
    )  # fmt: skip


def _described(group: Group, laid: Lanes, compiling: float, seconds: float) -> dict[str, Any]:
    return {
        "label": group.label,
        "members": len(group.members),
        "strategy": laid.strategy,
        "lanes": laid.count,
        "devices": len(laid.devices),
        "compile_seconds": compiling,
        "seconds": seconds,
    }


def _folder_name(member: Member, keys: Sequence[str]) -> str:
    """`0007-optimizer=adam,seed=3`: what tells it from the others, no longer than a file name may be."""
    words = ",".join(f"{key.rpartition('.')[2]}={member.values.get(key)}" for key in keys)
    return f"{member.number:04d}-{''.join(c if c.isalnum() or c in '=,.+-_' else '_' for c in words)[:100]}"


def _count(n: int, word: str) -> str:
    return f"{n:,} {word}{'' if n == 1 else 's'}"


def _over(devices: list[Device]) -> str:
    return _count(len(devices), f"{devices[0].platform} device")
