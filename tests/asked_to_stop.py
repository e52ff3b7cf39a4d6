"""A run that is asked to stop at a chosen moment, as by a signal."""

import signal

from padl.app.stopping import StopRequest


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
