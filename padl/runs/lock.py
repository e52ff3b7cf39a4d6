"""A run folder belongs to the process that writes it: a lock that ends with the process. hold, is_held.

It needs no clock and no process number, both of which may mean something else later.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from padl.errors import PadlError

FILE = ".lock"


@contextmanager
def hold(folder: Path | None) -> Iterator[None]:
    """Hold a folder while it is written; None holds nothing.

    Raises:
        PadlError: another process holds it.
    """
    if folder is None:
        yield
        return
    lock = FileLock(folder / FILE, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise PadlError(f"{folder} is in use: another process is writing it") from error
    try:
        yield
    finally:
        lock.release()


def is_held(folder: Path) -> bool | None:
    """Tell whether a process of this machine writes a folder; None where nothing was ever held, or nobody may look."""
    if not (folder / FILE).is_file():
        return None
    lock = FileLock(folder / FILE, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        return True
    except OSError:
        return None
    lock.release()
    return False
