"""scripts/slurm.sh: a job that is stopped is queued again, and goes on. With stand-ins for sbatch and scontrol."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from padl.runs import run_folder, status

SCRIPT = Path(__file__).parents[1] / "scripts" / "slurm.sh"
WORDS = ("task=surface", "steps=100000000", "seed=%a", "progress=none", "wandb.mode=disabled", "run.plot=false")


@pytest.fixture
def job(tmp_path):
    """Runs the script as sbatch would, as number 3 of an array."""
    tools = {"padl": f'exec "{sys.executable}" -m padl "$@"', "scontrol": f'echo "$@" >> "{tmp_path}/asked"'}
    for name, line in tools.items():
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    slurm = {"SLURM_JOB_ID": "8", "SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "3"}
    path = {"PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    return lambda: subprocess.Popen(
        ["bash", str(SCRIPT), *WORDS],
        env={**os.environ, **slurm, **path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def rows(folder):
    files = list(folder.glob("runs/slurm-7_3/*/metrics.jsonl"))
    return files[0].read_text().count("\n") if files else 0


def stop_after_more_rows(process, folder):
    before = rows(folder)
    for _ in range(600):
        if rows(folder) > before:
            break
        assert process.poll() is None, process.communicate()
        threading.Event().wait(0.1)
    process.send_signal(signal.SIGUSR1)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out


def test_a_job_that_is_stopped_is_queued_again_and_goes_on(job, tmp_path):
    with job() as process:
        stop_after_more_rows(process, tmp_path)
    (folder,) = tmp_path.glob("runs/slurm-7_3/*")
    first = status.read(folder)
    assert (first.status, first.reason) == ("interrupted", "SIGUSR1")
    assert run_folder.read_config(folder)["seed"] == 3
    with job() as process:
        stop_after_more_rows(process, tmp_path)
    assert len(list(tmp_path.glob("runs/slurm-7_3/*"))) == 1  # it went on in the same folder
    assert status.read(folder).step > first.step
    assert (tmp_path / "asked").read_text() == "requeue 8\n" * 2
