"""The seconds of a run: all of them, those of compiling, and the speed of what came after the first chunk."""

from time import perf_counter
from typing import Any, NamedTuple

import jax

COMPILING = ("/jax/core/compile/jaxpr_to_mlir_module_duration", "/jax/core/compile/backend_compile_duration")


class Times(NamedTuple):
    """How long a run took.

    Attributes:
        steps_per_second: after the first chunk. compiling, wall: seconds.
    """

    steps_per_second: float
    compiling: float
    wall: float


class Clock:
    """Measures the seconds since it was made, those of compiling while it is entered, and the speed between marks.

    Attributes:
        begun_at: steps that were done before.
    """

    def __init__(self) -> None:
        self.started, self.compiling = perf_counter(), 0.0
        self.begun_at = 0
        self.marks: list[tuple[float, int]] = []

    def __enter__(self) -> "Clock":
        jax.monitoring.register_event_duration_secs_listener(self._add)
        return self

    def __exit__(self, *_: Any) -> None:
        jax.monitoring.unregister_event_duration_listener(self._add)

    def _add(self, event: str, duration_secs: float, **kwargs: str | int) -> None:
        if event in COMPILING:
            self.compiling += duration_secs

    def mark(self, step: int) -> None:
        """Note that so many steps are done."""
        self.marks = [*self.marks[:1], (perf_counter(), step)]

    def times(self, before: float = 0.0) -> Times:
        """Return the times so far; there must be a mark. `before`: seconds that the run took in earlier processes."""
        return Times(self._steps_per_second(), self.compiling, before + perf_counter() - self.started)

    def _steps_per_second(self) -> float:
        (t0, s0), (t1, s1) = self.marks[0], self.marks[-1]
        if s1 == s0:  # a single chunk: all the time but that of compiling
            t0, s0 = self.started + self.compiling, self.begun_at
        return (s1 - s0) / max(t1 - t0, 1e-9)
