"""Parameters on disk, by orbax: checkpoint/final and checkpoint/best, each {"params", "rest"}; and what a model needs
beside them to be called, in checkpoint/model.json and checkpoint/stats.

Checkpoints in mid-run belong here too, under checkpoint/<step>.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from padl.runs.record import read_json, write_json
from padl.types import PadlError, PyTree


def save(folder: Path, trees: Mapping[str, PyTree], model: Mapping[str, Any]) -> None:
    """Write each tree of arrays under its name, and `model` as JSON."""
    with _orbax() as checkpointer:
        for name, tree in trees.items():
            checkpointer.save(folder.absolute() / "checkpoint" / name, jax.tree.map(np.asarray, tree))
    write_json(folder / "checkpoint" / "model.json", model)


def load(folder: Path, name: str) -> PyTree:
    """The tree saved under `name`, as NumPy arrays.

    Raises:
        PadlError: there is none, or it cannot be read.
    """
    place = folder.absolute() / "checkpoint" / name
    if not place.is_dir():
        raise PadlError(f"{folder} has no checkpoint '{name}': was it trained with run.save=true?")
    with _orbax() as checkpointer:
        try:
            shapes = checkpointer.metadata(place).item_metadata.tree
            as_numpy = jax.tree.map(lambda _: _restore_as_numpy(), shapes)
            return checkpointer.restore(place, restore_args=as_numpy)
        except Exception as error:
            why = str(error).partition("\n")[0]
            raise PadlError(
                f"{place} cannot be read ({type(error).__name__}: {why}): it is damaged or incomplete"
            ) from error


def load_model(folder: Path) -> dict[str, Any]:
    """What `save` wrote of the model."""
    return read_json(folder / "checkpoint" / "model.json")


def _orbax() -> Any:
    logging.getLogger("absl").setLevel(logging.ERROR)  # orbax tells its steps at INFO and its defaults at WARNING
    import orbax.checkpoint as ocp

    return ocp.PyTreeCheckpointer()


def _restore_as_numpy() -> Any:
    import orbax.checkpoint as ocp

    return ocp.RestoreArgs(restore_type=np.ndarray)
