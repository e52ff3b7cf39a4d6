"""Begin with the parameters of other runs: those of the same name and shape. WarmStarts, merge, digests, Taken."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import numpy as np

from padl.app.objects.stored import is_from_python
from padl.app.plan import run_key
from padl.app.run_spec import RunSpec
from padl.app.saved_runs import TrainedModel, load
from padl.app.settings import StartSettings
from padl.engine.experiment import Pretrained
from padl.runs import checkpoint, run_files
from padl.runs.console import print_table
from padl.runs.processes import is_writer
from padl.runs.sink import warn
from padl.types import PadlError, PyTree

Fate = Literal["taken", "another shape", "not there", "left out", "not here"]


class Taken(NamedTuple):
    """What became of one array: its name, its shapes here and in the other run (None where it has none), its fate."""

    name: str
    here: tuple[int, ...] | None
    there: tuple[int, ...] | None
    fate: Fate


class WarmStarts:
    """Reads the runs that others begin with, each once, and says once what of it is taken."""

    def __init__(self) -> None:
        self._models: dict[Any, TrainedModel] = {}  # by folder, and which of its parameters
        self._pretrained: dict[Any, Pretrained] = {}  # by what begins with what
        self._tables: list[Any] = []  # those that were shown

    def of(self, spec: RunSpec) -> Pretrained | tuple[()]:
        """Return the arrays that a run begins with in the place of fresh ones, () for none.

        Returns:
            NumPy arrays; for runs that begin alike the same object.

        Raises:
            PadlError: that folder has no usable checkpoint, or nothing in it fits.
        """
        if spec.start.from_ is None:
            return ()
        if "model" not in spec.config:
            raise PadlError(f"start.from: task '{spec.config['task']['name']}' has no model to take parameters into")
        key = spec.start, spec.experiment.objective
        if key not in self._pretrained:
            self._pretrained[key] = self._merged(spec)
        return self._pretrained[key]

    def _merged(self, spec: RunSpec) -> Pretrained:
        start, other = spec.start, self._model(spec)
        fresh = jax.eval_shape(spec.experiment.objective.init, run_key(spec.settings.seed), spec.hparams)
        params, table = merge(fresh[0], other.params, start.only)
        if spec.settings.progress != "none" and is_writer() and (start, table) not in self._tables:
            warn(f"parameters of {start.from_} ({start.which})")
            print_table(("parameters", "here", "there", ""), [list(map(_cell, row)) for row in table])
        self._tables.append((start, table))
        if not any(row.fate == "taken" for row in table):
            raise PadlError(f"start.from={start.from_}: none of its parameters has a name and shape of this model")
        return Pretrained(params, merge(fresh[1], other.model_state, start.only)[0])

    def _model(self, spec: RunSpec) -> TrainedModel:
        start, things = spec.start, _things(spec)
        key = start.from_, start.which, id(things.get("model"))
        if key not in self._models:
            try:
                self._models[key] = load(_folder(start), start.which, **things)
            except PadlError as error:
                raise PadlError(f"start.from: {error}") from error
        return self._models[key]


def _things(spec: RunSpec) -> dict[str, Any]:
    """The run's own model from Python, where the other's came from there too."""
    there = run_files.stored_config(_folder(spec.start)).values
    thing = spec.parts["model"].thing if "model" in spec.parts else None
    return {"model": thing} if thing is not None and is_from_python(there.get("model")) else {}


def merge(fresh: PyTree, saved: Mapping[str, Any], only: str) -> tuple[PyTree, list[Taken]]:
    """Choose the saved arrays that have the name and shape of fresh ones.

    Args:
        fresh: nested mappings of arrays, or of their shapes. saved: of arrays.
        only: a pattern for the names of those to take, "*" for all.

    Returns:
        A tree of the form of `fresh`, None where nothing is taken, and a row for each array that either has.
    """
    there = {_name(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(saved)}
    leaves, tree = jax.tree_util.tree_flatten_with_path(fresh)
    arrays, table = [], []
    for path, leaf in leaves:
        name = _name(path)
        other = there.pop(name, None)
        fate = _fate(name, leaf, other, only)
        table.append(Taken(name, leaf.shape, None if other is None else other.shape, fate))
        arrays.append(np.asarray(other, leaf.dtype) if fate == "taken" else None)
    table += [Taken(name, None, leaf.shape, "not here") for name, leaf in there.items()]
    return jax.tree.unflatten(tree, arrays), table


def digests(specs: Sequence[RunSpec]) -> dict[str, str]:
    """Return the SHA-256 of the parameters that these runs begin with, by their place; "" of what is gone."""
    starts = dict.fromkeys(spec.start for spec in specs if spec.start.from_ is not None)
    return {f"{start.from_} {start.which}": checkpoint.digest(_folder(start), start.which) for start in starts}


def _folder(start: StartSettings) -> Path:
    assert start.from_ is not None, "fresh parameters have no folder"
    return Path(start.from_).expanduser()


def _fate(name: str, here: Any, there: Any, only: str) -> Fate:
    if not fnmatchcase(name, only):
        return "left out"
    if there is None:
        return "not there"
    return "taken" if here.shape == there.shape else "another shape"


def _name(path: Any) -> str:
    """`blocks.0.kernel`."""
    return jax.tree_util.keystr(path, simple=True, separator=".")


def _cell(value: Any) -> str:
    return "" if value is None else str(list(value)) if isinstance(value, tuple) else value
