"""Shrink queries and keys whose attention logits grow too large. qk_clip."""

from collections.abc import Iterable
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp

from padl.attention_logits import LARGEST_LOGITS, records_logits
from padl.optimizers.transformation import Transformation
from padl.optimizers.units import Roles, by_path, known_roles, share, wide
from padl.optimizers.wrapping import MODEL_STATE, on_updates
from padl.registry import optimizer
from padl.roles import ParameterRole
from padl.roles.role import parameter_name
from padl.types import FRACTION, Domain, Optimizer, PadlError, Scalar

LARGEST = Domain(0.0, low_open=True, high_open=True, search=(1.0, 1000.0), scale="log")
QUERIES, KEYS = ("query", "q", "q_proj", "wq"), ("key", "k", "k_proj", "wk")  # names of layers
NORMS = ("query_ln", "key_ln", "q_norm", "k_norm")


class ClippedHeads(NamedTuple):
    """largest: logit of all heads. share: of the heads, those that were clipped. Both of the last batch."""

    largest: jax.Array
    share: jax.Array


@optimizer(
    family="wrapper",
    reference="Kimi Team 2025, arXiv:2507.20534, algorithm 1",
    moves_norm=True,
    exempt={"downhill": "it shrinks heads, whatever the gradient"},
)
def qk_clip(
    inner: Optimizer,
    largest: Annotated[Scalar, LARGEST] = 100.0,
    balance: Annotated[Scalar, FRACTION] = 0.5,
    roles: Roles | None = None,
) -> Transformation:
    """QK-Clip: after the update, a head whose largest attention logit was above τ has smaller queries and keys.

        γ = min(1, τ / S)      W_q = γ^α W_q      W_k = γ^(1-α) W_k      S: the largest logit of the head in the batch

    With `muon` it is MuonClip. The layers record S, before the update: `padl.models.attention.MultiHeadAttention`, or
    one of your own with a Variable `largest_logits` (heads,) beside layers called `query` and `key`. Biases are scaled
    as the weights. A key that several heads share takes the smallest γ of these. Measures `largest_logit`, and
    `clipped_heads`, a share.

    Args:
        inner: the optimizer whose parameters are shrunk after its update.
        largest: τ > 0, the logit above which a head is clipped; 100 is that of the paper.
        balance: α in [0, 1], the queries' part of it.
        roles: {path: role}; a run gives them. They say where the heads lie.
    """

    def link(params, updates, model_state):
        logits = {name: x for name, x in by_path(model_state).items() if records_logits(name)}
        if not logits:
            raise PadlError(
                "qk_clip reads the largest attention logits, and no layer of this model records them: take"
                " padl.models.attention.MultiHeadAttention, or leave qk_clip out"
            )
        known = known_roles(params, roles)
        shapes = {path: jnp.shape(x) for path, x in by_path(params).items()}
        factors: dict[str, jax.Array] = {}
        for name, s in logits.items():
            gamma = jnp.where(s > largest, largest / s, 1)
            for paths, exponent in zip(_projections(name, shapes), (balance, 1 - balance), strict=True):
                for path in paths:
                    factors[path] = along_heads(gamma**exponent, shapes[path], known[path], path)

        def shrunk(path, p, u):
            factor = factors.get(parameter_name(path))
            if factor is None:
                return u
            return (factor * (wide(p) + wide(u)) - wide(p)).astype(u.dtype)

        most = jnp.stack([s.max() for s in logits.values()]).max().astype(jnp.float32)
        clipped = share([s > largest for s in logits.values()])
        return jax.tree.map_with_path(shrunk, params, updates), ClippedHeads(most, clipped)

    def start(params):
        return ClippedHeads(jnp.zeros((), jnp.float32), jnp.zeros((), jnp.float32))

    def measured(own, updates, params):
        return {"largest_logit": own.largest, "clipped_heads": own.share}

    return on_updates(inner, link, (MODEL_STATE,), start, measured)


def _projections(recorded: str, paths: Iterable[str]) -> list[list[str]]:
    """The parameters of the queries, and those of the keys, of the layer that recorded its logits under this name.

    Raises:
        PadlError: there are none beside it, or they are normalised, so that their size does not matter.
    """
    beside = recorded.removesuffix(LARGEST_LOGITS)
    of = lambda name: [path for path in paths if path.startswith(f"{beside}{name}.")]  # noqa: E731
    normed = next((name for name in NORMS if of(name)), None)
    if normed:
        raise PadlError(f"qk_clip would do nothing: {beside}{normed} normalises what {recorded} is of; leave it out")
    found = [next(filter(None, map(of, names)), []) for names in (QUERIES, KEYS)]
    if not all(found):
        raise PadlError(
            f"qk_clip finds {recorded}, and beside it no layer called {' or '.join(QUERIES)} with parameters, or none"
            f" called {' or '.join(KEYS)}"
        )
    return found


def along_heads(factor: jax.Array, shape: tuple[int, ...], role: ParameterRole, path: str) -> jax.Array:
    """Return a factor of each head in the form in which it multiplies a parameter of the heads.

    Args:
        factor: (*stack, heads). shape: of the parameter. role: says which of its axes are stacked, and which outputs:
            heads and features, or one axis of both, a head after the other. path: of it, for messages.

    Raises:
        PadlError: the heads do not divide among its outputs.
    """
    heads = factor.shape[-1]
    axes = (*role.stacked, role.outputs[0]) if role.outputs else ()
    size = shape[axes[-1]] if axes else 0
    has_own_axis = len(role.outputs) > 1
    sizes_agree = tuple(shape[axis] for axis in axes[:-1]) == factor.shape[:-1]
    divides = size > 0 and (heads % size == 0 if has_own_axis else size % heads == 0)
    if not (axes and sizes_agree and divides):
        raise PadlError(
            f"qk_clip: {path} {list(shape)}, {role}, has no place for {LARGEST_LOGITS} {list(factor.shape)}: a role"
            " says which outputs are heads (padl.roles.declare)"
        )
    if has_own_axis:  # of several heads that share a key the smallest
        factor = factor.reshape(*factor.shape[:-1], size, heads // size).min(-1)
    else:
        factor = jnp.repeat(factor, size // heads, axis=-1)
    order = sorted(range(len(axes)), key=axes.__getitem__)
    placed = [size if axis in axes else 1 for axis, size in enumerate(shape)]
    return factor.transpose(order).reshape(placed)
