"""The process that speaks to W&B, so that nothing of W&B is in the process that trains. It imports nothing of PADL.

It reads a line of JSON for each thing to do, and writes one for each to know (what "run" is the number of the run):

    {"run": 1, "start": {"mode": "offline", "dir": ..., ...}}    {"run": 1, "say": "a line for the user"}
    {"run": 1, "log": [step, row]}                               {"run": 1, "folder": ..., "url": ...}
    {"run": 1, "config": {...}}                                  {"run": 1, "end": true}
    {"run": 1, "summary": {...}, "exit_code": 0}
    {"run": 1, "table": [name, columns, rows]}
    {"run": 1, "image": [name, file]}
    {"run": 1, "artifact": {"name": ..., "files": {...}, ...}}
    {"run": 1, "close": true}

The end of its input ends it: what is open is finished as broken off, within `LAST_SECONDS`.
"""

import json
import os
import queue
import signal
import ssl
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

ONLINE_SECONDS = 9.0  # from the start of an online run to the decision that it is logged offline
ANSWER_SECONDS = 4.0  # for the server to answer at all
LAST_SECONDS = 60.0  # for what is still open when the input has ended
GIVING = threading.Lock()  # Pillow, as it is first used, cannot be used by two threads
BROKEN_OFF = 1  # the exit code of a run whose end nobody told
OFF = ("offline", "dryrun", "disabled")  # of WANDB_MODE: what no request leaves the machine in


class Environment:
    """What W&B takes from the environment, without what it refuses.

    Attributes:
        is_whole: whether W&B took all of it; where not, runs are logged offline.
    """

    def __init__(self) -> None:
        self.unsaid = [line for name in sorted(os.environ) if (line := _left_out(name))]
        self.is_whole = not self.unsaid
        self.lock = threading.Lock()

    def tell(self, say: Callable[[str], None]) -> None:
        """Say what was left out, once."""
        with self.lock:
            while self.unsaid:
                say(self.unsaid.pop(0))


def _left_out(name: str) -> str | None:
    """Leave a variable out of the environment that W&B refuses; returns a line that says so, None where it does not."""
    import wandb

    if not name.startswith("WANDB_"):
        return None
    try:
        wandb.Settings().update_from_env_vars({name: os.environ[name]})
    except Exception as error:
        del os.environ[name]
        return f"W&B cannot use {name} ({_reason(error)}): it is left out, and the run logged offline"
    return None


class OpenRun:
    """A run of W&B's, in a thread of its own: to start one and to finish it take time.

    Args:
        tell: takes what is to be known of it.
    """

    def __init__(self, tell: Callable[[dict[str, Any]], None], environment: Environment):
        self.tell, self.environment = tell, environment
        self.has_rows = False
        self.messages: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.thread = threading.Thread(target=self._work, daemon=True)
        self.thread.start()

    def _say(self, line: str) -> None:
        self.tell({"say": line})

    def _work(self) -> None:
        run, exit_code, failed = None, BROKEN_OFF, False
        try:
            run = start(self.messages.get()["start"], self.environment, self._say)
            self.tell({"folder": str(Path(run.dir).parent) if run.offline else None, "url": run.url})
            while "close" not in (message := self.messages.get()):
                exit_code = message.get("exit_code", exit_code)
                self._take(run, message)
        except BaseException as error:
            failed = True
            self._say(f"W&B stopped ({_reason(error)}); the run goes on, metrics.jsonl has every row")
            self.tell({"failed": True})
        self._finish(run, BROKEN_OFF if failed else exit_code, quietly=failed)
        self.tell({"end": True})

    def _take(self, run: Any, message: dict[str, Any]) -> None:
        if "log" in message:
            self._log(run, *message["log"])
        elif "config" in message:
            run.config.update(message["config"], allow_val_change=True)
        elif "summary" in message:
            run.summary.update(message["summary"])
        else:
            self._give(run, message)

    def _log(self, run: Any, step: int, row: dict[str, Any]) -> None:
        if step < run.step and not self.has_rows:
            self._say(f"W&B: run {run.id} is at step {run.step:,} already, and takes no rows of the steps before")
        self.has_rows = True
        run.log(row, step=step)

    def _give(self, run: Any, message: dict[str, Any]) -> None:
        """What has a file of its own: one that W&B does not take costs a line."""
        try:
            with GIVING:
                give(run, message)
        except Exception as error:
            kind = next(iter(message))
            name = message[kind]["name"] if kind == "artifact" else message[kind][0]
            self._say(f"W&B did not take the {kind} {name} ({_reason(error)}); it is in the run's folder")

    def _finish(self, run: Any, exit_code: int, quietly: bool) -> None:
        try:
            if run is not None:
                run.finish(exit_code=exit_code)
        except BaseException as error:
            if not quietly:
                self._say(f"W&B could not finish its run ({_reason(error)}); metrics.jsonl has every row")


def give(run: Any, message: dict[str, Any]) -> None:
    """Log a table, an image, or an artifact, whose files stay where they are until they are uploaded."""
    import wandb

    if "table" in message:
        name, columns, rows = message["table"]
        run.log({name: wandb.Table(columns=columns, data=rows)})
    elif "image" in message:
        name, file = message["image"]
        run.log({name: wandb.Image(file)})
    else:
        told = message["artifact"]
        artifact = wandb.Artifact(told["name"], told["type"], metadata=told["metadata"])
        for name, file in told["files"].items():
            artifact.add_file(file, name, policy="immutable")
        run.log_artifact(artifact, aliases=told["aliases"])


def start(options: dict[str, Any], environment: Environment, say: Callable[[str], None]) -> Any:
    """Start a run, offline where online is not to be had; `options` are those of `wandb.init`."""
    environment.tell(say)
    wanted = options.pop("mode")
    if wanted == "online" and environment.is_whole:
        try:
            online = _within(ONLINE_SECONDS, lambda: _online(options, say))
        except Exception as error:
            say(f"W&B is not reached ({_reason(error)}); this run is logged offline")
        else:
            if online is not None:
                return online
    return _init(options, "offline")


def _online(options: dict[str, Any], say: Callable[[str], None]) -> Any:
    """An online run; None, and a line, where there is none to be had without asking the server."""
    import wandb

    if os.environ.get("WANDB_MODE") in OFF:
        say(f"W&B: WANDB_MODE={os.environ['WANDB_MODE']} is set; this run is logged offline")
        return None
    if not wandb.login(prompt=False, verify=False):
        say("W&B has no API key (`wandb login` takes one); this run is logged offline")
        return None
    _await_answer(wandb.setup().settings.base_url)
    return _init(options, "online")


def _await_answer(url: str) -> None:
    """Raise where nobody answers; W&B itself would try on and on."""
    try:
        urllib.request.urlopen(url, timeout=ANSWER_SECONDS).close()
    except urllib.error.HTTPError:
        pass  # an answer
    except urllib.error.URLError as error:
        if not isinstance(error.reason, ssl.SSLError):  # W&B has certificates of its own
            raise


def _init(options: dict[str, Any], mode: str) -> Any:
    import wandb

    git = options.get("git") or {}
    settings = wandb.Settings(
        console="off", silent=True, quiet=True, disable_git=True, disable_code=True, x_disable_stats=True,
        x_disable_meta=True, x_save_requirements=False, init_timeout=ONLINE_SECONDS,
        git_commit=git.get("commit"), git_remote_url=git.get("remote"),
    )  # fmt: skip
    rest = {name: value for name, value in options.items() if name != "git"}
    return wandb.init(mode=mode, reinit="create_new", settings=settings, **rest)  # pyright: ignore[reportArgumentType]


def _within(seconds: float, function: Callable[[], Any]) -> Any:
    """Call a function in a thread; raises TimeoutError, and finishes a run that it returns later, after so long."""
    results: queue.SimpleQueue[tuple[Any, Exception | None]] = queue.SimpleQueue()

    def call() -> None:
        try:
            results.put((function(), None))
        except Exception as error:
            results.put((None, error))

    def discard() -> None:
        late, _ = results.get()
        if late is not None:
            late.finish(exit_code=1)

    threading.Thread(target=call, daemon=True).start()
    try:
        result, error = results.get(timeout=seconds)
    except queue.Empty:
        threading.Thread(target=discard, daemon=True).start()
        raise TimeoutError(f"no answer within {seconds:.0f} s") from None
    if error:
        raise error
    return result


def _reason(error: BaseException) -> str:
    """The first line of an error; of one of pydantic's its message, without the value."""
    of_pydantic: Any = getattr(error, "errors", None)
    if callable(of_pydantic):
        return str(of_pydantic()[0]["msg"]).partition("\n")[0]  # pyright: ignore[reportIndexIssue]
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"


def main() -> None:
    """Take lines until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the training decides when it is over
    out, lock = os.fdopen(os.dup(1), "w", encoding="utf-8"), threading.Lock()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what W&B prints

    def tell(number: int, message: dict[str, Any]) -> None:
        with lock:
            print(json.dumps({"run": number, **message}), file=out, flush=True)

    environment, runs = Environment(), dict[int, OpenRun]()
    for line in sys.stdin:
        message = json.loads(line)
        number = message.pop("run")
        if number not in runs:
            runs[number] = OpenRun(lambda told, number=number: tell(number, told), environment)
        runs[number].messages.put(message)
    _end(runs)


def _end(runs: dict[int, OpenRun]) -> None:
    until = time.monotonic() + LAST_SECONDS
    for run in runs.values():
        run.messages.put({"close": True})
    for run in runs.values():
        run.thread.join(max(0.0, until - time.monotonic()))
    watch = threading.Timer(max(1.0, until - time.monotonic()), os._exit, args=(1,))  # W&B's own end may hang
    watch.daemon = True
    watch.start()


if __name__ == "__main__":
    main()
