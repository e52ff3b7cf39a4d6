"""Say when a compiled call does not come back. Watchdog.

A call that hangs keeps no thread busy, and one that only takes long does: so the time of the processor tells them
apart, and a long call is never called hanging.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from time import process_time
from types import TracebackType
from typing import Protocol, TypeVar

import jax

from padl.engine.operations import SAFE_SINCE
from padl.runs.sink import warn

SECONDS = 120.0  # that a call may stand still
LOOKS = 4  # in that time
IDLE = 0.05  # of one core: what a process takes that only waits


class HasStep(Protocol):
    """What a call gives, with the number of updates done."""

    @property
    def step(self) -> int: ...


C = TypeVar("C", bound=HasStep)


class Watchdog:
    """Watches the calls of a run from a thread of its own, while its block is open, and says once what does not return.

    Args:
        on_cpu: whether the calls run on a CPU; on others the process may rest while the device computes.
        say: called with the line. seconds: that a call may stand still.
    """

    def __init__(self, on_cpu: bool, say: Callable[[str], None] = warn, seconds: float = SECONDS):
        self.say, self.seconds = say, seconds
        self._ended = threading.Event()
        self._call: str | None = None  # what is waited for
        self._thread = threading.Thread(target=self._look, name="padl-watchdog") if on_cpu else None

    def __enter__(self) -> "Watchdog":
        if self._thread:
            self._thread.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._ended.set()
        if self._thread:
            self._thread.join()

    def watch(self, calls: Iterable[C], program: str, done: int = 0) -> Iterator[C]:
        """Hand on what the calls of a program give.

        Args:
            program: what it is called. done: updates before its first call.
        """
        calls, call = iter(calls), None
        while True:
            with self.waits(f"{program}: the call after step {done:,}"):
                call = next(calls, None)
            if call is None:
                return
            done = call.step
            yield call

    @contextmanager
    def waits(self, what: str) -> Iterator[None]:
        """Watch what the block waits for, which a line would call so."""
        self._call = what
        try:
            yield
        finally:
            self._call = None

    def _look(self) -> None:
        seen, idle, busy = None, 0, process_time()
        while not self._ended.wait(self.seconds / LOOKS):
            now, call = process_time(), self._call
            rests = call is not None and call is seen and now - busy < IDLE * self.seconds / LOOKS
            seen, busy, idle = call, now, idle + 1 if rests else 0
            if idle == LOOKS and call is not None:
                self.say(_line(call, self.seconds))


def _line(call: str, seconds: float) -> str:
    where = f"{call} has not come back, and the processor has rested for {seconds:g} s"
    if jax.__version_info__ >= SAFE_SINCE:
        return f"{where}. The data or a callback may be waiting; Ctrl-C twice leaves"
    since = ".".join(map(str, SAFE_SINCE))
    return (
        f"{where}. The data or a callback may be waiting; or JAX {jax.__version__} hangs on a CPU, as where stacks of"
        f" matrices are decomposed (eigh, qr, svd, cholesky, solve): decompose one at a time (jax.lax.map), or use JAX"
        f" {since}. Ctrl-C twice leaves"
    )
