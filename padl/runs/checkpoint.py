"""Parameters on disk: checkpoint/final.msgpack and best.msgpack, each {"params", "model_state"}, and stats.msgpack.

They are flax's message packs: arrays and nothing that could run, written in a fraction of a millisecond, so that each
of a sweep's hundreds of members keeps its own. model.json says what calling the model needs, and
manifest.json has the SHA-256 of every file: a flipped bit is refused. A manifest can be made by anybody, so what is
read is also held against what it should be, before it is used: sizes, names, shapes, dtypes, finite numbers.
"""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np

from padl.runs import manifest
from padl.runs.run_folder import LARGEST_JSON, parse_json, to_json
from padl.types import PadlError, PyTree, one_line

LARGEST_STATS = 2**28  # bytes; a number or a few for each column of the inputs
SPARE_BYTES, SPARE_PER_ARRAY = 2**12, 2**9  # what names, shapes and dtypes may add to the bytes of arrays
LONGEST_LIST = 256  # in a message pack, where room for a list is made before its items are read: of shapes and tuples


def save(folder: Path, trees: Mapping[str, PyTree], model: Mapping[str, Any], durable: bool = True) -> None:
    """Write each tree of arrays under its name, and `model` as JSON. The manifest comes last.

    Args:
        durable: as in `run_folder.write_bytes`.
    """
    from flax.serialization import msgpack_serialize

    place = folder.absolute() / "checkpoint"
    place.mkdir(exist_ok=True)
    contents = {f"{name}.msgpack": msgpack_serialize(jax.tree.map(np.asarray, tree)) for name, tree in trees.items()}
    manifest.write(place, {**contents, "model.json": to_json(model).encode()}, durable=durable)


def load(folder: Path, name: str, like: PyTree) -> PyTree:
    """Read the tree saved under `name`, as NumPy arrays in the structure of `like`.

    Args:
        like: arrays, or `jax.ShapeDtypeStruct`s, of the shapes and dtypes that it must have.

    Raises:
        PadlError: there is none, its file is not as it was written, or it is another tree or holds a NaN or infinity.
    """
    sizes = [math.prod(x.shape) * x.dtype.itemsize for x in jax.tree.leaves(like)]
    largest = sum(sizes) + SPARE_PER_ARRAY * len(sizes) + SPARE_BYTES
    file = _file(folder, name)
    arrays = dict(_arrays(_read(file, largest), file))
    wanted, structure = jax.tree.flatten_with_path(like)
    named = {_name(path): x for path, x in wanted}
    for problem, names in (("lacks", named.keys() - arrays), ("also holds", arrays.keys() - named)):
        if names:
            raise PadlError(f"{file} {problem} {_some(names)}: it is not of the model that the configuration says")
    for at, x in named.items():
        _check(arrays[at], x, f"{file}: {at}")
    return structure.unflatten([arrays[at] for at in named])


def load_stats(folder: Path) -> PyTree:
    """Read what was saved of the training inputs' statistics: a tree of arrays of numbers.

    Raises:
        PadlError: there is none, its file is not as it was written, or it holds something else.
    """
    file = _file(folder, "stats")
    stats = _read(file, LARGEST_STATS)
    for name, array in _arrays(stats, file):
        _check_finite(array, f"{file}: {name}")
    return stats


def load_model(folder: Path) -> dict[str, Any]:
    """Read what `save` wrote of the model; raises PadlError where it is missing or not as it was written."""
    place = folder.absolute() / "checkpoint"
    if not place.is_dir():
        raise PadlError(f"{folder} has no checkpoint: the run did not end well, or had run.save=false")
    file = place / "model.json"
    about = parse_json(manifest.read(file, LARGEST_JSON), file)
    shape = about.get("input_shape", ()) if isinstance(about, dict) else ()
    is_shape = shape is None or (isinstance(shape, list) and shape and all(type(n) is int and n > 0 for n in shape))
    if not is_shape or not isinstance(about.get("task"), dict) or not isinstance(about.get("data"), str):
        raise PadlError(f"{file} does not say what calling the model needs: it is damaged")
    return about


def digest(folder: Path, name: str) -> str:
    """Return the SHA-256 that the manifest lists of the tree saved under `name`, "" where there is none."""
    return manifest.entries(folder.absolute() / "checkpoint").get(f"{name}.msgpack", "")


def _file(folder: Path, name: str) -> Path:
    file = folder.absolute() / "checkpoint" / f"{name}.msgpack"
    if not file.is_file() and file.name not in manifest.entries(file.parent):
        raise PadlError(f"{folder} has no checkpoint '{name}': the run did not end well, or had run.save=false")
    return file


def _read(file: Path, largest: int) -> Any:
    """The content of a message pack that the manifest lists."""
    return unpack(manifest.read(file, largest), file)


def unpack(content: bytes, file: Path) -> Any:
    """Return what a message pack holds: nested dicts, lists, arrays, or whatever a stranger put there.

    Raises:
        PadlError: it is none; `file` is what the line names.
    """
    import msgpack
    from flax.serialization import msgpack_restore

    try:
        msgpack.unpackb(content, ext_hook=_check_lists, strict_map_key=False, max_array_len=LONGEST_LIST)
        return msgpack_restore(content)
    except Exception as error:  # what hostile bytes raise is of many kinds
        raise PadlError(f"{file} is no checkpoint ({one_line(error)})") from error


def _check_lists(code: int, data: bytes) -> None:
    import msgpack

    msgpack.unpackb(data, raw=True, max_array_len=LONGEST_LIST)


def _arrays(tree: Any, file: Path, at: tuple[str, ...] = ()) -> Iterator[tuple[str, np.ndarray]]:
    """The arrays of a tree by their names, `params.head.kernel`; PadlError for what is none."""
    if isinstance(tree, (list, tuple)):
        tree = dict(enumerate(tree))
    if isinstance(tree, Mapping) and len(at) < LONGEST_LIST:
        for key, inner in tree.items():
            yield from _arrays(inner, file, (*at, str(key)))
    elif isinstance(tree, (np.ndarray, np.generic)):
        yield ".".join(at), np.asarray(tree)
    else:
        raise PadlError(f"{file} is no checkpoint: {'.'.join(at[:9]) or 'it'} is no array")


def _check(array: np.ndarray, like: Any, name: str) -> None:
    if array.shape != like.shape or array.dtype != like.dtype:
        was = f"{array.dtype}{list(array.shape)}, where the run's configuration makes {like.dtype}{list(like.shape)}"
        raise PadlError(f"{name} is {was}")
    _check_finite(array, name)


def _check_finite(array: np.ndarray, name: str) -> None:
    try:
        finite = bool(np.isfinite(array).all())
    except TypeError:  # not numbers at all
        finite = False
    if not finite:
        raise PadlError(f"{name} holds a NaN, an infinity or what is no number")


def _name(path: Any) -> str:
    return jax.tree_util.keystr(path, simple=True, separator=".")


def _some(names: Any) -> str:
    first, *others = sorted(names)
    return f"{first} and {len(others)} more" if others else first
