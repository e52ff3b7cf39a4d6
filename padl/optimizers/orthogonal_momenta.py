"""Muon of another momentum: of gradients with less variance, or of a part of the rows at a time. mars_m, dion2."""

import math
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp

from padl.optimizers.decay import Decay, DecayKind
from padl.optimizers.matrixwise import MATRICES
from padl.optimizers.orthogonal import Scale, Step, mean_of, muon_like, polar_by
from padl.optimizers.polar import Method
from padl.optimizers.rounding import StateDtype
from padl.optimizers.transformation import Transformation
from padl.optimizers.units import Roles, array_norm
from padl.registry import optimizer
from padl.roles import Role
from padl.types import COUNT, NON_NEGATIVE, Optimizer, Scalar, ScalarOrSchedule


class MomentumAndGradient(NamedTuple):
    """m: momentum. g: the gradient of the last step."""

    m: jax.Array
    g: jax.Array


@optimizer(
    family="muon",
    reference="Liu, Yuan & Gu 2025, arXiv:2510.21800, algorithm 3 (MARS-M-approx)",
    laws=("scale_free", "steady", "rotations", "shifted"),
)
def mars_m(
    learning_rate: ScalarOrSchedule = 1e-3,
    momentum: Scalar = 0.95,
    nesterov: bool = False,
    gamma: Annotated[Scalar, NON_NEGATIVE._replace(search=(1e-3, 1.0), scale="log")] = 0.025,
    weight_decay: Scalar = 0.1,
    decay_kind: DecayKind = "decoupled",
    polar: Method = "newton_schulz",
    iterations: int = 5,
    scale: Scale = "rms",
    others: Optimizer = "adamw",
    applies_to: tuple[Role, ...] = MATRICES,
    mu_dtype: StateDtype = None,
    roles: Roles | None = None,
) -> Transformation:
    """MARS-M: Muon of a gradient to which some of its change since the last step is added, and which is clipped.

        C = G + γ μ/(1-μ) (G - G₋₁)      C = C / max(1, ‖C‖)      M = μ M + (1-μ) C      the rest as in `muon`

    G₋₁ is 0 at the first step, as in the authors' code and in `mars`. The norm is that of one
    matrix; the clip takes from Muon that it is free of scale.

    Args:
        gamma: γ >= 0, how much of the change; 0 is `muon` on gradients clipped to a norm of 1 for each matrix.
        learning_rate, momentum, nesterov, weight_decay, decay_kind, polar, iterations, scale, others, applies_to,
            mu_dtype, roles: as in `muon`; η and λ are the code's.
    """
    mean = mean_of(momentum, nesterov)

    def average(g, s):
        c = g + gamma * momentum / (1 - momentum) * (g - s.g)
        m, s = mean(c / jnp.maximum(1, array_norm(c)), s)
        return m, s._replace(g=g)

    def init(w):
        return MomentumAndGradient(jnp.zeros_like(w), jnp.zeros_like(w))

    step = (learning_rate, average, polar_by(polar, iterations), scale, Decay(weight_decay, decay_kind))
    return muon_like(*step, others, applies_to, mu_dtype, roles, init=init, mirrors=("m", "g"))


def longest(m: jax.Array, shrink: int) -> tuple[jax.Array, int]:
    """Which rows of a matrix, or columns where these are fewer, have the largest sums of absolute values, and the axis.

    Args:
        shrink: one of how many is taken, at least one.
    """
    axis = 0 if m.shape[0] <= m.shape[1] else 1
    count = min(m.shape[axis], max(1, math.ceil(m.shape[axis] / shrink)))
    return jax.lax.top_k(jnp.sum(jnp.abs(m), 1 - axis), count)[1], axis


def part(m: jax.Array, index: jax.Array, axis: int) -> jax.Array:
    """Return some rows (axis 0) or columns of a matrix."""
    return jnp.take(m, index, axis)


def with_part(m: jax.Array, index: jax.Array, axis: int, x: jax.Array) -> jax.Array:
    """Return a matrix in which some rows or columns are others."""
    return m.at[index].set(x) if axis == 0 else m.at[:, index].set(x)


@optimizer(
    family="muon",
    reference="Ahn et al. 2025, arXiv:2512.16928; the authors' code, microsoft/dion",
    shown_at={"shrink": 1},
    laws=("scale_free", "steady", "shifted"),
    exempt={
        "momentum_word": "rows that were not moved are kept for later steps",
        "decay_rates": "momentum is the share that is left of rows that are moved",
    },
)
def dion2(
    learning_rate: ScalarOrSchedule = 0.01,
    momentum: Scalar = 0.95,
    shrink: Annotated[int, COUNT._replace(search=(1, 16), scale="log")] = 4,
    weight_decay: Scalar = 0.01,
    decay_kind: DecayKind = "decoupled",
    polar: Method = "polar_express",
    iterations: int = 5,
    scale: Scale = "unclamped",
    others: Optimizer = "adamw",
    applies_to: tuple[Role, ...] = MATRICES,
    mu_dtype: StateDtype = None,
    roles: Roles | None = None,
) -> Transformation:
    """Dion2: Muon of a part of the rows at a time, those where most has gathered; what is left waits.

        M = M + G      S: the rows, or the columns where these are fewer, with the largest Σ|M|; one of `shrink`
        O = polar(M[S])      W[S] -= η s O      M[S] = μ M[S]      W -= η λ W, all of it

    With shrink=1 it is `muon` without a look ahead. The parts are those of the whole matrix; the authors' code takes
    them in each shard by default (its selection_scope=local), which then depends on how it is sharded.

    Args:
        momentum: μ in [0, 1), what is kept of a row that has moved; the authors' ef_decay.
        shrink: 1/α, of how many rows one moves, rounded up. Costs fall with it: O is of a matrix so much smaller.
        polar, iterations, scale: five of polar_express and √(m/n) of the whole matrix, as in the code.
        learning_rate, weight_decay, decay_kind, others, applies_to, mu_dtype, roles: as in `muon`.
    """

    def average(g, s):
        m = s.m + g
        return m, s._replace(m=m)

    def before(step: Step):
        index, axis = longest(step.m, shrink)
        x = part(step.m, index, axis)
        return x, step.s._replace(m=with_part(step.m, index, axis, momentum * x))

    def after(o, step: Step):
        index, axis = longest(step.m, shrink)
        return with_part(jnp.zeros_like(step.m), index, axis, o), step.s

    step = (learning_rate, average, polar_by(polar, iterations), scale, Decay(weight_decay, decay_kind))
    return muon_like(*step, others, applies_to, mu_dtype, roles, before=before, after=after)
