"""Find images: of a folder that has one folder for each class, or `train`, `val` and `test` with one each; or all.

find, below.
"""

from collections import Counter
from collections.abc import Iterable
from itertools import chain, filterfalse
from pathlib import Path
from typing import NamedTuple

import numpy as np

from padl.data.image_pixels import suffixes
from padl.data.sides import HELD_OUT, NAMES, TEST, TRAIN
from padl.types import PadlError, printable

OF_A_SYSTEM = {
    "@eadir", "@recycle", "#recycle", "__macosx", "$recycle.bin", "system volume information", "lost+found",
    "thumbs.db", "ehthumbs.db", "desktop.ini",
}  # fmt: skip
ALSO_CLASSES = ("train", "training", "dev")  # beside others a train is a thing, but nobody has a class "test"
MOST_NAMED = 12  # classes or endings in a line


class ImageFiles(NamedTuple):
    """The images of a folder.

    Attributes:
        images: their files. labels: (n,) int32. classes: their names, sorted.
        given: (n,) of `sides`, None where the folders do not say it. said: lines of what was found and left out.
    """

    images: list[Path]
    labels: np.ndarray
    classes: list[str]
    given: np.ndarray | None
    said: list[str]


def find(root: Path) -> ImageFiles:
    """Find the images below a folder, those of a class at any depth. Hidden files and folders are left out.

    Raises:
        PadlError: fewer than two classes, one without images, a side of a split that is none or stands beside classes,
            a folder that cannot be read.
    """
    try:
        return _find(root)
    except OSError as error:
        raise PadlError(f"{printable(str(error.filename or root))} cannot be read ({error.strerror})") from error


def below(root: Path) -> tuple[list[Path], list[str]]:
    """Find all images below a folder, sorted, but for hidden ones; and lines of what was left out.

    Raises:
        PadlError: there are none, or a folder cannot be read.
    """
    listing = _Folders(root)
    try:
        images = listing.images(root)
    except OSError as error:
        raise PadlError(f"{printable(str(error.filename or root))} cannot be read ({error.strerror})") from error
    if not images:
        raise PadlError(f"{printable(str(root))}: no image in it{listing.endings()}")
    return images, listing.lines()


def _find(root: Path) -> ImageFiles:
    listing = _Folders(root)
    parts = _sides(root, listing)
    of_side = {side: listing.classes(folder) for side, folder in parts.items()}
    classes = of_side[TRAIN]
    _check_classes(root, parts, of_side)
    found = [
        (file, label, side)
        for side, names in of_side.items()
        for label, name in enumerate(classes)
        if name in names
        for file in _of_class(root, parts[side] / name, listing, needed=side == TRAIN)
    ]
    images = [file for file, _, _ in found]
    labels, given = (np.array([row[i] for row in found], kind) for i, kind in ((1, np.int32), (2, np.int8)))
    _check_sides(root, parts, given, listing)
    split = [] if len(parts) == 1 else [_split_line(parts, given)]
    said = [_counted(classes, labels), *split, *listing.lines()]
    return ImageFiles(images, labels, classes, None if len(parts) == 1 else given, said)


def _of_class(root: Path, folder: Path, listing: "_Folders", needed: bool) -> list[Path]:
    images = listing.images(folder)
    if needed and not images:
        raise PadlError(f"task.path='{root}': no image in the folder of class '{folder.name}'{listing.endings()}")
    return images


# Sides and classes


def _sides(root: Path, listing: "_Folders") -> dict[int, Path]:
    """The folder of each side, {TRAIN: root} where there are none: in the order of the numbers."""
    folders, _ = _Folders(root).visible(root)
    named = [folder for folder in folders if folder.name.lower() in NAMES]
    others = [folder for folder in folders if folder not in named]
    if not named or (others and all(map(_is_class, named))):
        return {TRAIN: root}
    if others:
        side = next(folder for folder in named if not _is_class(folder))
        raise PadlError(
            f"task.path='{root}': '{side.name}' is a side of a split, and stands beside '{others[0].name}', which is"
            " none: move one of them away, or rename it"
        )
    parts = {NAMES[folder.name.lower()]: folder for folder in named}
    if len(parts) < len(named) or TRAIN not in parts or len(parts) == 1:
        raise PadlError(
            f"task.path='{root}' holds {', '.join(folder.name for folder in named)}: give it train, val and test, or"
            " train and one of them, once each, with a folder for each class in each of them; or classes alone"
        )
    listing.classes(root)  # which of its files are left out
    return dict(sorted(parts.items()))


def _is_class(folder: Path) -> bool:
    return folder.name.lower() in ALSO_CLASSES and not _Folders(folder).visible(folder)[0]


def _check_classes(root: Path, parts: dict[int, Path], of_side: dict[int, list[str]]) -> None:
    classes, train = of_side[TRAIN], parts[TRAIN].name
    if len(classes) < 2:
        where = "" if len(parts) == 1 else f" in '{train}'"
        raise PadlError(f"task.path='{root}': {len(classes)} class folders{where}, needs two or more")
    for side, names in of_side.items():
        unknown = [name for name in names if name not in classes]
        if unknown or not names:
            lack = f"has class '{unknown[0]}', which '{train}' has not" if unknown else "has no class folder"
            raise PadlError(f"task.path='{root}': '{parts[side].name}' {lack}")


def _check_sides(root: Path, parts: dict[int, Path], given: np.ndarray, listing: "_Folders") -> None:
    for side, folder in parts.items():
        if side not in given:
            raise PadlError(f"task.path='{root}': no image in the class folders of '{folder.name}'{listing.endings()}")


# What is found, and what is left out


class _Folders:
    """Lists folders below a root, and keeps account of what is left out of them."""

    def __init__(self, root: Path):
        self.root = root
        self.hidden: list[Path] = []
        self.links: list[Path] = []
        self.in_no_class: list[Path] = []
        self.others: list[Path] = []

    def visible(self, folder: Path) -> tuple[list[Path], list[Path]]:
        """List the folders and the files in a folder, but for hidden ones."""
        entries = sorted(folder.iterdir())
        self.hidden += filter(_hidden, entries)
        folders: list[Path] = []
        files: list[Path] = []
        for entry in filterfalse(_hidden, entries):
            (folders if entry.is_dir() else files).append(entry)
        return folders, files

    def classes(self, folder: Path) -> list[str]:
        """List the class folders in a folder; its images are of no class."""
        folders, files = self.visible(folder)
        self.in_no_class += [file for file in files if _is_image(file)]
        self.others += [file for file in files if not _is_image(file)]
        return [entry.name for entry in folders]

    def images(self, folder: Path) -> list[Path]:
        """List the images in a folder and in those below it; folders that are links are not followed."""
        folders, files = self.visible(folder)
        self.others += [file for file in files if not _is_image(file)]
        self.links += [entry for entry in folders if entry.is_symlink()]
        below = [self.images(entry) for entry in folders if not entry.is_symlink()]
        return sorted([*filter(_is_image, files), *chain(*below)])

    def endings(self) -> str:
        """`, but 3 .heic`: the endings of other files."""
        return f", but {self._by_ending()}" if self.others else ""

    def lines(self) -> list[str]:
        """Return a line for each kind of what was left out."""
        kinds = {
            "hidden files or folders": self.hidden,
            "folders that are links": self.links,
            "images in no class folder": self.in_no_class,
        }
        lines = []
        for what, entries in kinds.items():
            if entries:
                first = printable(str(entries[0].relative_to(self.root)))
                lines.append(f"left out: {len(entries):,} {what} ({first}{' ...' if len(entries) > 1 else ''})")
        if self.others:
            lines.append(f"left out, as no image by its ending that PADL reads: {self._by_ending()}")
        return lines

    def _by_ending(self) -> str:
        counts = Counter(file.suffix.lower() or "without one" for file in self.others)
        return _listed(f"{count:,} {printable(ending)}" for ending, count in counts.most_common())


def _hidden(entry: Path) -> bool:
    return entry.name.startswith(".") or entry.name.lower() in OF_A_SYSTEM


def _is_image(file: Path) -> bool:
    return file.suffix.lower() in suffixes()


def _counted(classes: list[str], labels: np.ndarray) -> str:
    """`1,200 images of 2 classes: cat 700, dog 500`."""
    counts = np.bincount(labels, minlength=len(classes))
    of_each = _listed(f"{printable(name)} {count:,}" for name, count in zip(classes, counts, strict=True))
    return f"{len(labels):,} images of {len(classes):,} classes: {of_each}"


def _split_line(parts: dict[int, Path], given: np.ndarray) -> str:
    """`the folders are the split: train 80, val 10 held out, test 10 to test`."""
    words = {TRAIN: "", HELD_OUT: " held out", TEST: " to test"}
    counts = ", ".join(f"{folder.name} {(given == side).sum():,}{words[side]}" for side, folder in parts.items())
    unused = "; task.held_out is not used" if HELD_OUT in parts else ""
    return f"the folders are the split: {counts}{unused}"


def _listed(words: Iterable[str]) -> str:
    words = list(words)
    more = f" and {len(words) - MOST_NAMED:,} more" if len(words) > MOST_NAMED else ""
    return ", ".join(words[:MOST_NAMED]) + more
