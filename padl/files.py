"""Read files that others wrote: regular ones alone, since a pipe blocks and a device never ends. open_regular, read."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

NON_BLOCKING = getattr(os, "O_NONBLOCK", 0)  # absent on Windows, which has no named pipes in its folders


def open_regular(file: str | Path, largest: int) -> BinaryIO:
    """Open a regular file to read its bytes.

    Args:
        largest: size in bytes of what is still opened.

    Raises:
        OSError: there is none, or it is a folder, a pipe, a device or larger; its `strerror` says which.
    """
    try:
        handle = open(file, "rb", opener=_opened)  # noqa: SIM115 (it is handed out)
    except ValueError as error:  # a NUL in its name
        raise OSError(errno.EINVAL, "not the name of a file", str(file)) from error
    if os.fstat(handle.fileno()).st_size > largest:
        handle.close()
        raise OSError(errno.EFBIG, f"larger than {largest:,} bytes", str(file))
    return handle


def read(file: str | Path, largest: int) -> bytes:
    """Read a regular file whole, as long as it is when it is opened: one that grows meanwhile is read up to there.

    Args, Raises:
        as of `open_regular`.
    """
    with open_regular(file, largest) as handle:
        return handle.read(os.fstat(handle.fileno()).st_size)


def _opened(path: str, flags: int) -> int:
    """The descriptor of a regular file: looked at before it is opened, and after, should it have been exchanged."""
    _check(os.stat(path), path)
    descriptor = os.open(path, flags | NON_BLOCKING)
    try:
        _check(os.fstat(descriptor), path)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _check(status: os.stat_result, path: str) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file, but a pipe, a socket or a device", path)
