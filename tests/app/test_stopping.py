"""Signals are requests to stop: real processes, each sent one."""

import signal
import subprocess
import sys
import threading

import pytest

from padl.app.stopping import Stopped, on_signals
from padl.runs import run_folder, snapshots, status

WAITS = """
import signal, sys, time
from padl.app.stopping import on_signals
if "ignore" in sys.argv:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
with on_signals() as stop:
    print("ready", flush=True)
    for _ in range(600):
        time.sleep(0.05)
        if stop.signal and "stubborn" not in sys.argv:
            print(stop.reason, flush=True)
            break
"""


CTRL_C = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # `pytest &` has it ignored


def start(*words, code=WAITS):
    code = CTRL_C + code
    return subprocess.Popen(
        [sys.executable, "-c", code, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_a_signal_is_learned_of_and_what_runs_goes_on_until_it_looks():
    with start() as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGUSR1)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, "SIGUSR1\n")
    assert err == "padl: SIGUSR1: stopping after this call, with the state saved; Ctrl-C again leaves at once\n"


def test_a_second_ctrl_c_leaves_at_once_also_where_nobody_looks():
    with start("stubborn") as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        assert "SIGINT: stopping" in process.stderr.readline()
        process.send_signal(signal.SIGTERM)  # only a second Ctrl-C leaves
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=10)
    assert process.returncode == 130


def test_a_second_ctrl_c_leaves_a_true_status(tmp_path):
    records = "import sys\nfrom pathlib import Path\nfrom padl.runs.status import recording\n"
    held = records + f"with recording(Path({str(tmp_path)!r})):\n" + "".join(f"    {x}\n" for x in WAITS.splitlines())
    with start("stubborn", code=held) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        assert "SIGINT: stopping" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 130
    record = status.read(tmp_path)
    assert (record.status, record.reason) == ("interrupted", "SIGINT")


def test_what_the_process_was_started_to_ignore_stays_ignored():
    with start("ignore") as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=30)
    assert out == "SIGTERM\n"


def test_handlers_come_back_and_another_thread_takes_none():
    before = signal.getsignal(signal.SIGTERM)
    with on_signals() as stop:
        assert signal.getsignal(signal.SIGTERM) is not before
        signal.raise_signal(signal.SIGTERM)
        for _ in range(100):
            if stop.signal:
                break
            threading.Event().wait(0.02)
        assert stop.reason == "SIGTERM"
        with pytest.raises(Stopped):
            stop.check()
    assert signal.getsignal(signal.SIGTERM) is before
    requests = []

    def in_a_thread():
        with on_signals() as stop:
            requests.append(stop.signal)

    thread = threading.Thread(target=in_a_thread)
    thread.start()
    thread.join()
    assert requests == [None]


def test_sigterm_leaves_rows_a_snapshot_and_a_true_status_and_asks_to_be_run_again(tmp_path):
    words = ("train", "task=surface", "steps=100000000", "eval_every=1000", "log_every=1000", "progress=none")
    command = "import sys; from padl.cli.main import console; sys.argv = ['padl', *sys.argv[1:]]; console()"
    with start(*words, "run.dir=runs", "wandb.mode=disabled", code=command) as process:
        for _ in range(600):
            rows = list(tmp_path.glob("runs/*/metrics.jsonl"))
            if rows and rows[0].read_text().count("\n") > 3:
                break
            assert process.poll() is None, process.communicate()
            threading.Event().wait(0.1)
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    folder = rows[0].parent
    assert process.returncode == 75, err
    assert "Traceback" not in err
    record = status.read(folder)
    assert (record.status, record.reason) == ("interrupted", "SIGTERM")
    assert record.step >= run_folder.read_metrics(folder)[-1]["step"] > 0
    assert snapshots.newest(folder / "snapshots").step == record.step
    assert f"padl resume {folder}" in out.replace("\n", "")


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 75)])
def test_a_signal_in_the_imports_is_one_line(sent, code):
    script = """
import signal, sys
from padl.cli import main
def importing(arguments):
    print("importing", flush=True)
    import jax, flax.nnx, optax, wandb, time
    time.sleep(30)
main.main = importing
main.console()
"""
    with start(code=script) as process:
        assert process.stdout.readline() == "importing\n"
        threading.Event().wait(0.2)
        process.send_signal(sent)
        _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (code, "padl: stopped\n")
