"""Run PADL as a stranger's process does: no variable of the tests, an empty home, another folder."""

import os
import subprocess
import sys
from pathlib import Path

OF_THE_TESTS = ("XLA_", "JAX_", "PADL_", "WANDB_", "HYDRA_", "PYTEST_", "XDG_", "MPL")


def clean(home: Path) -> dict[str, str]:
    """The environment without what the tests set in it, and with a home of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OF_THE_TESTS)}
    return kept | {"HOME": str(home)}


def python(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run Python with these words in the folder `home`; fails with what it printed unless it ends with 0."""
    done = subprocess.run(
        [sys.executable, *words], env=clean(home), cwd=home, capture_output=True, text=True, timeout=170, check=False
    )
    assert done.returncode == 0, f"{words} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
