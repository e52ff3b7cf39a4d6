"""The files of a run that its numbers depend on, held against manifest.json: written, and read back to be used.

config.yaml, env.json, data.json of a table and a sweep member's overrides.json are listed from the start of a run,
metrics.jsonl and summary.json at its end.

write_start, write_end, verified_config, stored_config, verified_metrics, verified_json.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from padl.errors import PadlError
from padl.runs import jsonl, manifest
from padl.runs.run_folder import (
    LARGEST_JSON,
    config_content,
    metrics_content,
    parse_config,
    parse_json,
    parse_metrics,
    read_json,
    to_json,
    to_yaml,
)
from padl.runs.sink import warn

PYTHON = "python.json"  # what came from Python, with its source
TITLE = "title.json"  # what the run is called, and what of it is not as usual


class StoredConfig(NamedTuple):
    """What config.yaml says.

    Attributes:
        values: of every key. is_as_written: by the manifest; None where the folder has none.
    """

    values: dict[str, Any]
    is_as_written: bool | None


def write_start(
    folder: Path,
    config: Mapping[str, Any],
    env: str,
    others: Mapping[str, Any] | None = None,
    durable: bool = True,
) -> None:
    """Write what is known before a run starts, and the manifest last.

    Args:
        env: `to_json` of its `environment`.
        others: {file name: content as JSON} of what else is listed: a sweep member's overrides.json, as typed;
            data.json, how data were read and encoded; python.json, what came from Python.
        durable: as in `run_folder.write_bytes`.
    """
    contents = {"config.yaml": to_yaml(config).encode(), "env.json": env.encode()}
    contents |= {name: to_json(content).encode() for name, content in (others or {}).items()}
    manifest.write(folder, contents, durable=durable)


def write_end(folder: Path, summary: Mapping[str, Any], metrics: jsonl.Written, durable: bool = True) -> None:
    """Write summary.json, and list it and metrics.jsonl, which is complete, in the manifest.

    Args:
        metrics: what was written of metrics.jsonl. durable: as in `run_folder.write_bytes`.
    """
    others = {jsonl.NAME: metrics.sha256} if (folder / jsonl.NAME).is_file() else {}
    try:
        listed = manifest.entries(folder)
        if "config.yaml" not in listed:
            warn(f"{folder / manifest.NAME} was removed while the run went on: config.yaml is no longer guarded")
        others = {**listed, **others}
    except PadlError as error:
        warn(f"{error}; what was written as the run began is no longer guarded")
    manifest.write(folder, {"summary.json": to_json(summary).encode()}, others, durable)


def stored_config(folder: Path) -> StoredConfig:
    """Read the configuration of a run, be it edited.

    Raises:
        PadlError: no run there, or its config.yaml or manifest.json is damaged.
    """
    content, file = config_content(folder), folder / "config.yaml"
    as_written = not manifest.difference_from_written(file, content) if manifest.is_guarded(folder) else None
    return StoredConfig(parse_config(content, file), as_written)


def verified_config(folder: Path) -> dict[str, Any]:
    """Read the configuration that a run was trained with. A folder without a manifest is read, with a line.

    Raises:
        PadlError: no run there, or its config.yaml was edited or is damaged.
    """
    content, file = config_content(folder), folder / "config.yaml"
    if not manifest.is_guarded(folder):
        warn(f"{folder} has no manifest.json: nothing says whether its files are as the run wrote them")
        return parse_config(content, file)
    difference = manifest.difference_from_written(file, content)
    if difference:
        raise PadlError(
            f"{difference}: it was edited or is damaged, and the run's parameters are not those of what it says now:"
            f" put it back, or train what it says with `padl rerun {folder}`"
        )
    return parse_config(content, file)


def python_things(folder: Path) -> dict[str, Any]:
    """Read what of a run came from Python, {kind: what is known of it}; {} where nothing did.

    Raises:
        PadlError: its python.json was edited or is damaged.
    """
    return verified_json(folder / PYTHON) if (folder / PYTHON).is_file() else {}


def verified_metrics(folder: Path) -> list[dict[str, Any]]:
    """Read the rows of a run, `read_metrics`, which of one that ended are as it wrote them.

    Raises:
        PadlError: there are none, or they were edited or are damaged: in which line, where it can be told.
    """
    content, file = metrics_content(folder), folder / jsonl.NAME
    rows = parse_metrics(content, file)
    if file.name in manifest.entries(folder):
        manifest.check(file, content)
    return rows


def verified_json(file: Path) -> Any:
    """Read a file of a run, `read_json`, which is as the run wrote it where the manifest lists it.

    Raises:
        PadlError: it is missing, or was edited or is damaged.
    """
    if file.name not in manifest.entries(file.parent):
        return read_json(file)
    return parse_json(manifest.read(file, LARGEST_JSON), file)
