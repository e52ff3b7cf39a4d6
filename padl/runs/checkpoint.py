"""Parameters on disk, by orbax: checkpoint/final and checkpoint/best, each {"params", "rest"}, and checkpoint/stats.

Beside them model.json says what calling the model needs, and manifest.json the SHA-256 of every file: orbax checks no
content, and would restore a flipped bit in silence. Checkpoints in mid-run belong here too, under checkpoint/<step>.
"""

import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from padl.runs.record import read_json, write_json
from padl.types import PadlError, PyTree


def save(folder: Path, trees: Mapping[str, PyTree], model: Mapping[str, Any]) -> None:
    """Write each tree of arrays under its name, and `model` as JSON. The manifest comes last."""
    place = folder.absolute() / "checkpoint"
    checkpointer, _ = _orbax()
    with checkpointer:
        for name, tree in trees.items():
            checkpointer.save(place / name, jax.tree.map(np.asarray, tree))
    write_json(place / "model.json", model)
    write_json(place / "manifest.json", {str(f.relative_to(place)): _digest(f) for f in _files(place)})


def load(folder: Path, name: str) -> PyTree:
    """The tree saved under `name`, as NumPy arrays.

    Raises:
        PadlError: there is none, or a file of it is missing or not as it was written.
    """
    place = folder.absolute() / "checkpoint"
    if not (place / name).is_dir():
        raise PadlError(f"{folder} has no checkpoint '{name}': the run did not end well, or had run.save=false")
    verify(place, name)
    checkpointer, as_numpy = _orbax()
    with checkpointer:
        shapes = checkpointer.metadata(place / name).item_metadata.tree
        return checkpointer.restore(place / name, restore_args=jax.tree.map(lambda _: as_numpy, shapes))


def load_model(folder: Path) -> dict[str, Any]:
    """What `save` wrote of the model; PadlError where it is missing or not as it was written."""
    place = folder.absolute() / "checkpoint"
    if not place.is_dir():
        raise PadlError(f"{folder} has no checkpoint: the run did not end well, or had run.save=false")
    verify(place, "model.json")
    return read_json(place / "model.json")


def verify(place: Path, name: str) -> None:
    """Raises PadlError for the first file of a checkpoint that is missing or not as it was written."""
    for file, digest in read_json(place / "manifest.json").items():
        if file != name and not file.startswith(f"{name}/"):
            continue
        path = place / file
        if not path.is_file() or _digest(path) != digest:
            state = "is not as it was written" if path.is_file() else "is missing"
            raise PadlError(f"{path} {state}: checkpoint '{name}' is damaged, and is not loaded")


def _files(place: Path) -> list[Path]:
    return sorted(f for f in place.rglob("*") if f.is_file())


def _digest(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _orbax() -> tuple[Any, Any]:
    """A checkpointer, and the argument that restores a leaf as a NumPy array."""
    logging.getLogger("absl").setLevel(logging.ERROR)  # orbax tells its steps at INFO and its defaults at WARNING
    import orbax.checkpoint as ocp

    return ocp.PyTreeCheckpointer(), ocp.RestoreArgs(restore_type=np.ndarray)
