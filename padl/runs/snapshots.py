"""Snapshots: all that a run needs to go on, each in a folder snapshots/STEP with the digests of its files.

A thread of its own writes them while training goes on: into a folder beside, which gets its name only when all of it
is on the disk. Then it is read again and checked, and only then older ones go: the last good one is never removed
before the next is known to be good. SnapshotStore, StoredSnapshot, newest.
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from padl.runs import manifest
from padl.runs.array_store import read_arrays, write_arrays
from padl.runs.fault_points import reach
from padl.runs.leaves import Form, bytes_of, check_form, form_of, leaves_of, tree_of
from padl.runs.run_folder import read_json, sync, write_json
from padl.runs.sink import warn
from padl.types import PadlError, PyTree, one_line

FOLDER, RECORD, PART = "snapshots", "record.json", ".part"


class SnapshotStore:
    """Writes the snapshots of a run, or of a program of a sweep.

    Args:
        place: a folder of the run folder for them. keep: how many of the last ones stay.
    """

    def __init__(self, place: Path, keep: int):
        self.place, self.keep = place, keep
        self.last_step: int | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="padl-snapshots")
        self._saving: Future[None] | None = None

    @property
    def is_saving(self) -> bool:
        """Whether the last snapshot is still being written."""
        return self._saving is not None and not self._saving.done()

    def save(self, step: int, tree: PyTree, record: Mapping[str, Any], before: Callable[[], Any]) -> None:
        """Begin to write a snapshot, when the one before is written. One that cannot be written costs a line.

        Args:
            step: updates done. tree: of arrays, that nothing changes any more. record: what else belongs to it, for
                JSON. before: called by the thread before anything is written.
        """
        self.wait()
        reach("before_save")
        self._saving = self._thread.submit(self._save, step, tree, record, before)

    def wait(self) -> None:
        """Wait until the last snapshot is written and checked."""
        if self._saving is not None:
            self._saving.result()

    def close(self) -> None:
        """Wait, and end the thread."""
        self.wait()
        self._thread.shutdown()

    def _save(self, step: int, tree: PyTree, record: Mapping[str, Any], before: Callable[[], Any]) -> None:
        part = self.place / f"{step:09d}{PART}"
        try:
            before()
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir(parents=True)
            _write(part, step, tree, record)
            reach("before_commit")
            final = self.place / f"{step:09d}"
            shutil.rmtree(final, ignore_errors=True)  # the same step again, after a run went on from an earlier one
            part.rename(final)
            sync(self.place)
            manifest.verify_all(final)
            self.last_step = step
            reach("after_commit")
            self._prune()
        except (OSError, ValueError) as error:
            shutil.rmtree(part, ignore_errors=True)
            stays = f"that of step {self.last_step} stays" if self.last_step is not None else "there is none yet"
            warn(f"no snapshot of step {step} could be written in {self.place} ({one_line(error)}): {stays}")

    def _prune(self) -> None:
        """Remove all but the last ones, and what an earlier process left unfinished."""
        for old in _folders(self.place)[self.keep :]:
            shutil.rmtree(old, ignore_errors=True)
        for part in self.place.glob(f"*{PART}"):
            shutil.rmtree(part, ignore_errors=True)


def _write(part: Path, step: int, tree: PyTree, record: Mapping[str, Any]) -> None:
    write_arrays(part, leaves_of(tree))
    reach("while_writing")
    write_json(part / RECORD, {"step": step, "form": list(form_of(tree).items()), **record})
    files = sorted(file for file in part.rglob("*") if file.is_file())
    manifest.write(part, {}, {str(file.relative_to(part)): manifest.digest(file) for file in files})


class StoredSnapshot:
    """A snapshot on the disk whose files are as they were written.

    Attributes:
        step: updates done. record: what was saved beside the arrays.

    Raises:
        PadlError: it is damaged.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        with self.readable():
            manifest.verify_all(folder)
            self.record: dict[str, Any] = read_json(folder / RECORD)
            self.step = int(self.record["step"])
            self.form: Form = dict(self.record["form"])

    @contextmanager
    def readable(self) -> Iterator[None]:
        """Make one line of what reading the record raises where it is not one that PADL wrote."""
        try:
            yield
        except PadlError:
            raise
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
            raise PadlError(f"{self.folder} is damaged, or no snapshot of PADL's ({one_line(error)})") from error

    def tree(self, like: PyTree) -> PyTree:
        """Read the arrays into a tree of the form of `like`, as NumPy arrays.

        Raises:
            PadlError: it has another form.
        """
        try:
            check_form(self.form, form_of(like))
        except PadlError as error:
            raise PadlError(f"{self.folder} is the snapshot of another program: {error}") from error
        with self.readable():
            return tree_of(like, read_arrays(self.folder, bytes_of(like)))


def newest(place: Path) -> StoredSnapshot | None:
    """Return the newest snapshot that is whole; one that is damaged is named in a line, and passed over.

    Returns:
        None where there is none.
    """
    for folder in _folders(place):
        try:
            return StoredSnapshot(folder)
        except PadlError as error:
            warn(f"THE SNAPSHOT {folder} IS DAMAGED AND NOT USED ({error}); the one before is looked for")
    return None


def set_aside(used: StoredSnapshot) -> None:
    """Rename the damaged snapshots after the one that is used: they must not pass for the newest again."""
    for folder in _folders(used.folder.parent):
        if int(folder.name) > used.step:
            folder.rename(folder.with_name(f"{folder.name}.damaged"))


def _folders(place: Path) -> list[Path]:
    """Of finished snapshots, the newest first."""
    return sorted((f for f in place.glob("*") if f.name.isdigit() and f.is_dir()), reverse=True)
