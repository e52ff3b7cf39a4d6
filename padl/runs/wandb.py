"""Weights & Biases, offline by default: a process of its own takes the rows, so that training never waits for it.

Whatever fails there (no key, no network, its service killed in mid-run) is said once and costs the run nothing:
metrics.jsonl has every row.
"""

import secrets
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import Any

from padl.errors import PadlError
from padl.nested import flattened
from padl.runs.redaction import redact
from padl.runs.sink import Row, warn
from padl.runs.wandb_process import Mode, Told, WandbProcess, connect

CLOSE_SECONDS = 30.0  # for what is still queued when training is done
LONGEST, LONGEST_TAG = 128, 64  # characters that W&B takes of a name and of a tag
NOT_IN_A_PROJECT = "/\\#?%:"


def check_limits(project: str, group: str | None, name: str | None, tags: Sequence[str]) -> None:
    """Raise PadlError where W&B would refuse one of these, with the key and the limit."""
    for key, value in {"project": project, "group": group, "name": name}.items():
        if value is not None and not 1 <= len(value) <= LONGEST:
            raise PadlError(f"wandb.{key} has {len(value)} characters, and W&B takes 1 to {LONGEST}: give another")
    refused = [character for character in NOT_IN_A_PROJECT if character in project]
    if refused:
        raise PadlError(f"wandb.project={project}: W&B takes none of {' '.join(NOT_IN_A_PROJECT)} in it")
    for tag in tags:
        if not 1 <= len(tag) <= LONGEST_TAG:
            shown = f"{tag[:20]}..." if len(tag) > LONGEST_TAG else repr(tag)
            raise PadlError(f"wandb.tags: {shown} has {len(tag)} characters, and W&B takes 1 to {LONGEST_TAG} of a tag")


class Wandb:
    """One W&B run.

    Args:
        folder: the run folder; W&B's own files go to `folder/wandb`.
        mode: "offline" needs no account; "online" falls back to offline.
        project, group, tags, name: as W&B shows the run. config: what it is filtered by.
        run_id: of the W&B run that goes on; None makes a new one.

    Attributes:
        run_folder: of an offline run, for `wandb sync`; None before it has begun.
        failed: whether W&B takes no more.
    """

    def __init__(
        self, folder: Path, *, mode: Mode, project: str, group: str | None, tags: tuple[str, ...], name: str | None,
        config: Mapping[str, Any], run_id: str | None = None,
    ):  # fmt: skip
        self.folder = folder
        self.run_id = run_id or secrets.token_hex(4)
        self.run_folder: Path | None = None
        self.failed = False
        options = {"project": project, "group": group, "tags": tags, "name": name or folder.name, "config": config}
        the_run = {"id": self.run_id, "resume": "allow"}
        self._options = {"mode": mode, "dir": str(folder), **redact(options), **the_run}
        self._mode: Mode = mode
        self._process: WandbProcess | None = None
        self._number = 0
        self._ended = threading.Event()
        self._deadline = 0.0  # of `wait`, on the clock of `monotonic`

    def write(self, step: int, row: Row) -> None:
        """Queue a row."""
        self._send({"log": [step, dict(row)]})

    def table(self, name: str, columns: list[str], rows: list[list[Any]]) -> None:
        """Queue a table, as the results of a sweep."""
        self._send({"table": [name, columns, redact(rows)]})

    def close(self, summary: Mapping[str, Any]) -> None:
        """Queue the end of the run; what is queued is still sent, see `wait`."""
        if self._process:
            self._send({"close": redact(flattened(summary, "/"))})
            self._deadline = monotonic() + CLOSE_SECONDS

    def wait(self) -> None:
        """Wait until all that is queued was sent, at most `CLOSE_SECONDS` after the end."""
        if self._process and not self._ended.wait(max(0.0, self._deadline - monotonic())):
            warn(f"W&B did not finish within {CLOSE_SECONDS:.0f} s; metrics.jsonl has every row")
            self._ended.set()

    def _send(self, message: Told) -> None:
        if self.failed:
            return
        if self._process is None:  # only now: W&B's import must not compete with the compilation of the first step
            (self.folder / "wandb").mkdir(exist_ok=True)
            self._process = connect(self._mode)
            self._number = self._process.open(self._hear)
            self._process.send(self._number, {"start": self._options})
        self._process.send(self._number, message)

    def _hear(self, message: Told) -> None:
        """Called with each message about the run, in a thread of the process's."""
        if "say" in message:
            warn(redact(message["say"]))
        if message.get("folder"):
            self.run_folder = Path(message["folder"])
        if "lost" in message and not self._ended.is_set():
            warn(f"W&B stopped ({message['lost']}); the run goes on, metrics.jsonl has every row")
        self.failed = self.failed or "failed" in message or "lost" in message
        if "end" in message or "lost" in message:
            self._ended.set()
