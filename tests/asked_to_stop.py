"""A run or a sweep that is asked to stop at a chosen moment, as by a signal."""

import signal

from padl.app.stopping import Stopped, StopRequest
from padl.app.sweep import results
from padl.app.sweep.resume import reopen, train_again


class After(StopRequest):
    """Asks to stop when it was looked at so many times: once before the run, and after each call."""

    def __init__(self, looks):
        self.looks = looks

    @property
    def signal(self):
        self.looks -= 1
        return signal.SIGTERM if self.looks < 0 else None

    @property
    def reason(self):
        return "SIGTERM"


def go_on_until_done(folder, looks, before=lambda: None):
    """Go on with a sweep that is stopped again after so many looks each time; `before` is called before each."""
    for _ in range(40):
        before()
        sweep = reopen(folder, stop=After(looks))
        try:
            train_again(sweep)
            return
        except Stopped:
            continue
        finally:
            results.finish(sweep)
