"""Say which process something belongs to, and tell whether that still lives. this_process, is_of_this_host, is_dead."""

import os
import socket
from collections.abc import Mapping
from typing import Any

import psutil

SLACK = 5.0  # seconds by which two readings of the start of one process may differ


def this_process() -> dict[str, Any]:
    """Return what tells this process from every other, also from a later one with its number; JSON can hold it."""
    return {"host": socket.gethostname(), "pid": os.getpid(), "started": psutil.Process().create_time()}


def is_of_this_host(owner: Mapping[str, Any]) -> bool:
    """Tell whether a process, as `this_process` described it there, is one of this host."""
    return owner["host"] == socket.gethostname()


def is_dead(owner: Mapping[str, Any]) -> bool:
    """Tell whether a process, as `this_process` described it there, has ended; of another host nobody can, so False."""
    if not is_of_this_host(owner):
        return False
    try:
        process = psutil.Process(owner["pid"])
        return process.status() == psutil.STATUS_ZOMBIE or abs(process.create_time() - owner["started"]) > SLACK
    except psutil.NoSuchProcess:
        return True
