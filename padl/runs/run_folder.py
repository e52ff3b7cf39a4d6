"""The run folder: config.yaml env.json metrics.jsonl summary.json status.json manifest.json curves.png checkpoint/

A table adds data.json. Its files are written here and read back here, however damaged; run_files.py holds those that
numbers depend on against manifest.json. No secret gets in: see `redaction.redact`.
"""

import errno
import json
import math
import os
import secrets
import time
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from padl import files
from padl.errors import PadlError, one_line
from padl.runs import writing
from padl.runs.processes import agreed, is_writer
from padl.runs.redaction import redact

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the first is ten times as fast
DEEPEST = 50  # levels of a configuration
LONGEST_PART = 100  # bytes; a name may have 255 on most file systems, 143 on some
LARGEST_CONFIG, LARGEST_JSON, LARGEST_METRICS = 2**24, 2**26, 2**31  # bytes of a file that is read whole


def create(root: str | Path, label: str) -> Path:
    """Make a new folder `root/<UTC time>-<label>-<random>`; no other run can get the same, whenever it starts.

    Where several processes are one run, each must call it: the first makes the folder, and all return its name.

    Raises:
        PadlError: it cannot be made there.
    """
    seconds, number = agreed([int(time.time()), secrets.randbits(24)])
    stamp = datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%d-%H%M%S")
    try:
        place = Path(root).expanduser().absolute()
    except RuntimeError as error:  # ~stranger/runs
        raise PadlError(f"run.dir={str(root)!r}: this machine knows no such user: give another run.dir") from error
    folder = place / f"{stamp}-{as_file_name(label)}-{number:06x}"
    (error_number,) = agreed([_make(folder) if is_writer() else 0])  # the others must not wait for one that gave up
    if error_number:
        reason = os.strerror(error_number)
        raise PadlError(f"run.dir={root!r}: no folder can be made there ({reason}): give another run.dir")
    return folder


def as_file_name(words: str) -> str:
    """Return words as a part of a file's name, no longer than one may be: what is neither letter nor digit as `_`."""
    words = "".join(c if c.isalnum() or c in "=,.+-_" else "_" for c in unicodedata.normalize("NFC", words))
    return words.encode()[:LONGEST_PART].decode(errors="ignore")


def _make(folder: Path) -> int:
    """Make a folder that must not exist; returns the number of the system's error, 0 for none."""
    try:
        folder.mkdir(parents=True, exist_ok=False)
    except OSError as error:
        return error.errno or errno.EIO
    except ValueError:  # a NUL in its name
        return errno.EINVAL
    return 0


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


def to_yaml(config: Mapping[str, Any]) -> str:
    """Return a YAML text of a configuration, without secrets."""
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    return yaml.dump(redact(config), Dumper=dumper, sort_keys=False, allow_unicode=True)


def read_config(folder: Path) -> dict[str, Any]:
    """Read config.yaml; raises PadlError where `folder` holds no run, or the file is damaged."""
    return parse_config(config_content(folder), folder / "config.yaml")


def config_content(folder: Path) -> bytes:
    """Read the bytes of config.yaml; raises PadlError where `folder` holds no run."""
    try:
        return files.read(folder / "config.yaml", LARGEST_CONFIG)
    except OSError as error:
        raise PadlError(f"{folder} is not the folder of a run: {_why_none(folder, error)}") from error


def _why_none(folder: Path, error: OSError) -> str:
    """Why config.yaml was not read, and where to look."""
    with suppress(OSError):
        if isinstance(error, FileNotFoundError) and not folder.exists():
            return "it is not there; 'padl runs' lists those of runs/"
        if first := min(folder.glob("*/config.yaml"), default=None):
            return f"it holds runs, of which one is wanted, as {first.parent}"
    return f"its config.yaml cannot be read ({error.strerror or 'no reason given'})"


def parse_config(content: bytes, file: Path) -> dict[str, Any]:
    """Read a configuration; `file` is what a PadlError names where it is none."""
    try:
        config = _load_plain(content.decode())
    except Exception as error:  # what PyYAML raises for hostile text is of many kinds
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise PadlError(f"{file}{line}: it is damaged, or no configuration ({one_line(error)})") from error
    if not isinstance(config, dict):
        raise PadlError(f"{file}: it is damaged, or no configuration: it holds no keys with values")
    return config


def _load_plain(text: str) -> Any:
    """Load keys with values as JSON has them: no dates, no sets, no two places that are one (which can be a bomb).

    Raises:
        Exception: of many kinds, where the text is hostile.
    """
    depth = 0
    for event in yaml.parse(text, Loader=LOADER):
        if isinstance(event, yaml.AliasEvent):
            raise yaml.YAMLError("it has an alias, *, which no configuration of PADL has")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise yaml.YAMLError(f"it is nested deeper than {DEEPEST} levels")
    data = LOADER(text).get_single_data()
    _check_plain(data)
    return data


def _check_plain(value: Any) -> None:
    """Raise ValueError for what a configuration cannot hold."""
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise ValueError("a key is no text")
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            _check_plain(item)
    elif isinstance(value, int) and abs(value) >= 2**63:
        raise ValueError("a whole number is too large")
    elif value is not None and not isinstance(value, (bool, int, float, str)):
        raise ValueError(f"a value is a {type(value).__name__}")


def read_json(file: Path) -> Any:
    """Read a file of the folder; raises PadlError where it is missing or damaged."""
    try:
        content = files.read(file, LARGEST_JSON)
    except OSError as error:
        raise PadlError(f"{file} cannot be read ({error.strerror}): the run is not finished, or damaged") from error
    return parse_json(content, file)


def parse_json(content: bytes, file: Path) -> Any:
    """Read JSON; `file` is what a PadlError names where it is none."""
    try:
        return json.loads(content.decode())
    except (ValueError, RecursionError) as error:
        raise PadlError(f"{file} is damaged: it is not JSON ({type(error).__name__})") from error


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """Read the rows of metrics.jsonl; a last line that a crash left incomplete is passed over.

    Raises:
        PadlError: there is none, or a line is none that a run writes.
    """
    return parse_metrics(metrics_content(folder), folder / "metrics.jsonl")


def metrics_content(folder: Path) -> bytes:
    """Read metrics.jsonl as it is; raises PadlError where there is none."""
    try:
        return files.read(folder / "metrics.jsonl", LARGEST_METRICS)
    except OSError as error:
        raise PadlError(
            f"{folder} has no readable metrics.jsonl ({error.strerror}): is it the folder of a run?"
        ) from error


def parse_metrics(content: bytes, file: Path) -> list[dict[str, Any]]:
    """Read rows; `file` is what a PadlError names, with the line."""
    lines = content.split(b"\n")[:-1]
    return [_row(line, f"{file}, line {number}") for number, line in enumerate(lines, start=1)]


def _row(line: bytes, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line.decode())
    except (ValueError, RecursionError) as error:
        raise PadlError(f"{where}: it is damaged ({type(error).__name__})") from error
    values = {name: _number(value) for name, value in row.items()} if isinstance(row, dict) else {}
    if type(values.get("step")) is not int or not all(type(x) in (int, float) for x in values.values()):
        raise PadlError(f"{where}: it is damaged: no step and numbers")
    return values


def _number(value: Any) -> Any:
    return float(value) if value in ("NaN", "Infinity", "-Infinity") else value
