"""Named points at which a test ends the process as SIGKILL does, to see what stays: PADL_KILL_AT=POINT or POINT:N.

Points: before_the_first_call, after_evaluation, before_save, while_writing, before_commit, after_commit, at_the_end.
"""

import os
import signal
from collections import Counter

VARIABLE = "PADL_KILL_AT"
_reached: Counter[str] = Counter()


def reach(point: str) -> None:
    """Die here, where the environment names this point; with N, the Nth time that it is reached, counted from 1."""
    wanted, _, number = os.environ.get(VARIABLE, "").partition(":")
    if wanted != point:
        return
    _reached[point] += 1
    if _reached[point] == int(number or 1):
        os.kill(os.getpid(), signal.SIGKILL)
