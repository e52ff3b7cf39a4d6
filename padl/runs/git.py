"""The commit of a folder, as git tells it. of_folder, of_padl."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

SECONDS = 5.0  # for git to answer
USER = re.compile(r"^([a-z][a-z0-9+.-]*://)[^/]*@", re.IGNORECASE)  # of a URL: a name and a password, or a token


def of_folder(folder: Path) -> dict[str, Any] | None:
    """Return the commit of the repository that a folder is in; None outside one, and before its first commit.

    Returns:
        commit; dirty: whether tracked files differ from it, None where git does not say in time; remote: the address
        of "origin" without user and password, None without one.
    """
    try:
        commit = _git(folder, "rev-parse", "HEAD")
    except (OSError, subprocess.SubprocessError):
        return None
    remote = USER.sub(r"\1", _said(folder, "config", "--get", "remote.origin.url") or "")
    changes = _said(folder, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit, "dirty": None if changes is None else bool(changes), "remote": remote or None}


def of_padl() -> dict[str, Any] | None:
    """Return the commit of the checkout that PADL runs from, and whether files differ from it; None outside one."""
    here = Path(__file__).resolve().parent
    try:
        if Path(_git(here, "rev-parse", "--show-toplevel")) != here.parents[1]:
            return None  # installed inside somebody else's repository
        return {"commit": _git(here, "rev-parse", "HEAD"), "dirty": bool(_git(here, "status", "--porcelain"))}
    except (OSError, subprocess.SubprocessError):
        return None


def _said(folder: Path, *words: str) -> str | None:
    """What git answers; None where it fails."""
    try:
        return _git(folder, *words)
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *words: str) -> str:
    """What git answers. It writes nothing, and starts no program that the folder's own settings name."""
    command = ["git", "-c", "core.fsmonitor=false", "-C", str(folder), *words]
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=True, env=environment)
    return done.stdout.strip()
