"""A sweep from start to end: check every member, group them, train them program by program.

`padl train -m`, a search and `padl.sweep` are all this: they `launch` members, once or in batches; `results.finish`
writes what the sweep came to.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from time import perf_counter
from typing import Any

from padl.app.compilation_cache import use_compilation_cache
from padl.app.notes import say as say_notes
from padl.app.outputs import say_rules
from padl.app.plugin_errors import TrainingError, one_line_in_training
from padl.app.run_spec import Memo, RunSpec
from padl.app.stopping import NEVER, StopRequest
from padl.app.sweep import program_snapshots, selection
from padl.app.sweep.members import Member, Requested, check_all, identity
from padl.app.sweep.program_run import ProgramRun
from padl.app.sweep.programs import Group, groups
from padl.app.sweep.recorded import RecordedSweep
from padl.app.sweep.records import SweepRecords
from padl.app.warm_start import WarmStarts
from padl.app.watchdog import Watchdog
from padl.engine import mesh
from padl.engine.lanes import Strategy
from padl.engine.lapack import few_threads
from padl.jax_flags import pinned
from padl.runs.console import SweepProgress
from padl.runs.processes import is_writer
from padl.runs.sink import BestSoFar, warn
from padl.types import Device, PadlError

REPORT_SECONDS = 5.0  # between two writings of what a sweep has come to, at least


class Sweep:
    """Trains members as they are launched.

    Args:
        command: what the user typed, word by word, for the records.
        say: called with each line of the plan; None is quiet.
        stop: looked at between two calls. recorded: what an earlier process left of this sweep.
        report: called now and then while members run, to write what the sweep has come to.

    Attributes:
        expected: how many members there will be, where the one who launches knows; else those launched so far.
        bounds: of the keys that a search draws from ranges, {key: (low, high)}.
        members: all that were launched.
        records: what is kept of them.
        programs: what each program was, and what it took. failures: what raised of those that did not end.
        started: on the clock of `perf_counter`.
    """

    def __init__(
        self,
        command: Sequence[str],
        say: Callable[[str], None] | None = None,
        stop: StopRequest = NEVER,
        recorded: RecordedSweep | None = None,
        report: Callable[["Sweep"], Any] = lambda sweep: None,
    ):
        self.say = say or (lambda line: None)
        self.stop, self.recorded, self.report = stop, recorded, report
        self.expected: int | None = None
        self.bounds: dict[str, tuple[float, float]] = {}
        self.members: list[Member] = []
        self.records = SweepRecords(command, recorded)
        self.programs: list[dict[str, Any]] = []
        self.failures: list[TrainingError] = []
        self.started = perf_counter()
        self._by_identity: dict[str, Member] = {}
        self._launches = 0
        self._batches = (0, 0)  # of a search: launches of this process, and members in them
        self._said: set[str] = set()  # lines on configurations and data
        self._memo: Memo = {}
        self._warm_starts = WarmStarts()
        self._report_due = 0.0  # on the clock of `perf_counter`

    @property
    def spec(self) -> RunSpec:
        """The first member's: it says what is one for all of them."""
        return self.members[0].spec

    @pinned()
    def launch(self, requests: Sequence[Requested]) -> list[Member]:
        """Train these members; one that was asked for before is not trained again.

        Returns:
            A member for each request, the same one for the same run.

        Raises:
            PadlError: for all that is wrong with any of them, before any is trained.
            What all programs raised, where none came to its end; see `failures` for some of them.
            Stopped: by a signal, when what there is was written.
        """
        if self.recorded:
            self.recorded.check_paths(requests)
        if self.recorded and not self.members:
            self._load(self.recorded)
        specs = self._checked(requests)
        devices = _devices(specs[0])
        if self.expected is not None:
            selection.of_all(specs)
        launched = self._launched(requests, specs)
        programs = self._programs(launched)
        for group in programs:
            selection.check_measured(group.members[0].criterion, group.members[0].spec, group.outline.metrics)
        strategies: list[Strategy] = [group.strategy(devices[0]) for group in programs]
        use_compilation_cache(specs[0].settings.compilation_cache)
        self.stop.check()
        self.members += [member for member in dict.fromkeys(launched) if member not in self.members]
        self._launches += 1
        self._say_rules(requests[0])
        self.records.open(self.members, devices, self.expected or len(self.members), self.bounds)
        self._say_notes(requests, specs)
        self._say_plan(launched, programs, strategies, devices, self._batch(len(requests)))
        self._train_all(programs, devices)
        program_snapshots.remove_all(self.records.written_folder, self.members)
        return launched

    def _say_rules(self, request: Requested) -> None:
        """Say, at the first launch, what of the environment's W&B settings does not rule."""
        if not self.records.is_open:
            say_rules(request.config, self.spec)

    def _load(self, recorded: RecordedSweep) -> None:
        """Take the members that an earlier process had; those that have ended with what they came to."""
        specs = check_all(recorded.requests, self._memo)
        recorded.check_same(specs, _devices(specs[0]))
        self.members = self._launched(recorded.requests, specs)
        for member, launch in zip(self.members, recorded.launches, strict=True):
            member.launch = launch
            recorded.restore(member)
        self._launches = max(recorded.launches) + 1

    def launch_and_judge(self, requests: Sequence[Requested]) -> list[float]:
        """Launch members and return the objective of each: infinitely bad for one that diverged."""
        members = self.launch(requests)
        return [selection.or_worst(member.objective, member.criterion.direction) for member in members]

    def _checked(self, requests: Sequence[Requested]) -> list[RunSpec]:
        if not requests:
            raise PadlError("the sweep has no run: one of its ranges or lists is empty")
        specs = check_all(requests, self._memo)
        if specs[0].sweep.over and self.expected is None:
            raise PadlError("sweep.over is for a search: add hydra/sweeper=padl_optuna, or give the keys values")
        return specs

    def _launched(self, requests: Sequence[Requested], specs: Sequence[RunSpec]) -> list[Member]:
        members = []
        for request, spec in zip(requests, specs, strict=True):
            best = BestSoFar(selection.of(spec))
            member = Member(len(self._by_identity), self._launches, request, spec, best)
            members.append(self._by_identity.setdefault(identity(spec, request.values), member))
        return members

    def _programs(self, launched: Sequence[Member]) -> list[Group]:
        """The programs to run. One of an earlier process has all members that it had, those that have ended too.

        Raises:
            PadlError: none of the runs is one of the sweep that goes on.
        """
        new = [member for member in dict.fromkeys(launched) if member not in self.members]
        if self.recorded and self.expected is None and len(new) == len(set(launched)):
            raise PadlError(f"{self.recorded.folder} has none of these runs: start another sweep with padl train -m")
        left = sorted({member.launch for member in launched if member not in new and member.status == "waiting"})
        of_launches = [[member for member in self.members if member.launch == launch] for launch in left]
        return [group for members in [*of_launches, new] for group in groups(members, self._warm_starts)]

    def _say_notes(self, requests: Sequence[Requested], specs: Sequence[RunSpec]) -> None:
        """Say of configurations and data what was not said before."""
        for note in dict.fromkeys(request.note for request in requests if request.note not in {"", *self._said}):
            warn(note)
            self._said.add(note)
        say_notes(specs, self._said)

    def _batch(self, size: int) -> str:
        """`batch 1 of 2: ` of a search, whose launches are batches of trials; "" of a grid, or of a single batch."""
        number, done = self._batches[0] + 1, self._batches[1] + size
        self._batches = (number, done)
        total = number + math.ceil(max(0, (self.expected or 0) - done) / size)
        return f"batch {number} of {total}: " if total > 1 else ""

    def _say_plan(
        self,
        launched: Sequence[Member],
        programs: list[Group],
        strategies: Sequence[Strategy],
        devices: list[Device],
        batch: str,
    ) -> None:
        different = list(dict.fromkeys(launched))
        ended = sum(member.status != "waiting" for member in different)
        repeated = len(launched) - len(different) + (0 if self.recorded else ended)
        if repeated:
            self.say(f"{_count(repeated, 'run')} asked for more than once: each is run once")
        if self.recorded and ended:
            self.say(f"{_count(ended, 'run')} had ended, not run again")
        if ended < len(different):
            self.say(batch + _plan_line(len(different) - ended, programs, strategies, devices))

    def _train_all(self, programs: list[Group], devices: list[Device]) -> None:
        progress = SweepProgress(self.spec.settings.progress if is_writer() else "none")
        failed_before = len(self.failures)
        with closing(progress):
            bars = [progress.begin(self._name(group), group.steps) for group in programs]
            progress.begin_all(f"all {sum(len(group.members) for group in programs):,} runs")
            for group, bar in zip(programs, bars, strict=True):
                parts = group.members[0].spec.parts
                with self._failing_alone(group), ExitStack() as running, one_line_in_training(parts):
                    self._train(group, devices, progress, bar, running)
                self.stop.check()
        if programs and len(self.failures) - failed_before == len(programs):
            raise self.failures[-1]

    @contextmanager
    def _failing_alone(self, group: Group) -> Iterator[None]:
        """Let a program that raises cost its own members, and a line; the others are run."""
        try:
            yield
        except TrainingError as error:
            self.failures.append(error)
            warn(f"{self._name(group)} failed: {error}")

    def _train(
        self, group: Group, devices: list[Device], progress: SweepProgress, bar: int, running: ExitStack
    ) -> None:
        progress.compiling(bar)
        run = ProgramRun(group, devices, self.records, self.stop)
        step = group.outline
        with (
            few_threads(step.operations, step.widest, devices[0], len(devices)),
            Watchdog(devices[0].platform == "cpu") as watchdog,
        ):
            for done in run.train(running, partial(watchdog.watch, program=self._name(group))):
                self._report_when_due()
                progress.update(bar, self._name(group), done, group.steps, self._news(group))
        self.programs.append(run.described)

    def _report_when_due(self) -> None:
        """Write what the sweep has come to: at its first rows, then for at most a fiftieth of the time."""
        begun = perf_counter()
        if begun >= self._report_due:
            self.report(self)
            self._report_due = perf_counter() + max(REPORT_SECONDS, 50 * (perf_counter() - begun))

    def _name(self, group: Group) -> str:
        label = group.label or self.spec.title.partition(",")[0]
        return f"{label}, {_count(len(group.members), 'run')}"

    def _news(self, group: Group) -> str:
        """Best value so far, and how many diverged."""
        metric, direction = group.members[0].criterion
        best = selection.best([member.best.value for member in group.members], direction)
        diverged = sum(member.status == "diverged" for member in group.members)
        words = [f"best {metric.partition('/')[2]} {best:.4g}"] if math.isfinite(best) else []
        return "  ".join([*words, *([f"{diverged} diverged"] if diverged else [])])


def _devices(spec: RunSpec) -> list[Device]:
    settings = spec.settings
    if not spec.sweep.exact:
        mesh.a_device_for_each_core(settings.device, settings.devices, warn)
    return mesh.devices(settings.device, settings.devices)


def _plan_line(runs: int, programs: list[Group], strategies: Sequence[Strategy], devices: list[Device]) -> str:
    """`8 runs in 2 programs (adam: 4, sgd: 4), vmap over 2 cpu devices`."""
    labels = ", ".join(f"{group.label}: {len(group.members)}" for group in programs if group.label)
    different = list(dict.fromkeys(strategies))
    together = f"{' and '.join(different)} over {_count(len(devices), f'{devices[0].platform} device')}"
    how = "one by one on one device" if different == ["alone"] else together
    return f"{_count(runs, 'run')} in {_count(len(programs), 'program')}{f' ({labels})' if labels else ''}, {how}"


def _count(n: int, word: str) -> str:
    return f"{n:,} {word}{'' if n == 1 else 's'}"
