"""The console is a sink like the others: what becomes of it, the run goes on, and its exit code is true."""

import errno
import json
import subprocess
import sys

import pytest

from padl.runs.console import ConsoleProgress, SweepProgress
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
