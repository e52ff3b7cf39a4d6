"""Adam with one second moment for a block of parameters. adam_mini."""

import math
import re
from typing import Any, Literal

import jax
import jax.numpy as jnp

from padl.optimizers.decay import Decay, DecayKind
from padl.optimizers.descend import descend
from padl.optimizers.leafwise import State, compute_dtype, leafwise
from padl.optimizers.moments import Moments
from padl.optimizers.rounding import StateDtype
from padl.optimizers.transformation import Transformation
from padl.optimizers.units import Axes, Roles, roles_of
from padl.registry import optimizer
from padl.roles import ParameterRole
from padl.roles.role import parameter_name
from padl.types import PyTree, Scalar, ScalarOrSchedule

Partition = Literal["roles", "arrays", "rows", "columns"]
BY_HEAD = re.compile(r"(^|[._])(query|key|q|k|wq|wk)([._]|$)", re.IGNORECASE)  # in the path of a matrix


@optimizer(
    family="adam",
    reference="Zhang et al. 2024, arXiv:2406.16793, algorithm 1",
    other_shapes={"nu": "one number for each block"},
    laws=("scale_free", "steady", "eps_of_gradient", "shifted"),
)
def adam_mini(
    learning_rate: ScalarOrSchedule = 1e-3,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    weight_decay: Scalar = 0.0,
    decay_kind: DecayKind = "decoupled",
    partition: Partition = "roles",
    mu_dtype: StateDtype = None,
    roles: Roles | None = None,
) -> Transformation:
    """Adam-mini: AdamW with one v for a block of parameters, which is nearly half of its memory.

        m = b1 m + (1-b1) g      v = b2 v + (1-b2) mean(g²), of one block      θ -= η (m̂ / (√v̂ + eps) + λ θ)

    m̂, v̂ are corrected as in `adam`. By roles the blocks are those of the authors' code (1.1.1): a token of an
    embedding, an output of a head or a matrix, a head of queries or keys, a number of a bias, and all of what is a
    norm's or other. An output of a convolution is PADL's; that code leaves those whole. Each part of a stack has its
    own blocks.

    Queries and keys are matrices with `query`, `key`, `q` or `k` in their path and an axis of heads, (inputs, heads,
    features). Where the heads lie in one axis with the features, blocks are outputs, which are smaller. Without
    declared roles they are inferred from names and shapes, and an array that these say nothing of is one block.

    Args:
        learning_rate, b1, b2, eps, mu_dtype: as in `adam`. weight_decay, decay_kind: as in `adamw`.
        partition: roles, as above; arrays, one block for each array, which the authors warn may be unstable for
            Transformers; rows, one for each index of the first axis; columns, for each of the last. A vector has by
            rows, and by columns, a block for each element, as Adam.
        roles: {path: role}; a run gives them.
    """

    def init(p):
        return Moments(mu=jnp.zeros_like(p), nu=jnp.zeros_like(p))

    def direction(g, s, p, t):
        mu = b1 * s.mu + (1 - b1) * g
        nu = b2 * s.nu + (1 - b2) * mean_over_blocks(g**2, s.nu.shape)
        return mu / (1 - b1**t) / (jnp.sqrt(nu / (1 - b2**t)) + eps), Moments(mu, nu)

    rule = leafwise(init, direction, dtypes={"mu": mu_dtype})

    def init_blocks(params: PyTree) -> State:
        def first(path: Any, p: Any, role: ParameterRole) -> jax.Array:
            p = jnp.asarray(p)
            kept = _kept(partition, role, parameter_name(path), p.ndim)
            shape = [size if axis in kept else 1 for axis, size in enumerate(p.shape)]
            return jnp.zeros(shape, compute_dtype(p))

        state = rule.init(params)
        nu = jax.tree.map_with_path(first, params, roles_of(params, roles))
        return state._replace(slots=state.slots._replace(nu=nu))

    return descend(rule._replace(init=init_blocks), learning_rate, Decay(weight_decay, decay_kind))


def _kept(partition: Partition, role: ParameterRole, name: str, ndim: int) -> Axes:
    """The axes along which the blocks of an array lie."""
    return {
        "roles": (*role.stacked, *_units(role, name)),
        "arrays": (),
        "rows": (0,),
        "columns": (ndim - 1,),
    }[partition]


def _units(role: ParameterRole, name: str) -> Axes:
    """The axes of tokens, of heads or of outputs, as all of a bias are; () of an array that is one block."""
    if role.role == "embedding":
        return role.inputs
    if role.role not in ("matrix", "head", "convolution", "bias"):
        return ()
    has_heads = role.role == "matrix" and len(role.outputs) > 1 and BY_HEAD.search(name)
    return role.outputs[:-1] if has_heads else role.outputs


def mean_over_blocks(x: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """Average an array over its axes that have length 1 in `shape`, which keep it; 0 of an empty block."""
    axes = tuple(axis for axis, size in enumerate(shape) if size == 1)
    return jnp.sum(x, axes, keepdims=True) / max(math.prod(x.shape[axis] for axis in axes), 1)
