"""The roles of what an objective trains, without making an array. parameter_roles, parameter_table."""

from functools import lru_cache
from typing import Any

import jax
import numpy as np

from padl.roles.inference import infer
from padl.roles.table import RoleRow, roles_table
from padl.tasks.task import Objective
from padl.types import HParams, Params, PyTree


def parameter_roles(objective: Objective, hparams: HParams) -> PyTree:
    """Return what each parameter is, in a tree like the parameters; also while a program is traced.

    An objective says it by its method `roles(hparams)`. Of one that has none, as a plugin's, it is inferred from names
    and shapes.

    Raises:
        PadlError: what the objective says is not of the form of its parameters.
    """
    return _shapes_and_roles(objective, hparams)[1]


def parameter_table(objective: Objective, hparams: HParams) -> list[RoleRow]:
    """Return a row for each parameter. Raises as `parameter_roles`."""
    return roles_table(*_shapes_and_roles(objective, hparams))


def _shapes_and_roles(objective: Objective, hparams: HParams) -> tuple[Params, PyTree]:
    return _of_structure(objective, jax.tree.structure(hparams))


@lru_cache(maxsize=64)
def _of_structure(objective: Objective, structure: Any) -> tuple[Params, PyTree]:
    """Shapes and roles of the parameters: which hyperparameters there are decides them, and not their numbers."""
    hparams = structure.unflatten([np.float32(0.5)] * structure.num_leaves)
    params = jax.eval_shape(lambda: objective.init(jax.random.key(0), hparams)[0])
    own: Any = getattr(objective, "roles", None)
    roles = infer(params) if own is None else own(hparams)
    roles_table(params, roles)
    return params, roles
