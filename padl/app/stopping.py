"""Stop a run when a signal asks for it, with its state saved. StopRequest, Stopped, on_signals.

A thread of its own learns of signals, also while the main one compiles or waits for the device; what trains looks at
the request between its calls. A second Ctrl-C ends the process at once.
"""

import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from padl.runs.exit_codes import INTERRUPTED

ASKS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1") if hasattr(signal, name)
)  # Ctrl-C; the system's or the scheduler's end; the terminal is closed; a scheduler's warning
LAST_SECONDS = 2.0  # for what is written then


class StopRequest:
    """Whether a run was asked to stop.

    Attributes:
        signal: the first that asked; None while none did.
    """

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None

    @property
    def reason(self) -> str:
        """The name of the signal, "" without one."""
        return self.signal.name if self.signal else ""

    def check(self) -> None:
        """Raise Stopped where one was asked for: called where nothing is lost by it."""
        if self.signal is not None:
            raise Stopped(self.signal.name)


class Stopped(KeyboardInterrupt):
    """A signal stopped what was going on, and all that there was is saved.

    Args:
        signal: its name.
    """

    def __init__(self, signal: str):
        super().__init__(signal)
        self.signal = signal


NEVER = StopRequest()


@contextmanager
def on_signals() -> Iterator[StopRequest]:
    """Take signals as requests to stop while the block runs. In a thread that is not the main one, take none.

    A signal that the process was started to ignore, as nohup does with SIGHUP, stays ignored.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setblocking(False)
    before = {each: signal.getsignal(each) for each in ASKS}
    taken = [each for each, handler in before.items() if handler is not signal.SIG_IGN]
    wakeup = signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    for each in taken:
        signal.signal(each, lambda number, frame: None)  # the thread is told by the descriptor
    ours.setblocking(True)
    watcher = threading.Thread(target=_watch, args=(ours, request), name="padl-signals", daemon=True)
    watcher.start()
    try:
        yield request
    finally:
        signal.set_wakeup_fd(wakeup)
        for each in taken:
            signal.signal(each, before[each])
        theirs.close()  # the watcher reads the end
        watcher.join()
        ours.close()


def _watch(numbers: socket.socket, request: StopRequest) -> None:
    while content := numbers.recv(1):
        number = signal.Signals(content[0])
        if number not in ASKS:
            continue
        if request.signal is None:
            request.signal = number
            _say(f"{number.name}: stopping after this call, with the state saved; Ctrl-C again leaves at once")
        elif number is signal.SIGINT:
            _say("left at once: the last snapshot stands")
            _leave(request.signal.name)


def _leave(reason: str) -> None:
    """End the process; the statuses are written first, if the disk takes them soon."""
    writer = threading.Thread(target=_write_statuses, args=(reason,), daemon=True)
    writer.start()
    writer.join(LAST_SECONDS)
    os._exit(INTERRUPTED)


def _write_statuses(reason: str) -> None:
    from padl.runs.status import interrupt_all  # imported by now, where anything runs

    interrupt_all(reason)


def _say(line: str) -> None:
    try:
        os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, f"padl: {line}\n".encode())
    except (OSError, ValueError):
        return  # nobody reads any more
