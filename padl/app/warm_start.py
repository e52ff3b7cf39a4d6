"""Begin with the parameters of another run: those of the same name and shape. warm_start, Taken."""

from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp

from padl.app.plan import Plan
from padl.app.saved_runs import load
from padl.engine import loop
from padl.runs.console import print_table
from padl.types import PadlError, PyTree

Fate = Literal["taken", "another shape", "not there", "left out", "not here"]


class Taken(NamedTuple):
    """What became of one array: its name, its shapes here and in the other run (None where it has none), its fate."""

    name: str
    here: tuple[int, ...] | None
    there: tuple[int, ...] | None
    fate: Fate


def warm_start(plan: Plan) -> loop.Snapshot | None:
    """Return what a run begins with that takes parameters of another one, and say which; None for fresh ones.

    Raises:
        PadlError: that folder has no usable checkpoint, or nothing in it fits.
    """
    if plan.start.from_ is None:
        return None
    if "model" not in plan.config:
        raise PadlError(f"start.from: task '{plan.config['task']['name']}' has no model to take parameters into")
    try:
        other = load(Path(plan.start.from_).expanduser(), plan.start.which)
    except PadlError as error:
        raise PadlError(f"start.from: {error}") from error
    fresh = jax.jit(plan.experiment.init)(plan.key, plan.hparams)
    params, table = merge(fresh.params, other.params, plan.start.only)
    if plan.settings.progress != "none":
        print_table(("parameters", "here", "there", ""), [list(map(_told, row)) for row in table])
    if not any(row.fate == "taken" for row in table):
        raise PadlError(f"start.from={plan.start.from_}: none of its parameters has a name and shape of this model")
    model_state, _ = merge(fresh.model_state, other.model_state, plan.start.only)
    return loop.begin_at(plan.experiment, plan.task.criterion, plan.key, plan.hparams, params, model_state)


def merge(fresh: PyTree, saved: Mapping[str, Any], only: str) -> tuple[PyTree, list[Taken]]:
    """Put saved arrays in the place of those of the same name and shape.

    Args:
        fresh: nested mappings of arrays. saved: likewise. only: a pattern for the names of those to take, "*" for all.

    Returns:
        The tree, and a row for each array that either has.
    """
    there = {_name(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(saved)}
    leaves, tree = jax.tree_util.tree_flatten_with_path(fresh)
    arrays, table = [], []
    for path, leaf in leaves:
        name = _name(path)
        other = there.pop(name, None)
        fate = _fate(name, leaf, other, only)
        table.append(Taken(name, leaf.shape, None if other is None else other.shape, fate))
        arrays.append(jnp.asarray(other, leaf.dtype) if fate == "taken" else leaf)
    table += [Taken(name, None, leaf.shape, "not here") for name, leaf in there.items()]
    return jax.tree.unflatten(tree, arrays), table


def _fate(name: str, here: Any, there: Any, only: str) -> Fate:
    if not fnmatchcase(name, only):
        return "left out"
    if there is None:
        return "not there"
    return "taken" if here.shape == there.shape else "another shape"


def _name(path: Any) -> str:
    """`blocks.0.kernel`."""
    return jax.tree_util.keystr(path, simple=True, separator=".")


def _told(value: Any) -> str:
    return "" if value is None else str(list(value)) if isinstance(value, tuple) else value
