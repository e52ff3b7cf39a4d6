"""Standard streams that take no more: a pipe that nobody reads, a full disk.

refuses, drop, read_or_not, say, not_done_by_a_pipe.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


def refuses(stream: Any) -> bool:
    """Tell whether a standard stream takes no more of what it was given."""
    try:
        if stream is not None:
            stream.flush()
    except ValueError:  # closed by the one who called
        return False
    except OSError:
        return True
    return False


def drop(stream: Any) -> None:
    """Let what a stream holds back, and all that is written to it from here on, go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


@contextmanager
def read_or_not() -> Iterator[None]:
    """Print, or go on where nobody reads standard output any more (`padl train | head -1`): what follows is dropped.

    Raises:
        OSError: that says what it is about, as of a full disk.
    """
    try:
        yield
    except BrokenPipeError:
        drop(sys.stdout)
    except OSError as error:
        raise OSError(error.errno, error.strerror, error.filename or "standard output") from error


def say(line: str) -> None:
    """Print a line of a plan, also where nobody reads it."""
    from padl.cli.formatting import print_line

    with read_or_not():
        print_line(line)


@contextmanager
def not_done_by_a_pipe() -> Iterator[None]:
    """Let a pipe that breaks in mid-run, in what a plugin prints, be a mistake: a command that only prints is done.

    Raises:
        PadlError: in the place of BrokenPipeError.
    """
    from padl.errors import PadlError

    try:
        yield
    except BrokenPipeError as error:
        raise PadlError("what a plugin prints is read by nobody any more, and that ended the run") from error
