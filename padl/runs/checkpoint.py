"""Parameters on disk: checkpoint/final.msgpack and best.msgpack, each {"params", "model_state"}, and stats.msgpack.

They are flax's message packs: arrays and nothing that could run, written in a fraction of a millisecond, so that each
of a sweep's hundreds of members keeps its own. model.json says what calling the model needs, and
manifest.json has the SHA-256 of every file: a flipped bit is refused.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from padl.runs import manifest
from padl.runs.run_folder import read_json, write_bytes, write_json
from padl.types import PadlError, PyTree


def save(folder: Path, trees: Mapping[str, PyTree], model: Mapping[str, Any], durable: bool = True) -> None:
    """Write each tree of arrays under its name, and `model` as JSON. The manifest comes last.

    Args:
        durable: as in `run_folder.write_bytes`.
    """
    from flax.serialization import msgpack_serialize

    place = folder.absolute() / "checkpoint"
    place.mkdir(exist_ok=True)
    for name, tree in trees.items():
        write_bytes(place / f"{name}.msgpack", msgpack_serialize(jax.tree.map(np.asarray, tree)), durable)
    write_json(place / "model.json", model, durable)
    manifest.write(place, [*(f"{name}.msgpack" for name in trees), "model.json"], durable)


def load(folder: Path, name: str) -> PyTree:
    """Read the tree saved under `name`, as NumPy arrays.

    Raises:
        PadlError: there is none, or its file is not as it was written.
    """
    from flax.serialization import msgpack_restore

    file = folder.absolute() / "checkpoint" / f"{name}.msgpack"
    if not file.is_file() and file.name not in manifest.entries(file.parent):
        raise PadlError(f"{folder} has no checkpoint '{name}': the run did not end well, or had run.save=false")
    manifest.verify(file)
    return msgpack_restore(file.read_bytes())


def load_model(folder: Path) -> dict[str, Any]:
    """Read what `save` wrote of the model; raises PadlError where it is missing or not as it was written."""
    place = folder.absolute() / "checkpoint"
    if not place.is_dir():
        raise PadlError(f"{folder} has no checkpoint: the run did not end well, or had run.save=false")
    manifest.verify(place / "model.json")
    return read_json(place / "model.json")
