"""Read an offline W&B run back, by W&B's own command."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

WORDS = [sys.executable, "-m", "wandb", "leet", "inspect", "--json"]


def records(folder: Path) -> list[dict[str, Any]]:
    """Return what the only W&B run below a folder wrote, in its order."""
    (file,) = folder.rglob("*.wandb")
    env = {name: value for name, value in os.environ.items() if not name.startswith("WANDB_")}
    done = subprocess.run([*WORDS, str(file)], capture_output=True, text=True, check=True, timeout=60, env=env)
    return [json.loads(line) for line in done.stdout.splitlines()]


def of_type(folder: Path, kind: str) -> list[dict[str, Any]]:
    """Return the records of one kind: run, history, summary, artifact, exit."""
    return [record[kind] for record in records(folder) if record["type"] == kind]


def exit_code(folder: Path) -> int:
    """Return the exit code that W&B shows a run with."""
    (record,) = of_type(folder, "exit")
    return record.get("exit_code", 0)


def logged(folder: Path) -> dict[str, Any]:
    """Return everything that was logged, by its name; of pictures and tables their parts, as "curves.path"."""
    return {name: value for record in of_type(folder, "history") for name, value in record["item"].items()}
