"""What a folder says of its run or sweep at a glance, from its small files, without JAX. find, row_of, Row.

Nothing here is held against a manifest: it is shown, and nothing is computed from it. A damaged folder is a row too.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from padl.errors import PadlError
from padl.runs import jsonl, lock
from padl.runs import status as statuses
from padl.runs.run_files import TITLE
from padl.runs.run_folder import read_config, read_json, read_metrics

REQUESTS, SWEPT = "requests.json", "sweep.json"  # what a sweep has from its start, and what it came to
OF_A_RUN = ("config.yaml", "status.json", "metrics.jsonl")  # a folder with one of them is that of a run
STAMP = re.compile(r"(\d{8}-\d{6})-")  # how the name of a folder begins
COLUMNS = (
    "name", "when", "task", "model", "optimizer", "differs", "status", "steps", "metric", "final", "best", "wall",
)  # fmt: skip


@dataclass
class Row:
    """A run, a sweep or a member of one, as a table of runs has it.

    Attributes:
        folder: of it. values: {column: value}, None where it has none. kind: "run", "sweep" or "member".
        config: every name and value, of a sweep its first member's; {} where it cannot be read.
        metrics: {"final/accuracy": ..., "best/...", "test/..."}. problem: what is damaged, "" where nothing is.
        words: what of the run is not as usual.
    """

    folder: Path
    kind: str
    values: dict[str, Any]
    config: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    problem: str = ""
    words: list[str] = field(default_factory=list)


def is_sweep(folder: Path) -> bool:
    """Tell whether a folder is that of a sweep."""
    return (folder / REQUESTS).is_file() or (folder / SWEPT).is_file()


def is_run(folder: Path) -> bool:
    """Tell whether a folder is that of a run, be it damaged."""
    return any((folder / name).is_file() for name in OF_A_RUN)


def is_comparison(config: Mapping[str, Any]) -> bool:
    """Tell whether a configuration is one of `padl compare`, whose folders lie beside those of runs."""
    return "surface" in config and "task" not in config


def find(root: Path, members: bool = False) -> Iterator[tuple[Path, str]]:
    """Yield the folders of runs and sweeps below a folder, or itself, each with its kind.

    Links and hidden folders are passed by, and what lies in a run.

    Args:
        members: whether those of sweeps are yielded too; those of `root` always are, where it is a sweep.
    """
    if is_sweep(root):
        yield from ((member, "member") for member in _members(root))
    elif is_run(root):
        yield root, "run"
    else:
        for folder in _subfolders(root):
            yield from _at(folder, members)


def _at(folder: Path, members: bool) -> Iterator[tuple[Path, str]]:
    if is_sweep(folder):
        yield folder, "sweep"
        if members:
            yield from ((member, "member") for member in _members(folder))
    elif is_run(folder):
        yield folder, "run"
    else:
        for inner in _subfolders(folder):
            yield from _at(inner, members)


def _members(sweep: Path) -> list[Path]:
    return [folder for folder in _subfolders(sweep) if is_run(folder)]


def _subfolders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            names = [e.name for e in entries if not e.name.startswith(".") and e.is_dir(follow_symlinks=False)]
    except OSError:  # a folder that nobody may look into holds no run of the user's
        return []
    return [folder / name for name in sorted(names)]


def row_of(folder: Path, kind: str, root: Path) -> Row | None:
    """Read a row; None for a folder of `padl compare`.

    Args:
        kind: as `find` says. root: that names are relative to.
    """
    name = str(folder.relative_to(root)) if folder != root else folder.absolute().name
    row = Row(folder, kind, {**dict.fromkeys(COLUMNS), "name": name, "when": _begun(folder)})
    try:
        (_read_sweep if kind == "sweep" else _read_run)(row)
    except PadlError as error:
        row.problem = str(error).replace(f"{folder}{os.sep}", "").replace(str(folder), "it")
        row.values["status"] = "damaged"
    return None if is_comparison(row.config) else row


def _begun(folder: Path) -> str | None:
    """When, in UTC: by the name of the folder, or else by when it was made."""
    stamp = STAMP.match(folder.name)
    try:
        begun = datetime.strptime(stamp[1], "%Y%m%d-%H%M%S") if stamp else None
        begun = begun or datetime.fromtimestamp(folder.stat().st_mtime, UTC)
    except (OSError, ValueError):
        return None
    return begun.strftime("%Y-%m-%d %H:%M:%S")


def _read_run(row: Row) -> None:
    row.config = read_config(row.folder)
    if is_comparison(row.config):
        return
    _take_names(row)
    titles = _mapping(row.folder / TITLE) if (row.folder / TITLE).is_file() else {}
    words = titles.get("words")
    row.words = [str(word) for word in words] if isinstance(words, list) else []
    status = statuses.read(row.folder)
    is_complete = (row.folder / "summary.json").is_file()
    summary = _mapping(row.folder / "summary.json") if is_complete else {}
    row.values |= {
        "differs": ", ".join([*row.words, f"seed {row.config.get('seed')}"]),
        "status": status.status if status.reason != statuses.KILLED else statuses.KILLED,
        "steps": summary.get("steps", status.step),
        "wall": summary.get("wall_seconds"),
    }
    criterion = summary.get("decided_by") or titles.get("decided_by") or {}
    if isinstance(criterion, Mapping) and criterion.get("metric"):
        _take_metrics(row, str(criterion["metric"]), str(criterion.get("direction")), summary)


def _take_names(row: Row, configs: Sequence[Mapping[str, Any]] = ()) -> None:
    """Task, model and optimizer: of the row's own configuration, or, of a sweep, of all of its members."""
    for kind in ("task", "model", "optimizer"):
        chosen = [config.get(kind) for config in configs or [row.config]]
        names = [each.get("name") if isinstance(each, Mapping) else each for each in chosen]
        row.values[kind] = ",".join(dict.fromkeys(str(name) for name in names if name is not None)) or None


def _take_metrics(row: Row, metric: str, direction: str, summary: Mapping[str, Any]) -> None:
    """Final and best values: of the summary, or, of a run that has none yet, of its rows."""
    sides = {side: summary.get(side) for side in ("final", "best")} if summary else _so_far(row, metric, direction)
    test = summary.get("test")
    sides |= {f"test/{side}": of for side, of in test.items()} if isinstance(test, Mapping) else {}
    for side, values in sides.items():
        row.metrics |= {f"{side}/{k}": v for k, v in values.items()} if isinstance(values, Mapping) else {}
    row.values |= {"metric": f"eval/{metric}", "direction": direction}
    row.values |= {side: row.metrics.get(f"{side}/{metric}") for side in ("final", "best")}


def _so_far(row: Row, metric: str, direction: str) -> dict[str, dict[str, Any]]:
    rows = read_metrics(row.folder) if (row.folder / jsonl.NAME).is_file() else []
    evaluated = [each for each in rows if f"eval/{metric}" in each]
    if not evaluated:
        return {}
    best = (max if direction == "max" else min)(evaluated, key=lambda each: each[f"eval/{metric}"])
    of = lambda each: {k.removeprefix("eval/"): v for k, v in each.items() if k.startswith("eval/")}  # noqa: E731
    return {"final": of(evaluated[-1]), "best": {"step": best["step"], **of(best)}}


def _read_sweep(row: Row) -> None:
    about = _mapping(row.folder / SWEPT) if (row.folder / SWEPT).is_file() else {}
    first = next((member for member in _members(row.folder) if (member / "config.yaml").is_file()), None)
    row.config = read_config(first) if first else {}
    _take_names(row, _configs(row.folder / REQUESTS))
    ranking, swept = about.get("ranking") or [], about.get("swept") or []
    if not isinstance(ranking, list) or not all(isinstance(each, Mapping) for each in ranking):
        raise PadlError(f"{row.folder / SWEPT} is damaged: its ranking is none")
    row.words = [f"over {', '.join(key.rpartition('.')[2] for key in swept)}"] if swept else []
    runs = about.get("members")
    objective = about.get("objective") or {}
    row.values |= {
        "differs": ", ".join([*([f"{runs} runs"] if runs else []), *row.words]),
        "status": _status_of_sweep(row.folder, about.get("statuses") or {}),
        "metric": objective.get("metric"),
        "direction": objective.get("direction"),
        "best": ranking[0].get("mean") if ranking else None,
        "wall": about.get("seconds"),
    }
    best = row.values["best"]
    row.values["best"] = best if isinstance(best, (int, float)) else None


def _configs(requests: Path) -> list[Mapping[str, Any]]:
    """Of a sweep's members; [] of a sweep that has no requests.json."""
    members = _mapping(requests).get("members") if requests.is_file() else []
    if not isinstance(members, list) or not all(isinstance(each, Mapping) for each in members):
        raise PadlError(f"{requests} is damaged: its members are none")
    return [each["config"] for each in members if isinstance(each.get("config"), Mapping)]


def _status_of_sweep(folder: Path, counts: Mapping[str, Any]) -> str:
    """As of a run: of one that nobody writes any more and that has members left, "interrupted"."""
    if lock.is_held(folder):
        return "running"
    if not counts or set(counts) - {"finished", "diverged"}:
        return "interrupted"
    return "finished" if "finished" in counts else "diverged"


def _mapping(file: Path) -> dict[str, Any]:
    content = read_json(file)
    if not isinstance(content, dict):
        raise PadlError(f"{file} is damaged: it holds no keys with values")
    return content
