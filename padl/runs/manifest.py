"""manifest.json: the SHA-256 of files of its folder, so that a changed bit is refused, not believed."""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

from padl import files
from padl.errors import PadlError
from padl.runs.run_folder import read_json, write_bytes

NAME = "manifest.json"
SHA256 = re.compile(r"[0-9a-f]{64}")


def write(
    folder: Path, contents: Mapping[str, bytes], others: Mapping[str, str] | None = None, durable: bool = True
) -> None:
    """Write files, and then the manifest that lists them.

    Args:
        contents: of each file by its name. others: {file name: SHA-256} of files that are there and listed too.
        durable: as in `run_folder.write_bytes`.
    """
    for name, content in contents.items():
        write_bytes(folder / name, content, durable)
    listed = {**(others or {}), **{name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}}
    write_bytes(folder / NAME, (json.dumps(listed, indent=2) + "\n").encode(), durable)


def is_guarded(folder: Path) -> bool:
    """Tell whether a folder has a manifest, be it damaged."""
    return os.path.lexists(folder / NAME)


def entries(folder: Path) -> dict[str, str]:
    """Return what a folder's manifest lists, {file name: SHA-256}; {} where there is none.

    Raises:
        PadlError: it cannot be read, or is no such list.
    """
    if not is_guarded(folder):
        return {}
    listed = read_json(folder / NAME)
    if not isinstance(listed, dict) or not all(isinstance(x, str) and SHA256.fullmatch(x) for x in listed.values()):
        raise PadlError(f"{folder / NAME} is damaged: it is no list of files with their SHA-256")
    return listed


def read(file: Path, largest: int) -> bytes:
    """Read a file that the manifest beside it lists.

    Args:
        largest: size in bytes that it may have.

    Raises:
        PadlError: it is missing, larger, not listed, or not as it was written.
    """
    try:
        content = files.read(file, largest)
    except FileNotFoundError as error:
        raise PadlError(f"{file} is missing: it was removed, or its folder is damaged") from error
    except OSError as error:
        raise PadlError(f"{file} cannot be read: {error.strerror}") from error
    check(file, content)
    return content


def check(file: Path, content: bytes) -> None:
    """Raise PadlError where this content of a file is not what the manifest beside it lists."""
    difference = difference_from_written(file, content)
    if difference:
        raise PadlError(f"{difference}: it is damaged or was edited, and is not used")


def difference_from_written(file: Path, content: bytes) -> str:
    """Say how this content of a file differs from what the manifest beside it lists: "" where it does not.

    Raises:
        PadlError: the manifest cannot be read.
    """
    listed = entries(file.parent).get(file.name)
    if listed is None:
        return f"{file} is not listed in the {NAME} beside it"
    return "" if listed == hashlib.sha256(content).hexdigest() else f"{file} is not as it was written"


def verify_all(folder: Path) -> None:
    """Check every file that a folder's manifest lists, those of folders inside it too.

    Raises:
        PadlError: there is no manifest, or a file is missing or not as it was written.
    """
    listed = entries(folder)
    if not listed:
        raise PadlError(f"{folder / NAME} is missing or empty")
    for name, expected in listed.items():
        file = folder / name
        if not file.is_file() or digest(file) != expected:
            raise PadlError(f"{file} is {'not as it was written' if file.is_file() else 'missing'}")


def digest(file: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()
