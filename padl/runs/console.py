"""The console: a live line while a run goes, plain lines where there is no terminal.

rich decides about colours, and respects NO_COLOR. Progress goes to standard error.
"""

from collections.abc import Mapping
from time import monotonic
from typing import Any, Literal

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TaskProgressColumn, TimeRemainingColumn

from padl.runs.sink import Row

PLAIN_SECONDS = 5.0  # between two plain lines
SHOWN = {"train/loss": "loss", "eval/accuracy": "accuracy", "eval/rmse": "rmse", "eval/distance": "distance"}
Style = Literal["auto", "live", "plain", "none"]


class Output(Console):
    """A console that leaves a closed pipe to the command, where rich would end the process with 1."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


class ConsoleProgress:
    """Progress: step, loss, the metric, steps per second, time left."""

    def __init__(self, steps: int, style: Style = "auto"):
        self.steps = steps
        self.console = Output(stderr=True)
        live = style == "live" or (style == "auto" and self.console.is_terminal)
        self.live = _live_line(self.console, steps) if live else None
        self.started = self.spoken = monotonic()
        self.first_step = 0
        self.shown: dict[str, float] = {}

    def write(self, step: int, row: Row) -> None:
        if not self.first_step:
            self.first_step, self.started = step, monotonic()  # the rate leaves the first chunk out: it was compiling
        self.shown |= {name: row[key] for key, name in SHOWN.items() if key in row}
        seconds = monotonic() - self.started
        rate = (step - self.first_step) / seconds if seconds > 0 else 0.0
        text = "  ".join(f"{name} {self.shown[name]:.4g}" for name in SHOWN.values() if name in self.shown)
        if self.live:
            self.live.update(self.live.task_ids[0], completed=step, text=text, rate=f"{rate:,.0f} steps/s")
        elif step >= self.steps or step == self.first_step or monotonic() - self.spoken > PLAIN_SECONDS:
            self.spoken = monotonic()
            left = f"{(self.steps - step) / rate:.0f} s left" if rate else ""
            parts = [f"step {step}/{self.steps}", text, f"{rate:,.0f} steps/s" if rate else "", left]
            self.console.print("  ".join(p for p in parts if p), highlight=False, soft_wrap=True)

    def close(self, summary: Mapping[str, Any]) -> None:
        if self.live:
            self.live.stop()


def _live_line(console: Console, steps: int) -> Progress:
    texts = ["{task.fields[text]}", "{task.fields[rate]}", "eta"]
    columns = ["step", MofNCompleteColumn(), BarColumn(20), *texts, TimeRemainingColumn()]
    live = Progress(*columns, console=console, transient=True)
    live.add_task("training", total=steps, text="", rate="compiling")
    live.start()
    return live


class SweepProgress:
    """Progress of a sweep: one line for each of its programs, live on a terminal."""

    def __init__(self, style: Style):
        self.console, self.style = Output(stderr=True), style
        self.live: Progress | None = None
        self.spoken = monotonic()
        if style == "live" or (style == "auto" and self.console.is_terminal):
            texts = ["{task.description}", "{task.fields[text]}", "eta"]
            columns = [texts[0], BarColumn(20), TaskProgressColumn(), texts[1], texts[2], TimeRemainingColumn()]
            self.live = Progress(*columns, console=self.console, transient=True)
            self.live.start()

    def begin(self, label: str, total: int) -> int:
        """A program of `total` member-steps is to come; returns its number."""
        self.spoken = monotonic()
        return self.live.add_task(label, total=total, text="waiting", start=False) if self.live else 0

    def compiling(self, number: int) -> None:
        if self.live:
            self.live.start_task(TaskID(number))
            self.live.update(TaskID(number), text="compiling")

    def update(self, number: int, label: str, done: int, total: int, text: str) -> None:
        if self.live:
            self.live.update(TaskID(number), completed=done, text=text)
        elif self.style != "none" and (done >= total or monotonic() - self.spoken > PLAIN_SECONDS):
            self.spoken = monotonic()
            self.console.print(f"{label}  {done / total:.0%}  {text}", highlight=False, soft_wrap=True)

    def close(self) -> None:
        if self.live:
            self.live.stop()
