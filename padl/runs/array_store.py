"""Arrays on disk: one message pack where they are small, Orbax where they are large or spread over processes.

A message pack is written in a millisecond, without importing anything large, so that a run of seconds can afford it;
Orbax writes shard by shard, each process its own. write_arrays, read_arrays.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from padl import files
from padl.errors import PadlError, one_line
from padl.runs.checkpoint import SPARE_BYTES, unpack
from padl.runs.run_folder import write_bytes

SMALL = 256 * 2**20  # bytes; a message pack needs them in memory twice
PACK, TREE = "arrays.msgpack", "arrays"  # a file, and Orbax's folder


def write_arrays(place: Path, arrays: Mapping[str, Any], small: int = SMALL) -> None:
    """Write named arrays into a folder that is there.

    Args:
        small: up to so many bytes in all they are one message pack, where this process has them whole.
    """
    if sum(x.nbytes for x in arrays.values()) > small or not all(_is_whole(x) for x in arrays.values()):
        _write_by_orbax(place / TREE, arrays)
        return
    from flax.serialization import msgpack_serialize

    write_bytes(place / PACK, msgpack_serialize({name: np.asarray(x) for name, x in arrays.items()}))


def read_arrays(place: Path, size: int) -> dict[str, Any]:
    """Read what `write_arrays` wrote, whose digests were checked.

    Args:
        size: of all arrays together, in bytes; a file that is much larger is not read.

    Raises:
        PadlError: it is no such file.
    """
    try:
        if (place / TREE).is_dir():
            return _read_by_orbax(place / TREE)
        return dict(unpack(files.read(place / PACK, 2 * size + SPARE_BYTES), place / PACK))
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise PadlError(f"the arrays in {place} cannot be read ({one_line(error)})") from error


def _is_whole(x: Any) -> bool:
    return not isinstance(x, jax.Array) or x.is_fully_addressable


def _write_by_orbax(folder: Path, arrays: Mapping[str, Any]) -> None:
    import orbax.checkpoint as ocp

    with ocp.PyTreeCheckpointer() as checkpointer:
        checkpointer.save(folder.absolute(), dict(arrays))


def _read_by_orbax(folder: Path) -> dict[str, Any]:
    import orbax.checkpoint as ocp

    with ocp.PyTreeCheckpointer() as checkpointer:
        about = checkpointer.metadata(folder.absolute()).item_metadata
        as_numpy = jax.tree.map(lambda _: ocp.RestoreArgs(restore_type=np.ndarray), dict(about))
        return checkpointer.restore(folder.absolute(), restore_args=as_numpy)
