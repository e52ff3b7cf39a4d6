"""The run folder: config.yaml env.json metrics.jsonl summary.json status.json curves.png checkpoint/

Its files are written here and read back here. No secret gets in: see `redaction.redact`.
"""

import errno
import json
import math
import os
import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from padl.runs import writing
from padl.runs.processes import agreed, is_writer
from padl.runs.redaction import redact
from padl.types import PadlError


def create(root: str | Path, label: str) -> Path:
    """Make a new folder `root/<UTC time>-<label>-<random>`; no other run can get the same, whenever it starts.

    Where several processes are one run, each must call it: the first makes the folder, and all return its name.

    Raises:
        PadlError: it cannot be made there.
    """
    seconds, number = agreed([int(time.time()), secrets.randbits(24)])
    stamp = datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%d-%H%M%S")
    folder = Path(root).expanduser().absolute() / f"{stamp}-{label}-{number:06x}"
    (error_number,) = agreed([_make(folder) if is_writer() else 0])  # the others must not wait for one that gave up
    if error_number:
        reason = os.strerror(error_number)
        raise PadlError(f"run.dir={root!r}: no folder can be made there ({reason}): give another run.dir")
    return folder


def _make(folder: Path) -> int:
    """Make a folder that must not exist; returns the number of the system's error, 0 for none."""
    try:
        folder.mkdir(parents=True, exist_ok=False)
    except OSError as error:
        return error.errno or errno.EIO
    return 0


def write_start(folder: Path, config: Mapping[str, Any], env: str, durable: bool = True) -> None:
    """Write what is known before a run starts: config.yaml, and env.json, `to_json` of its `environment`."""
    write_config(folder, config, durable)
    write_text(folder / "env.json", env, durable)


def write_config(folder: Path, config: Mapping[str, Any], durable: bool = True) -> None:
    """Write config.yaml; `durable` as in `write_bytes`."""
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text = yaml.dump(redact(config), Dumper=dumper, sort_keys=False, allow_unicode=True)
    write_text(folder / "config.yaml", text, durable)


def write_json(file: Path, content: Any, durable: bool = True) -> None:
    """Write `to_json` of the content; `durable` as in `write_bytes`."""
    write_text(file, to_json(content), durable)


def write_text(file: Path, text: str, durable: bool = True) -> None:
    """Write a text in UTF-8; `durable` as in `write_bytes`."""
    write_bytes(file, text.encode(), durable)


def write_bytes(file: Path, content: bytes, durable: bool = True) -> None:
    """Write a file.

    Args:
        durable: at once, so that a reader sees the old or the new content, never a part, and it outlives the end of the
            machine; takes several times as long, which the members of a sweep cannot afford.
    """
    writing.write(file, content, durable)


def sync(folder: Path) -> None:
    """Wait until the names in a folder are on the disk."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def to_json(content: Any) -> str:
    """Return a JSON text without secrets, and without numbers that JSON has no words for."""
    return json.dumps(redact(strict(content)), indent=2, allow_nan=False) + "\n"


def strict(value: Any) -> Any:
    """Replace numbers that JSON has no words for by "NaN", "Infinity", "-Infinity", which `float` reads back."""
    if isinstance(value, Mapping):
        return {str(k): strict(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [strict(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def read_config(folder: Path) -> dict[str, Any]:
    """Read config.yaml; raises PadlError where `folder` holds no run."""
    try:
        return yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise PadlError(f"{folder} is not the folder of a run: its config.yaml cannot be read") from error


def read_json(file: Path) -> Any:
    """Read a file of the folder; raises PadlError where it is missing or damaged."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PadlError(
            f"{file} cannot be read ({type(error).__name__}): the run is not finished, or damaged"
        ) from error


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """Read the rows of metrics.jsonl; a last line that a crash left incomplete is passed over."""
    try:
        lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    except OSError as error:
        raise PadlError(
            f"{folder} has no readable metrics.jsonl ({error.strerror}): is it the folder of a run?"
        ) from error
    return [{k: _number(v) for k, v in json.loads(line).items()} for line in lines if line.endswith("\n")]


def _number(value: Any) -> Any:
    return float(value) if value in ("NaN", "Infinity", "-Infinity") else value
