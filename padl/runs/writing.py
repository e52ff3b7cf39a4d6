"""Write a file on a disk that may be full, or whose folder may be gone. write, naming, FULL."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from padl.errors import PadlError

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # the system's errors where there is no room


def write(file: Path, content: bytes, durable: bool) -> None:
    """Write a file whole, or leave the one that is there as it was; `durable` as in `run_folder.write_bytes`.

    Raises:
        OSError: with the name of the file. PadlError: its folder is there no more.
    """
    with naming(file):
        if not durable:
            _write_in_place(file, content)
            return
        try:
            _write_beside(file, content)
        except OSError as error:
            if error.errno not in FULL or not file.is_file():
                raise
            _write_in_place(file, content)  # no room for a second file, but the first has its own


@contextlib.contextmanager
def naming(file: Path) -> Iterator[None]:
    """Put the name of a file of a run into the system's error about it.

    Raises:
        PadlError: its folder is there no more.
    """
    try:
        yield
    except OSError as error:
        if not file.parent.is_dir():
            raise PadlError(
                f"{file.parent} is there no more, so {file.name} cannot be written: removed or renamed in mid-run?"
            ) from error
        raise OSError(error.errno, error.strerror, str(file)) from error


def _write_beside(file: Path, content: bytes) -> None:
    """Write another file, and put it in the place of this one when it is whole."""
    part = file.with_name(file.name + ".part")
    try:
        with part.open("wb") as handle:
            handle.write(content)
            handle.flush()
            os.fsync(handle.fileno())
        part.replace(file)
    except BaseException:
        _remove(part)
        raise


def _write_in_place(file: Path, content: bytes) -> None:
    """Write over what there is, in the room that it has; a new file that does not become whole is taken away."""
    is_new = not file.exists()
    try:
        with file.open("wb" if is_new else "r+b") as handle:
            handle.write(content)
            handle.truncate()
    except BaseException:
        if is_new:
            _remove(file)
        raise


def _remove(file: Path) -> None:
    with contextlib.suppress(OSError):
        file.unlink()
