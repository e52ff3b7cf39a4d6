"""The run folder: config.yaml env.json metrics.jsonl summary.json status.json curves.png checkpoint/

Its files are written here and read back here. No secret gets in: see `redact`.
"""

import json
import math
import os
import platform
import re
import secrets
import socket
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import yaml

from padl.types import Device, PadlError

Status = Literal["running", "finished", "diverged", "interrupted", "failed"]
PACKAGES = ("padl", "jax", "jaxlib", "optax", "flax", "hydra-core", "wandb", "numpy")
SECRET = re.compile(r"(^|[^a-z])(key|token|secret|password|passwd|credentials?)$", re.IGNORECASE)  # how its name ends


def create(root: str | Path, label: str) -> Path:
    """A new folder `root/<UTC time>-<label>-<random>`; no other run can get the same, whenever it starts.

    Raises:
        PadlError: it cannot be made there.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    folder = Path(root).expanduser().absolute() / f"{stamp}-{label}-{secrets.token_hex(3)}"
    try:
        folder.mkdir(parents=True, exist_ok=False)
    except OSError as error:
        raise PadlError(
            f"run.dir={root!r}: no folder can be made there ({error.strerror}): give another run.dir"
        ) from error
    return folder


def write_start(folder: Path, config: Mapping[str, Any], env: str, durable: bool = True) -> None:
    """config.yaml, env.json (`to_json` of the `environment`) and the status "running"."""
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text = yaml.dump(redact(config), Dumper=dumper, sort_keys=False, allow_unicode=True)
    write_text(folder / "config.yaml", text, durable)
    write_text(folder / "env.json", env, durable)
    write_status(folder, "running", 0, durable=durable)


def write_status(folder: Path, status: Status, step: int, reason: str = "", durable: bool = True) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    told = {"status": status, "step": step, "reason": reason, "time": now, "pid": os.getpid()}
    write_json(folder / "status.json", told, durable)


def write_json(file: Path, content: Any, durable: bool = True) -> None:
    write_text(file, to_json(content), durable)


def to_json(content: Any) -> str:
    """Without secrets, and without numbers that JSON has no words for."""
    return json.dumps(redact(strict(content)), indent=2, allow_nan=False) + "\n"


def write_text(file: Path, text: str, durable: bool = True) -> None:
    write_bytes(file, text.encode(), durable)


def write_bytes(file: Path, content: bytes, durable: bool = True) -> None:
    """Write a file.

    Args:
        durable: at once, so that a reader sees the old or the new content, never a part, and it outlives the end of the
            machine; several times as long, which the members of a sweep have not.
    """
    if not durable:
        file.write_bytes(content)
        return
    part = file.with_name(file.name + ".part")
    with part.open("wb") as handle:
        handle.write(content)
        handle.flush()
        os.fsync(handle.fileno())
    part.replace(file)


def read_config(folder: Path) -> dict[str, Any]:
    """config.yaml as a dict; PadlError where `folder` holds no run."""
    try:
        return yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise PadlError(f"{folder} is not the folder of a run: its config.yaml cannot be read") from error


def read_json(file: Path) -> Any:
    """A file of the folder; PadlError where it is missing or damaged."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PadlError(
            f"{file} cannot be read ({type(error).__name__}): the run is not finished, or damaged"
        ) from error


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """The rows of metrics.jsonl; a last line that a crash left incomplete is passed over."""
    try:
        lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    except OSError as error:
        raise PadlError(
            f"{folder} has no readable metrics.jsonl ({error.strerror}): is it the folder of a run?"
        ) from error
    return [{k: _number(v) for k, v in json.loads(line).items()} for line in lines if line.endswith("\n")]


def strict(value: Any) -> Any:
    """Numbers that JSON has no words for as the strings "NaN", "Infinity", "-Infinity": `float` reads them back."""
    if isinstance(value, Mapping):
        return {str(k): strict(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [strict(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def _number(value: Any) -> Any:
    return float(value) if value in ("NaN", "Infinity", "-Infinity") else value


def environment(device: Device, count: int, command: list[str]) -> dict[str, Any]:
    """Versions, device, commit and command: what is needed to run it again."""
    return {
        "command": [redact_argument(word) for word in command],
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in PACKAGES if _installed(name)},
        "device": {"platform": device.platform, "kind": device.device_kind, "count": count},
        "machine": {"system": platform.platform(), "cores": os.cpu_count(), "host": socket.gethostname()},
        "git": git_commit(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "xla_flags": os.environ.get("XLA_FLAGS", ""),
    }


def _installed(name: str) -> bool:
    try:
        return bool(metadata.version(name))
    except metadata.PackageNotFoundError:
        return False


def git_commit() -> dict[str, Any] | None:
    """The commit of the checkout that PADL runs from, and whether files differ from it; None outside a checkout."""
    here = Path(__file__).resolve().parent
    try:
        git = ["git", "-C", str(here)]
        top = subprocess.run(
            [*git, "rev-parse", "--show-toplevel"], capture_output=True, text=True, timeout=5, check=True
        )
        if Path(top.stdout.strip()) != here.parents[1]:
            return None  # installed inside somebody else's repository
        commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, timeout=5, check=True)
        changes = subprocess.run([*git, "status", "--porcelain"], capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return {"commit": commit.stdout.strip(), "dirty": bool(changes.stdout.strip())}


def redact(value: Any) -> Any:
    """`value` with every secret replaced by ***: what stands under a key that names one, and the values of the
    environment's variables that do, wherever they occur."""
    return _without(value, _secrets())


def _without(value: Any, secrets: list[str]) -> Any:
    if isinstance(value, Mapping):
        hidden = lambda k, v: isinstance(v, str) and v and _is_secret(str(k))  # noqa: E731
        return {k: "***" if hidden(k, v) else _without(v, secrets) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without(v, secrets) for v in value]
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, "***")
    return value


def redact_argument(word: str) -> str:
    """An argument of a command line, without the secret of `some.key=secret`."""
    key, equals, _ = word.partition("=")
    return f"{key}=***" if equals and SECRET.search(key) else redact(word)


def _secrets() -> list[str]:
    found = [os.environ.get(name, "") for name in os.environ if _is_secret(name)]
    return [value for value in found if len(value) >= 8]


@cache
def _is_secret(name: str) -> bool:
    return bool(SECRET.search(name))
