"""Go on with a sweep that was stopped: its members that have not ended, each to the bits it would have had."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from padl.app.fingerprint import ALLOW
from padl.app.stopping import NEVER, StopRequest
from padl.app.stored_config import allowed, say_unused
from padl.app.sweep import results
from padl.app.sweep.recorded import RecordedSweep
from padl.app.sweep.run import Sweep


def reopen(
    folder: Path,
    allow: Collection[str] = (),
    todays: Mapping[str, Any] | None = None,
    say: Callable[[str], None] | None = None,
    stop: StopRequest = NEVER,
    things: Mapping[str, Any] | None = None,
) -> Sweep:
    """Return a sweep that knows what an earlier process left of it, ready to launch its members.

    Args:
        folder: of the sweep. allow, todays, things: as of `RecordedSweep`.
        say, stop: as of `Sweep`.

    Raises:
        PadlError: it is no folder of a sweep, or it is damaged.
    """
    allow = allowed(allow, ALLOW)
    if "schedule" in allow:
        say_unused("schedule")  # a sweep is not extended
    recorded = RecordedSweep(folder, allow, todays, things)
    return Sweep(recorded.command, say, stop, recorded, results.write_tables)


def train_again(sweep: Sweep) -> None:
    """Train the members of a reopened sweep that have not ended.

    Raises:
        PadlError: what the members depend on is not as it was; another process writes the sweep.
        Stopped: by a signal, when what there is was written.
    """
    assert sweep.recorded is not None  # it was reopened
    sweep.launch(sweep.recorded.requests)
