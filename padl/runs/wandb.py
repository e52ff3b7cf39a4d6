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

from padl.nested import flattened
from padl.runs.exit_codes import of_status
from padl.runs.redaction import redact
from padl.runs.sink import Row, warn
from padl.runs.wandb_process import Mode, Told, WandbProcess, connect, is_of_wandbs_sweep

CLOSE_SECONDS = 30.0  # for what is still queued when training is done


class Wandb:
    """One W&B run.

    Args:
        folder: the run folder. place: W&B's own files go to `place/wandb`; None takes the run folder.
        mode: "offline" needs no account; "online" falls back to offline.
        project, entity, group, tags, name, job_type, notes: as W&B shows the run. config: what it is filtered by.
        run_id: of the W&B run that goes on; None makes a new one. resume: what becomes of one that is there already.
        git: commit and remote of the user's repository, None outside one.
        says_url: whether a line tells where an online run is seen.

    Attributes:
        run_folder: of an offline run, for `wandb sync`; None before it has begun.
        url: where an online run is seen; "" before it has begun, and offline.
        failed: whether W&B takes no more.
    """

    def __init__(
        self, folder: Path, *, mode: Mode, project: str, config: Mapping[str, Any], entity: str | None = None,
        group: str | None = None, tags: Sequence[str] = (), name: str | None = None, job_type: str | None = None,
        notes: str | None = None, run_id: str | None = None, resume: str = "allow", place: Path | None = None,
        git: Mapping[str, Any] | None = None, says_url: bool = False,
    ):  # fmt: skip
        self.folder, self.place = folder, place or folder
        self.run_id = run_id or secrets.token_hex(4)
        self.run_folder: Path | None = None
        self.url = ""
        self.failed = False
        shown = {"project": project, "entity": entity, "group": group, "tags": list(tags), "name": name or folder.name}
        if is_of_wandbs_sweep(self.run_id):  # there "optimizer" is the value that was chosen
            config = flattened(config)
        about = {"job_type": job_type, "notes": notes, "config": config}
        self._options = {"mode": mode, **redact({**shown, **about}), "git": git, "id": self.run_id, "resume": resume}
        self._mode: Mode = mode
        self._says_url = says_url
        self._process: WandbProcess | None = None
        self._number = 0
        self._ended = threading.Event()
        self._deadline = 0.0  # of `wait`, on the clock of `monotonic`; 0 until `finish`

    def write(self, step: int, row: Row) -> None:
        """Queue a row."""
        self._send({"log": [step, dict(row)]})

    def configure(self, config: Mapping[str, Any]) -> None:
        """Queue a configuration that takes the place of the one at the start, where it is another."""
        if (config := redact(config)) != self._options["config"]:
            self._send({"config": config})

    def table(self, name: str, columns: list[str], rows: list[list[Any]]) -> None:
        """Queue a table, as the results of a sweep; a column of several types, which W&B refuses, as text."""
        typed = [_of_one_type(column) for column in zip(*rows, strict=True)]
        self._send({"table": [name, columns, redact(list(zip(*typed, strict=True)))]})

    def image(self, name: str, file: Path) -> None:
        """Queue a picture."""
        self._send({"image": [name, str(file.absolute())]})  # the other process has another current folder

    def model(self, files: Mapping[str, Path], metadata: Mapping[str, Any]) -> None:
        """Queue the files of a trained model as the artifact `model-ID`.

        Args:
            files: {name in the artifact: file}. metadata: what it came to.
        """
        about = {"name": f"model-{self.run_id}", "type": "model", "metadata": redact(metadata), "aliases": ["latest"]}
        self._send({"artifact": {**about, "files": {name: str(file.absolute()) for name, file in files.items()}}})

    def close(self, summary: Mapping[str, Any]) -> None:
        """Queue what the run came to; tables, pictures and the model may follow, then `finish`."""
        if self._process:
            code = of_status(summary.get("status", "finished"), summary.get("reason", ""))
            self._send({"summary": redact(flattened(summary, "/")), "exit_code": code})

    def finish(self) -> None:
        """Queue the end of the run, the first time; what is queued is still sent, see `wait`."""
        if self._process and not self._deadline:
            self._send({"close": True})
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
            self._process = connect(self._mode, self.run_id)
            self._number = self._process.open(self._hear)
            self._process.send(self._number, {"start": {**self._options, "dir": str(self._make_place())}})
        self._process.send(self._number, message)

    def _make_place(self) -> Path:
        """The folder in which W&B's files are, made: W&B itself would take another one without a word."""
        try:
            (self.place / "wandb").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            warn(f"WANDB_DIR={self.place} cannot be written to ({error.strerror}): W&B's files are in the run's folder")
            self.place = self.folder
            (self.place / "wandb").mkdir(exist_ok=True)
        return self.place

    def _hear(self, message: Told) -> None:
        """Called with each message about the run, in a thread of the process's."""
        if "say" in message:
            warn(redact(message["say"]))
        if message.get("folder"):
            self.run_folder = Path(message["folder"])
        if message.get("url"):
            self.url = message["url"]
            if self._says_url:
                warn(f"W&B: {self.url}")
        if "lost" in message and not self._ended.is_set():
            warn(f"W&B stopped ({message['lost']}); the run goes on, metrics.jsonl has every row")
        self.failed = self.failed or "failed" in message or "lost" in message
        if "end" in message or "lost" in message:
            self._ended.set()


def _of_one_type(column: Sequence[Any]) -> Sequence[Any]:
    """Numbers, truth values or texts as they are, None among them; anything else as text."""
    values = [value.item() if hasattr(value, "item") else value for value in column]
    kinds = {float if type(value) is int else type(value) for value in values if value is not None}
    if len(kinds) <= 1 and kinds <= {float, bool, str}:
        return values
    return [None if value is None else str(value) for value in values]
