"""Exit codes of the command `padl`, which W&B is told too. of_status."""

import signal

DONE = 0
FAILED = 1  # what ran did not come to its end, and nobody asked it to stop
MISTAKE = 2  # in the command, the configuration or the data
DIVERGED = 3
REQUEUE = 75  # a signal asked to stop, the state is saved, `padl resume` goes on (sysexits.h: EX_TEMPFAIL)
INTERRUPTED = 128 + signal.SIGINT  # as of a process that Ctrl-C ended


def of_status(status: str, reason: str) -> int:
    """Return the exit code of a run that ended so; `reason` is the signal's name where one stopped it."""
    if status == "interrupted":
        return REQUEUE if reason.startswith("SIG") and reason != "SIGINT" else INTERRUPTED
    return {"diverged": DIVERGED, "failed": FAILED}.get(status, DONE)
