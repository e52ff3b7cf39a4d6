"""One run as it goes: its loop, its records, its snapshots, and what it leaves. RunResult, Beginning, Training."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import jax
import numpy as np

from padl.app import artifacts
from padl.app.artifacts import TrainedWeights
from padl.app.debug import overfit
from padl.app.early_stopping import early_stopping
from padl.app.fingerprint import Fingerprint, fingerprint
from padl.app.frames import data_frame
from padl.app.notes import say as say_notes
from padl.app.outputs import give_files, open_wandb, recorded_commit, run_sinks, shown
from padl.app.plan import Plan
from padl.app.plugin_errors import one_line_of_plugins
from padl.app.readable_runs import run_card
from padl.app.saving import Saver, interval
from padl.app.stopping import StopRequest
from padl.app.summary import Rows, columns, summarise
from padl.app.timing import Clock
from padl.app.trained_model import TrainedModel, of_run
from padl.app.watchdog import Watchdog
from padl.engine import loop
from padl.engine.experiment import Pretrained
from padl.engine.lapack import few_threads
from padl.engine.memory import is_out_of_memory
from padl.readable import Card, Readable
from padl.runs import jsonl, snapshots
from padl.runs.fault_points import reach
from padl.runs.jsonl import Jsonl
from padl.runs.processes import is_writer
from padl.runs.recorder import Recorder
from padl.runs.sink import Memory
from padl.runs.snapshots import SnapshotStore
from padl.runs.status import RunStatus, recording
from padl.runs.wandb import Wandb
from padl.types import PadlError, PyTree


@dataclass(repr=False)
class RunResult(Readable):
    """What a run gave. It shows itself in a few lines.

    Attributes:
        status: "finished", "diverged", or "interrupted" by a signal.
        summary: as in summary.json.
        config: every name and value of the run.
        history: arrays over the rows of metrics.jsonl, {name: (rows,)}; NaN where a row has not measured something.
        params, best_params: the final ones, and those with the best evaluation: {name: NumPy array}.
        model: the trained model with the best parameters, to be called with inputs; None for a task without one.
        folder: of the run, None where none was asked for.
        wandb_folder: of its offline W&B run, None without. wandb_url: where an online one is seen, "" without.
        shown: names of the metrics that `plot` draws beside the loss.
    """

    status: str
    summary: dict[str, Any]
    config: dict[str, Any]
    history: dict[str, np.ndarray]
    params: PyTree
    best_params: PyTree
    model: TrainedModel | None
    folder: Path | None
    wandb_folder: Path | None
    shown: Sequence[str] = ()
    wandb_url: str = ""

    def card(self) -> Card:
        """Say what the run came to."""
        return run_card(self.summary, self.folder)

    def to_frame(self) -> Any:
        """Make a `pandas.DataFrame` of the history, a row for each of metrics.jsonl; PadlError without pandas."""
        return data_frame(self.history)

    def plot(self) -> Any:
        """Draw the curves of curves.png; a matplotlib figure, which a notebook shows."""
        return artifacts.figure(self.summary, self.history, self.shown)


@dataclass
class Beginning:
    """What a run begins with; one that goes on, with what was before.

    Attributes:
        pretrained: arrays in the place of fresh ones, () for none. start: the engine's snapshot.
        window: of metrics that was open. rows: of metrics.jsonl so far.
        seconds: that the run has taken. wandb_id: of its W&B run, None for a new one.
    """

    pretrained: Pretrained | tuple[()] = ()
    start: loop.Snapshot | None = None
    window: Mapping[str, Any] | None = None
    rows: Rows = field(default_factory=list)
    seconds: float = 0.0
    wandb_id: str | None = None

    @property
    def step(self) -> int:
        """Updates done."""
        return int(self.start.state.step) if self.start else 0


class Training:
    """A run, from its first call or from a snapshot to its last file.

    Args:
        plan: of the run. folder: of the run, held by this process; None writes nothing.
        clock: of the run. stop: looked at between two calls. beginning: what it begins with.
    """

    def __init__(self, plan: Plan, folder: Path | None, clock: Clock, stop: StopRequest, beginning: Beginning):
        self.plan, self.clock, self.stop, self.beginning = plan, clock, stop, beginning
        self.asked_folder, self.folder = folder, folder if is_writer() else None
        self.memory = Memory()
        self.memory.rows += beginning.rows
        self.early = early_stopping(plan.stop, plan.task.criterion)
        if self.early:
            self.early.replay(beginning.rows)
        self.clock.begun_at = beginning.step
        self.wandb = self._open_wandb(self.folder) if self.folder else None
        self.hunt = _hunt(plan, beginning) if plan.settings.debug == "nan" else None  # with each state in memory
        is_kept = plan.run.save and not self.hunt
        store = SnapshotStore(self.folder / snapshots.FOLDER, plan.run.keep) if self.folder and is_kept else None
        self.saver = Saver(store, interval(plan.run.save_every), stop)

    def _open_wandb(self, folder: Path) -> Wandb | None:
        says_url = self.plan.settings.progress != "none"
        commit = recorded_commit(folder)
        return open_wandb(self.plan, folder, run_id=self.beginning.wandb_id, git=commit, says_url=says_url)

    def run(self) -> RunResult:
        """Train. What cannot be had again is written first: parameters, summary, status; then the picture; W&B last."""
        say_notes([self.plan])
        try:
            summary, weights = self._train()
            if self.folder and self.plan.run.plot and summary["status"] != "interrupted":
                artifacts.draw(self.plan, summary, self.memory.rows, self.folder)
            if self.folder and self.wandb:
                give_files(self.wandb, self.plan, summary, self.folder)
        finally:
            if self.wandb:
                self.wandb.finish()
                self.wandb.wait()
        return RunResult(
            status=summary["status"],
            summary=summary,
            config=self.plan.config,
            history=columns(self.memory.rows),
            params=weights.final.params,
            best_params=weights.best.params,
            model=of_run(self.plan, weights.best),
            folder=self.asked_folder,
            wandb_folder=self.wandb.run_folder if self.wandb else None,
            shown=shown(self.plan),
            wandb_url=self.wandb.url if self.wandb else "",
        )

    def _train(self) -> tuple[dict[str, Any], TrainedWeights]:
        """Run the loop to its end, and write what it gives; the status comes last."""
        with (
            recording(self.folder, step=self.beginning.step) as status,
            one_line_of_plugins(self.plan.parts),
            _advice_where_memory_ends(self.memory),
        ):
            rows = Jsonl(self.folder) if self.folder else None
            last, summary = self._record(status, rows)
            weights = artifacts.trained(last)
            if self.folder and rows:
                artifacts.write(self.plan, weights, summary, rows.written(), self.folder)
            self.saver.close()
            reach("at_the_end")
            status.end(summary["status"], summary["steps"], summary["reason"])
        return summary, weights

    def _record(self, status: RunStatus, rows: Jsonl | None) -> tuple[loop.LastChunk, dict[str, Any]]:
        """Run the loop, and record what it measures; begin to save its last state."""
        plan, step = self.plan, self.beginning.window["step"] if self.beginning.window else 0
        sinks = run_sinks(plan, self.folder, rows, status, self.memory, self.wandb, step)
        with (
            Recorder(plan.settings.log_every, sinks, self.beginning.window) as recorder,
            few_threads(plan.operations, plan.widest, plan.device, plan.device_count),
            Watchdog(plan.device.platform == "cpu") as watchdog,
        ):
            reach("before_the_first_call")
            last = loop.last(self._recorded(recorder, rows, watchdog))
            if last.diverged is None:
                self._save(last.step, loop.Snapshot(last.state, last.best), recorder, rows)
            times = self.clock.times(self.beginning.seconds)
            reason = self.stop.reason if last.stopped else self.early.reason if self.early else ""
            summary = summarise(plan, last, self.memory.rows, times, reason, self._found(last))
            recorder.close(summary)
        return last, summary

    def _recorded(self, recorder: Recorder, rows: Jsonl | None, watchdog: Watchdog) -> Iterator[loop.Chunk]:
        """The chunks of the loop, each recorded, its state saved where that is due."""
        plan, saver = self.plan, self.saver
        chunks = loop.run(
            plan.experiment, plan.key, plan.hparams, plan.data, steps=self._steps(),
            steps_per_call=plan.settings.steps_per_call, eval_every=plan.eval_every, criterion=plan.task.criterion,
            stream=plan.stream, pretrained=self.beginning.pretrained, start=self.beginning.start,
            save_every=saver.steps, control=self._control, ends=self.early and self.early.ends,
        )  # fmt: skip
        for chunk in watchdog.watch(chunks, plan.title, self.beginning.step):
            self.clock.mark(chunk.step)
            if chunk.evaluation:
                reach("after_evaluation")
            ends = isinstance(chunk, loop.LastChunk)
            if self.hunt:
                self.hunt.look(chunk)
            recorder.take(chunk, last=ends and not chunk.stopped)
            if chunk.snapshot and not ends:
                self._save(chunk.step, chunk.snapshot, recorder, rows)
            yield chunk

    def _control(self) -> loop.Control:
        """What is wanted after each call; looking for a NaN wants every state."""
        wanted = self.saver.control()
        return "save" if self.hunt and wanted == "go on" else wanted

    def _found(self, last: loop.LastChunk) -> str:
        """What `debug` found, in words; "" where it looks for nothing, or was stopped."""
        mode = None if last.stopped else self.plan.settings.debug
        if self.hunt and mode:
            return self.hunt.answer()
        if mode == "overfit":
            return overfit.verdict(self.memory.rows, len(self.plan.split.train), self.plan.stop.target)
        if mode == "profile" and last.diverged:
            return "no trace, as the run diverged: debug=nan says where"
        if mode == "profile" and self.asked_folder:
            from padl.app.debug.profile import trace_steps

            return trace_steps(self.plan, loop.Snapshot(last.state, last.best), self.asked_folder)
        return ""

    def _steps(self) -> int:
        """How many steps to do, those before among them: none more where it had only to be closed."""
        return self.beginning.step if self.early and self.early.reason else self.plan.steps

    def _save(self, step: int, snapshot: loop.Snapshot, recorder: Recorder, rows: Jsonl | None) -> None:
        """Begin to save a state, with what the rows have come to."""
        if self.folder is None or rows is None:
            return
        folder = self.folder
        self.saver.save(step, snapshot, lambda: self._about(recorder, rows), lambda: jsonl.sync(folder))

    def _about(self, recorder: Recorder, rows: Jsonl) -> dict[str, Any]:
        """What belongs to a snapshot of now beside its arrays."""
        return {
            "metrics": rows.written()._asdict(),
            "window": recorder.windows.state(),
            "seconds": self.clock.times(self.beginning.seconds).wall,
            "wandb_id": self.wandb.run_id if self.wandb else None,
            "fingerprint": self._fingerprint,
        }

    @cached_property
    def _fingerprint(self) -> Fingerprint:
        """What the numbers of the run depend on."""
        return fingerprint(self.plan, self.plan.device, self.plan.device_count)


def _hunt(plan: Plan, beginning: Beginning) -> Any:
    from padl.app.debug.nonfinite import NonfiniteHunt  # with all that takes a step apart

    return NonfiniteHunt(plan, beginning.pretrained, beginning.start)


@contextmanager
def _advice_where_memory_ends(memory: Memory) -> Iterator[None]:
    """Turn the device's error into a line that says what needs less."""
    try:
        yield
    except (jax.errors.JaxRuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        step = int(memory.rows[-1]["step"]) if memory.rows else 0
        advice = "a smaller batch_size or model, or accumulate=2, needs less"
        raise PadlError(f"out of memory after step {step}: {advice}") from error
