"""Exit codes of the command `padl`. of_status."""

from padl.app.stopping import INTERRUPTED

DONE = 0
FAILED = 1  # what ran did not come to its end, and nobody asked it to stop
MISTAKE = 2  # in the command, the configuration or the data
DIVERGED = 3
REQUEUE = 75  # a signal asked to stop, the state is saved, `padl resume` goes on (sysexits.h: EX_TEMPFAIL)


def of_status(status: str, reason: str) -> int:
    """Return the exit code of a run that ended so; `reason` is the signal's name where one stopped it."""
    if status == "interrupted":
        return INTERRUPTED if reason == "SIGINT" else REQUEUE
    return DIVERGED if status == "diverged" else DONE
