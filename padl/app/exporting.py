"""Write a trained model for other programs: its parameters as safetensors, or its function as JAX serialises it.

export, check_new. Neither needs PADL to be read.
"""

import json
import os
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Unpack

import jax
import jax.numpy as jnp
import numpy as np

from padl.app.keywords import ModelThing, spelled_out
from padl.app.saved_runs import Which, load
from padl.app.trained_model import TrainedModel
from padl.jax_flags import pinned
from padl.registry import near
from padl.runs import writing
from padl.runs.redaction import redact
from padl.runs.run_folder import strict, to_json
from padl.runs.sink import warn
from padl.types import PadlError, one_line
from padl.version import install_extra

NEEDS = {"safetensors": "safetensors", "jax": "flatbuffers"}
PLATFORMS = ("cpu", "cuda", "tpu")
ROWS = "rows"  # what the number of rows is called in an exported function


@spelled_out()
def export(
    folder: str | Path, to: str, file: str | Path | None = None, which: Which = "best", **things: Unpack[ModelThing]
) -> Path:
    """Write the trained model of a run into a file that PADL is not needed for.

    safetensors: the parameters under the model's names, as "head.kernel"; the rest of its state under "state.", the
    statistics of the training inputs under "stats."; all else that is known as JSON in its metadata.
    jax: the function of inputs (n, ...) float32, any n, that `padl.load` gives, for `jax.export.deserialize`; what is
    known of it as JSON in a file beside it, with ".json" added to the name.

    Args:
        to: "safetensors" or "jax". file: to write, which must not be there; None is model.safetensors or model.jax in
            the run folder. which, things: as of `padl.load`.

    Returns:
        The file.

    Raises:
        PadlError: as `padl.load`; the file is there; a package of the extra `export` is missing; JAX cannot export it.
    """
    if to not in FORMATS:
        raise PadlError(f"no format '{to}'{near(to, FORMATS)} (there are: {', '.join(FORMATS)})")
    if find_spec(NEEDS[to]) is None:
        raise PadlError(f"{to} needs the package {NEEDS[to]}: {install_extra('export')}")
    file = Path(folder) / f"model.{to}" if file is None else Path(file).expanduser()
    if Path(folder).is_dir():  # or else it is no run, and `load` says so
        check_new(file)
    contents = FORMATS[to](load(folder, which, **things), which)
    written = {file.with_name(file.name + ending): content for ending, content in contents.items()}
    for each in written:
        check_new(each)
    for each, content in written.items():
        writing.write(each, content, durable=False)
    return file


def check_new(file: Path) -> None:
    """Refuse to write over a file, or into a folder that there is not, by PadlError."""
    if os.path.lexists(file):
        raise PadlError(f"{file} is there already, and is not written over: give another file (--out)")
    if not file.parent.is_dir():
        raise PadlError(f"{file} cannot be written: there is no folder {file.parent}")


def _known(model: TrainedModel, which: Which) -> dict[str, Any]:
    """What a reader wants to know beside the numbers."""
    return {
        "parameters": which,
        "task": dict(model.task),
        "class_names": list(model.task.get("names") or ()),
        "input_shape": list(model.input_shape),
        "predictions": model.words.predictions,
        "config": model.config,
        "data": dict(model.data),
    }


def _safetensors(model: TrainedModel, which: Which) -> dict[str, bytes]:
    from safetensors.numpy import save

    groups = {"": model.params, "state.": model.model_state, "stats.": model.stats}
    named = [(f"{prefix}{name}", x) for prefix, tree in groups.items() for name, x in _flat(tree)]
    tensors = {name: np.ascontiguousarray(x) for name, x in named}
    if len(tensors) < len(named):
        raise PadlError("a parameter of the model begins with 'state.' or 'stats.', as other numbers do: rename it")
    known = redact(strict(_known(model, which)))
    return {"": save(tensors, {key: x if isinstance(x, str) else json.dumps(x) for key, x in known.items()})}


def _flat(tree: Any) -> list[tuple[str, np.ndarray]]:
    """The arrays of a tree by their names, "mean" or "encoder.head.kernel"."""
    leaves, _ = jax.tree.flatten_with_path(tree)
    return [(jax.tree_util.keystr(path, simple=True, separator="."), np.asarray(x)) for path, x in leaves]


@pinned()
def _jax(model: TrainedModel, which: Which) -> dict[str, bytes]:
    from jax import export as exporting

    (rows,) = exporting.symbolic_shape(ROWS)
    inputs = jax.ShapeDtypeStruct((rows, *model.input_shape), jnp.float32)
    exported = _exported(jax.jit(model), inputs)
    known = {
        "inputs": {"shape": [ROWS, *model.input_shape], "dtype": "float32"},
        "outputs": [{"shape": _sizes(x.shape), "dtype": str(x.dtype)} for x in jax.tree.leaves(exported.out_avals)],
        "platforms": list(exported.platforms),
        "jax": jax.__version__,
        **_known(model, which),
    }
    return {"": bytes(exported.serialize()), ".json": to_json(known).encode()}


def _sizes(shape: tuple[Any, ...]) -> list[int | str]:
    return [size if isinstance(size, int) else str(size) for size in shape]


def _exported(function: Any, inputs: jax.ShapeDtypeStruct) -> Any:
    """The function for all platforms that it can be lowered to, the one here at least."""
    from jax import export as exporting

    here = jax.default_backend().replace("gpu", "cuda")
    try:
        return exporting.export(function, platforms=list(PLATFORMS))(inputs)
    except Exception as first:  # of JAX, of a plugin's model: a kernel for one platform
        try:
            exported = exporting.export(function, platforms=[here])(inputs)
        except Exception as error:
            raise PadlError(f"JAX cannot export this model for any number of rows ({one_line(error)})") from error
        warn(f"exported for {here} alone ({one_line(first)})")
        return exported


FORMATS: Mapping[str, Callable[[TrainedModel, Which], dict[str, bytes]]] = {"safetensors": _safetensors, "jax": _jax}
