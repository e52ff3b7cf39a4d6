"""The console: a live line while a run or a sweep goes, in a notebook too; plain lines where there is no terminal.

rich decides about colours, and respects NO_COLOR. Progress goes to standard error, and costs a run nothing where that
is closed, read by nobody or on a full disk.
"""

import contextlib
import io
import sys
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any, Literal

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TaskProgressColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from padl.notebook import is_notebook
from padl.runs.notebook_line import NotebookLine
from padl.runs.sink import Row

PLAIN_SECONDS = 5.0  # between two plain lines
Style = Literal["auto", "live", "plain", "none"]


class Output(Console):
    """A console that leaves a closed pipe to the command, where rich would end the process with 1."""

    def on_broken_pipe(self) -> None:
        """Called by rich where nobody reads any more."""
        raise BrokenPipeError


class StandardError(io.TextIOBase):
    """Standard error as it was when this was made; what cannot be written there is dropped."""

    def __init__(self) -> None:
        stream = sys.stderr or io.StringIO()  # None where it was closed before the start
        self.stream = getattr(stream, "rich_proxied_file", stream)  # beneath another live line

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    @property
    def encoding(self) -> str:
        """As rich asks for it."""
        return getattr(self.stream, "encoding", None) or "utf-8"

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return not self.stream.closed and self.stream.isatty()

    def fileno(self) -> int:
        """The number by which the system knows it."""
        return self.stream.fileno()

    def write(self, text: str) -> int:
        """Write, if it can be."""
        with contextlib.suppress(OSError, ValueError):
            self.stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, if it can be."""
        with contextlib.suppress(OSError, ValueError):
            self.stream.flush()


class ConsoleProgress:
    """Shows the progress of a run: step, training loss, metrics, steps per second, time left.

    Args:
        steps: of the whole run. metrics: names of those shown, as measured on the held-out rows.
        style: "live" is one line that changes, "plain" a line now and then; "auto" is live on a terminal and in a
            notebook.
    """

    def __init__(self, steps: int, metrics: Sequence[str], style: Style = "auto"):
        self.steps = steps
        self.names = {"train/loss": "loss", **{f"eval/{name}": name for name in metrics if name != "loss"}}
        self.console = _progress_output()
        self.notebook = NotebookLine() if _is_in_notebook(style) else None
        self.live = _live_line(self.console, steps) if _is_live(style, self.console) else None
        self.started = self.printed = monotonic()
        self.first_step = 0
        self.values: dict[str, float] = {}

    def write(self, step: int, row: Row) -> None:
        """Show a row."""
        if not self.first_step:
            self.first_step, self.started = step, monotonic()  # the rate leaves the first chunk out: it was compiling
        self.values |= {name: row[key] for key, name in self.names.items() if key in row}
        seconds = monotonic() - self.started
        rate = (step - self.first_step) / seconds if seconds > 0 else 0.0
        text = "  ".join(f"{name} {self.values[name]:.4g}" for name in self.names.values() if name in self.values)
        if self.live:
            rated = f"{rate:,.0f} steps/s"
            self.live.update(self.live.task_ids[0], completed=step, text=text, rate=rated, compiling=False)
        elif self.notebook:
            self.notebook.show(self._line(step, text, rate))
        elif step >= self.steps or step == self.first_step or monotonic() - self.printed > PLAIN_SECONDS:
            self.printed = monotonic()
            self.console.print(self._line(step, text, rate), markup=False, highlight=False, soft_wrap=True)

    def _line(self, step: int, text: str, rate: float) -> str:
        left = f"{(self.steps - step) / rate:.0f} s left" if rate else ""
        parts = [f"step {step}/{self.steps}", text, f"{rate:,.0f} steps/s" if rate else "", left]
        return "  ".join(p for p in parts if p)

    def close(self, summary: Mapping[str, Any]) -> None:
        """Take the live line away; a notebook keeps its last."""
        if self.live:
            self.live.stop()
        if self.notebook:
            self.notebook.close()


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table on standard error: texts as they are, no markup."""
    table = Table(header_style="bold")
    for column in columns:
        table.add_column(escape(column))
    for row in rows:
        table.add_row(*map(escape, row))
    Output(stderr=True).print(table)


class Working:
    """Shows on a terminal that something is done, and for how many seconds; nothing elsewhere, and where it is left.

    Args:
        text: what is done, "walking 6 optimizers". style: as of `ConsoleProgress`; of lines there are none here.
    """

    def __init__(self, text: str, style: Style = "auto"):
        console = _progress_output()
        self.live: Progress | None = None
        if _is_live(style, console):
            columns = [SpinnerColumn(), "{task.description}", _Seconds()]
            self.live = Progress(*columns, console=console, transient=True)
            self.live.add_task(escape(text), total=None)

    def say(self, text: str) -> None:
        """Say what is done now."""
        if self.live:
            self.live.update(self.live.task_ids[0], description=escape(text))

    def __enter__(self) -> "Working":
        if self.live:
            self.live.start()
        return self

    def __exit__(self, *_: Any) -> None:
        if self.live:
            self.live.stop()


class _Seconds(ProgressColumn):
    """`12 s` since a task began; `compiling 12 s` of one that compiles, and nothing after that."""

    def render(self, task: Task) -> Text:
        """Called by rich, several times in a second."""
        seconds = f"{task.elapsed or 0.0:.0f} s"
        compiling = task.fields.get("compiling")
        return Text(seconds if compiling is None else f"compiling {seconds}" if compiling else "")


class SweepProgress:
    """Shows the progress of a sweep: one line for each of its programs and one for all of them, live on a terminal; one
    in a notebook."""

    def __init__(self, style: Style):
        self.console, self.style = _progress_output(), style
        self.live: Progress | None = None
        self.notebook = NotebookLine() if _is_in_notebook(style) else None
        self.printed = monotonic()
        self.totals: list[int] = []  # steps of each program
        self.done: dict[int, int] = {}  # of them
        self.all: TaskID | None = None  # the line for all programs
        if _is_live(style, self.console):
            bar = [BarColumn(20), TaskProgressColumn(), "{task.fields[text]}", _Seconds(), "eta", TimeRemainingColumn()]
            self.live = Progress("{task.description}", *bar, console=self.console, transient=True)
            self.live.start()

    def begin(self, label: str, total: int) -> int:
        """Announce a program of `total` steps of members; returns its number."""
        self.printed = monotonic()
        self.totals.append(total)
        if self.live:
            self.live.add_task(escape(label), total=total, text="waiting", start=False, compiling=False)
        return len(self.totals) - 1

    def begin_all(self, label: str) -> None:
        """Announce the line for all programs, where there are several."""
        if self.live and len(self.totals) > 1:
            self.all = self.live.add_task(escape(label), total=sum(self.totals), text="", compiling=False)

    def compiling(self, number: int) -> None:
        """Show that a program is compiled."""
        if self.live:
            self.live.start_task(TaskID(number))
            self.live.update(TaskID(number), text="", compiling=True)

    def update(self, number: int, label: str, done: int, total: int, text: str) -> None:
        """Show how far a program is, and what is to be said of it."""
        self.done[number] = done
        share = sum(self.done.values()) / sum(self.totals) if len(self.totals) > 1 else None
        if self.live:
            self.live.update(TaskID(number), completed=done, text=text, compiling=False)
            if self.all is not None:
                self.live.update(self.all, completed=sum(self.done.values()))
        elif self.notebook:
            self.notebook.show(_sweep_line(label, done, total, text, share))
        elif self.style != "none" and (done >= total or monotonic() - self.printed > PLAIN_SECONDS):
            self.printed = monotonic()
            line = _sweep_line(label, done, total, text, share)
            self.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Take the live lines away; a notebook keeps its last."""
        if self.live:
            self.live.stop()
        if self.notebook:
            self.notebook.close()


def _sweep_line(label: str, done: int, total: int, text: str, share: float | None) -> str:
    of_all = "" if share is None else f"  ({share:.0%} of all)"
    return f"{label}  {done / total:.0%}{of_all}  {text}".rstrip()


def _progress_output() -> Output:
    stream: Any = StandardError()
    return Output(file=stream, force_jupyter=False)  # rich's own line in a notebook would need widgets


def _is_in_notebook(style: Style) -> bool:
    return style in ("auto", "live") and is_notebook()


def _is_live(style: Style, console: Console) -> bool:
    return not is_notebook() and (style == "live" or (style == "auto" and console.is_terminal))


def _live_line(console: Console, steps: int) -> Progress:
    columns = ["step", MofNCompleteColumn(), BarColumn(20), "{task.fields[text]}", "{task.fields[rate]}", _Seconds()]
    live = Progress(*columns, "eta", TimeRemainingColumn(), console=console, transient=True)
    live.add_task("training", total=steps, text="", rate="", compiling=True)
    live.start()
    return live
