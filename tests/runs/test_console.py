"""The console is a sink like the others: what becomes of it, the run goes on, and its exit code is true."""

import errno
import io
import json
import subprocess
import sys

import pytest

from padl.runs.console import ConsoleProgress, SweepProgress, Working
from padl.runs.sink import Sinks, warn

WORDS = (
    "task=surface", "steps=60", "log_every=5", "devices=1", "wandb.mode=disabled", "run.plot=false", "run.save=false",
)  # fmt: skip


class Full:
    """A stream on a full disk."""

    closed, encoding = False, "utf-8"

    def isatty(self):
        return False

    def write(self, *_):
        raise OSError(errno.ENOSPC, "No space left on device")

    flush = fileno = write


@pytest.mark.parametrize("stream", [Full(), None])
def test_progress_that_cannot_be_printed_is_dropped(monkeypatch, stream):
    monkeypatch.setattr(sys, "stderr", stream)
    for style in ("plain", "live"):
        progress = ConsoleProgress(10, ["loss"], style)
        sinks = Sinks(progress)
        sinks.write(5, {"train/loss": 1.0})
        sinks.write(10, {"train/loss": 1.0})
        sinks.close({})
        sweep = SweepProgress(style)
        sweep.update(sweep.begin("adam", 10), "adam", 10, 10, "best")
        sweep.close()
    warn("nobody reads this")


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self):
        return True


def open_terminal(monkeypatch):
    """A terminal as standard error; in the test itself, since pytest puts its own there after the fixtures."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("TERM", "xterm")
    return stream


def test_a_sweep_of_several_programs_has_a_line_for_all_of_them(monkeypatch):
    terminal = open_terminal(monkeypatch)
    progress = SweepProgress("live")
    numbers = [progress.begin(name, 100) for name in ("adam", "sgd")]
    progress.begin_all("all 4 runs")
    progress.compiling(numbers[0])
    progress.live.refresh()
    progress.update(numbers[0], "adam", 50, 100, "best 1")
    progress.live.refresh()
    progress.close()
    text = terminal.getvalue()
    assert "compiling 0 s" in text
    assert [task.completed for task in progress.live.tasks] == [50, 0, 50]
    assert progress.live.tasks[2].total == 200
    assert "all 4 runs" in text


def test_plain_lines_say_the_share_of_all_programs(capsys):
    progress = SweepProgress("plain")
    numbers = [progress.begin(name, 100) for name in ("adam", "sgd")]
    progress.begin_all("all 4 runs")
    progress.update(numbers[0], "adam", 100, 100, "best 1")
    progress.close()
    assert capsys.readouterr().err == "adam  100%  (50% of all)  best 1\n"


def test_a_run_counts_the_seconds_of_compiling_until_its_first_row(monkeypatch):
    terminal = open_terminal(monkeypatch)
    progress = ConsoleProgress(10, ["loss"], "live")
    progress.live.refresh()
    assert "compiling 0 s" in terminal.getvalue()
    progress.write(5, {"train/loss": 1.0})
    terminal.truncate(0)
    progress.live.refresh()
    progress.close({})
    assert "compiling" not in terminal.getvalue()


def test_what_takes_long_shows_a_sign_of_life_on_a_terminal_and_nothing_elsewhere(monkeypatch):
    terminal = open_terminal(monkeypatch)
    with Working("walking") as working:
        working.live.refresh()
        working.say("drawing [x]")
        working.live.refresh()
    assert "walking" in terminal.getvalue()
    assert "drawing [x]" in terminal.getvalue()
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with Working("walking") as working:
        working.say("drawing")
    assert sys.stderr.getvalue() == ""


@pytest.mark.parametrize("redirection", ["2>&1 | head -1", "2>/dev/full", "2>&-", "| head -0"])
@pytest.mark.parametrize("mode", ["", "-m"])
def test_a_run_ends_well_whoever_reads(tmp_path, redirection, mode):
    command = " ".join([sys.executable, "-m", "padl", "train", mode, *WORDS, "progress=plain"])
    script = f"{command} {redirection}; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], stdout=subprocess.DEVNULL, check=False, timeout=120)
    assert done.returncode == 0
    statuses = [json.loads(file.read_text())["status"] for file in tmp_path.glob("runs/**/status.json")]
    assert statuses == ["finished"]


def test_a_diverged_run_says_so_to_nobody(tmp_path):
    words = ["task=digits", *WORDS[1:], "optimizer=sgd", "optimizer.learning_rate=1e20"]
    script = f"{sys.executable} -m padl train {' '.join(words)} | head -0; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=False, timeout=120)
    assert done.returncode == 3


def test_a_full_disk_under_standard_output_is_named():
    script = f"{sys.executable} -m padl train {' '.join(WORDS)} >/dev/full"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 2
    assert "padl: standard output: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
