"""A line in a notebook's output that changes while a run goes. NotebookLine."""

from time import monotonic
from typing import Any

from padl.errors import printable

BETWEEN = 0.2  # seconds between two changes: each is a message to the notebook


class NotebookLine:
    """One output of a cell, of which each text takes the place of the one before; it stays with the last.

    It needs IPython alone, no widgets.
    """

    def __init__(self) -> None:
        self._output: Any = None  # of IPython.display, once there is one
        self._text, self._shown, self._at = "", "", -BETWEEN

    def show(self, text: str) -> None:
        """Show a text, unless another came a moment ago; the last is shown when the line is closed."""
        self._text = text
        if monotonic() - self._at >= BETWEEN:
            self._put()

    def close(self) -> None:
        """Show what came last."""
        if self._text != self._shown:
            self._put()

    def _put(self) -> None:
        from IPython.display import display  # where a notebook is, it is

        content = {"text/plain": printable(self._text)}
        if self._output is None:
            self._output = display(content, raw=True, display_id=True)
        else:
            self._output.update(content, raw=True)
        self._shown, self._at = self._text, monotonic()
