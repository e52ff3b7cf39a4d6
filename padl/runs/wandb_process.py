"""Start the process that speaks to W&B (wandb_worker.py), and talk with it. connect, WandbProcess.

One serves all runs of a process that have the same mode and the same environment. W&B's settings in the process that
trains are not touched, those of its current folder (./wandb/settings) are not read, and nothing that hangs there can
hold it.
"""

import contextlib
import itertools
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from padl.errors import one_line

WORKER = Path(__file__).with_name("wandb_worker.py")
Mode = Literal["offline", "online"]
SAID_IN_OPTIONS = (
    "WANDB_PROJECT", "WANDB_ENTITY", "WANDB_RUN_GROUP", "WANDB_NAME", "WANDB_JOB_TYPE", "WANDB_NOTES", "WANDB_TAGS",
    "WANDB_RUN_ID", "WANDB_RESUME", "WANDB_DIR",
)  # fmt: skip
OF_A_SWEEP = ("WANDB_PROJECT", "WANDB_ENTITY", "WANDB_RUN_ID")
SWEEP, PARAMETERS = "WANDB_SWEEP_ID", "WANDB_SWEEP_PARAM_PATH"
Told = Mapping[str, Any]
_connected: dict[Any, "WandbProcess"] = {}
_lock = threading.Lock()


def connect(mode: Mode, run_id: str) -> "WandbProcess":
    """Return the process for a mode, in this process and environment; the first call makes it.

    Args:
        run_id: of the run that it is for; the one that `wandb agent` named is of a sweep of W&B's.
    """
    environment = _environment(mode, run_id)
    key = (os.getpid(), mode, frozenset(item for item in environment.items() if _matters(item[0])))
    with _lock:
        if key not in _connected or _connected[key].is_lost:
            _connected[key] = WandbProcess(environment)
        return _connected[key]


def is_of_wandbs_sweep(run_id: str) -> bool:
    """Tell whether `wandb agent` started this process for that run."""
    return SWEEP in os.environ and os.environ.get("WANDB_RUN_ID") == run_id


def _environment(mode: Mode, run_id: str) -> dict[str, str]:
    """What the process sees: where nothing is to leave the machine, W&B's reports are off, and there is no key.

    In a sweep of W&B's it takes id, project and entity from there alone.
    """
    environment = dict(os.environ) | {"WANDB_SILENT": "true", "WANDB_QUIET": "true"}
    offline = ("WANDB_MODE", "WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE") if mode == "offline" else ()
    is_agents = is_of_wandbs_sweep(run_id)
    said = [name for name in SAID_IN_OPTIONS if not (is_agents and name in OF_A_SWEEP)]
    others = () if is_agents else (SWEEP, PARAMETERS)
    for name in ("WANDB_SERVICE", *said, *others, *offline):  # the service is that of the user's own runs
        environment.pop(name, None)
    if PARAMETERS in environment:  # a path from here
        environment[PARAMETERS] = os.path.abspath(environment[PARAMETERS])
    return environment | ({"WANDB_ERROR_REPORTING": "false"} if mode == "offline" else {})


def _matters(name: str) -> bool:
    return name.startswith("WANDB_") or name in ("HOME", "NETRC") or name.lower().endswith("_proxy")


class WandbProcess:
    """The process as it is seen from here: what is sent is queued, so that nobody waits for it.

    Attributes:
        is_lost: whether it ended, or could not be started.
    """

    def __init__(self, environment: Mapping[str, str]):
        self.is_lost = False
        self._environment = environment
        self._messages: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._listeners: dict[int, Callable[[Told], None]] = {}
        self._numbers = itertools.count(1)
        threading.Thread(target=self._work, name="padl-wandb", daemon=True).start()

    def open(self, listener: Callable[[Told], None]) -> int:
        """Return the number of a new run; the listener is called with all that is told of it."""
        number = next(self._numbers)
        self._listeners[number] = listener
        return number

    def send(self, number: int, message: Told) -> None:
        """Queue what is to be done for a run."""
        self._messages.put({"run": number, **message})

    def _work(self) -> None:
        """Start the process and write what is queued, until it is lost."""
        try:
            process = self._start()
            threading.Thread(target=self._read, args=(process,), name="padl-wandb-reader", daemon=True).start()
            assert process.stdin is not None  # as it was asked for
            while True:
                process.stdin.write(json.dumps(self._messages.get(), default=_plain) + "\n")
                process.stdin.flush()
        except Exception as error:
            self._lose(one_line(error))

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-P", str(WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
            cwd=Path(sys.executable).anchor,  # where W&B looks for ./wandb/settings
            env=dict(self._environment),
            start_new_session=True,  # Ctrl-C is for the training
        )

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None  # as it was asked for
        with process.stdout:
            for line in process.stdout:
                told = json.loads(line)
                self._listeners[told["run"]](told)
        self._lose(f"its process ended with {process.wait()}")
        with contextlib.suppress(OSError):  # what was not sent, and cannot be
            process.stdin.close()  # pyright: ignore[reportOptionalMemberAccess]

    def _lose(self, reason: str) -> None:
        """Tell every run that nothing more will come of it."""
        with _lock:
            lost_before, self.is_lost = self.is_lost, True
        for listener in [] if lost_before else list(self._listeners.values()):
            listener({"lost": reason})


def _plain(value: Any) -> Any:
    """A number of NumPy's as Python's; any other thing in its words."""
    return value.item() if hasattr(value, "item") else str(value)
