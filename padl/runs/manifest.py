"""manifest.json: the SHA-256 of files of its folder, so that a changed bit is refused, not believed."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from padl.runs.run_folder import read_json, write_json
from padl.types import PadlError

NAME = "manifest.json"


def write(folder: Path, names: Iterable[str], durable: bool = True) -> None:
    """Write the digests of these files of a folder; `durable` as in `run_folder.write_bytes`."""
    write_json(folder / NAME, {name: digest(folder / name) for name in names}, durable)


def entries(folder: Path) -> dict[str, str]:
    """Return what a folder's manifest lists, {file name: SHA-256}; {} where there is none.

    Raises:
        PadlError: it cannot be read.
    """
    return read_json(folder / NAME) if (folder / NAME).is_file() else {}


def verify(file: Path) -> None:
    """Check a file against the manifest beside it.

    Raises:
        PadlError: it is missing, not listed, or not as it was written.
    """
    if not file.is_file() or entries(file.parent).get(file.name) != digest(file):
        state = "is not as it was written" if file.is_file() else "is missing"
        raise PadlError(f"{file} {state}: it is damaged or was edited, and is not used")


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
