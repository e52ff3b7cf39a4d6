"""Weights & Biases, offline by default: a thread of its own takes the rows, so that training never waits for it.

Whatever fails there (no key, no network, its service killed in mid-run) is said once and costs the run nothing:
metrics.jsonl has every row.
"""

import queue
import secrets
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from padl.runs.redaction import redact
from padl.runs.sink import Row, warn
from padl.types import one_line

INIT_SECONDS = 15  # for W&B to answer before the run goes on offline
CLOSE_SECONDS = 60  # for what is still queued when training is done
CLOSED, TABLE = object(), object()  # what may stand in the place of a step
Mode = Literal["offline", "online"]


class Wandb:
    """One W&B run.

    Args:
        folder: the run folder; W&B's own files go to `folder/wandb`.
        mode: "offline" needs no account; "online" falls back to offline.
        project, group, tags, name: as W&B shows the run. config: what it is filtered by.
        run_id: of the W&B run that goes on; None makes a new one.
    """

    def __init__(
        self, folder: Path, *, mode: Mode, project: str, group: str | None, tags: tuple[str, ...], name: str | None,
        config: Mapping[str, Any], run_id: str | None = None,
    ):  # fmt: skip
        self.folder = folder
        self.run_id = run_id or secrets.token_hex(4)
        self.run_folder: Path | None = None
        options = {"project": project, "group": group, "tags": tags, "name": name or folder.name, "config": config}
        options |= {"id": self.run_id, "resume": "allow"}
        self.rows: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.thread = threading.Thread(target=self._work, args=(mode, redact(options)), name="padl-wandb", daemon=True)
        self.failed = False

    def write(self, step: int, row: Row) -> None:
        """Queue a row."""
        if not self.thread.ident:
            self.thread.start()  # only now: W&B's import must not compete with the compilation of the first step
        self.rows.put((step, dict(row)))

    def table(self, name: str, columns: list[str], rows: list[list[Any]]) -> None:
        """Queue a table, as the results of a sweep."""
        if not self.thread.ident:
            self.thread.start()
        self.rows.put((TABLE, (name, columns, redact(rows))))

    def close(self, summary: Mapping[str, Any]) -> None:
        """Queue the end of the run; what is queued is still sent, see `wait`."""
        if self.thread.ident:
            self.rows.put((CLOSED, summary))

    def wait(self) -> None:
        """Wait until all that is queued was sent, so that the process may end."""
        if not self.thread.ident:
            return
        self.thread.join(CLOSE_SECONDS)
        if self.thread.is_alive():
            warn(f"W&B did not finish within {CLOSE_SECONDS} s; metrics.jsonl has every row")

    def _work(self, mode: Mode, options: dict[str, Any]) -> None:
        run = None
        try:
            run = self._start(mode, options)
            while (item := self.rows.get())[0] is not CLOSED:
                _log(run, *item)
            run.summary.update(_flat(item[1]))
        except BaseException as error:
            self.failed = True
            warn(f"W&B stopped ({one_line(error)}); the run goes on, metrics.jsonl has every row")
        finally:
            self._finish(run)

    def _start(self, mode: Mode, options: dict[str, Any]) -> Any:
        import wandb

        def start(mode: Mode) -> Any:
            settings = wandb.Settings(
                console="off", silent=True, quiet=True, disable_git=True, disable_code=True, x_disable_stats=True,
                x_disable_meta=True, x_save_requirements=False, init_timeout=INIT_SECONDS,
            )  # fmt: skip
            return wandb.init(dir=str(self.folder), mode=mode, reinit="create_new", settings=settings, **options)

        (self.folder / "wandb").mkdir(exist_ok=True)
        if mode == "online" and not wandb.login(prompt=False):
            warn("W&B has no API key (`wandb login` takes one); this run is logged offline")
            mode = "offline"
        try:
            run = start(mode)
        except Exception as error:
            if mode == "offline":
                raise
            warn(f"W&B is not reached ({one_line(error)}); this run is logged offline")
            run = start("offline")
        if run.offline:
            self.run_folder = Path(run.dir).parent
        return run

    def _finish(self, run: Any) -> None:
        try:
            if run is not None:
                run.finish(exit_code=1 if self.failed else 0)
        except BaseException as error:
            if not self.failed:
                warn(f"W&B could not finish its run ({one_line(error)}); metrics.jsonl has every row")


def _log(run: Any, step: Any, content: Any) -> None:
    if step is not TABLE:
        run.log(content, step=step)
        return
    import wandb

    name, columns, rows = content
    run.log({name: wandb.Table(columns=columns, data=rows)})


def _flat(summary: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """{"best": {"loss": 1}} -> {"best/loss": 1}."""
    flat: dict[str, Any] = {}
    for key, value in summary.items():
        flat |= _flat(value, f"{prefix}{key}/") if isinstance(value, Mapping) else {prefix + key: value}
    return flat
