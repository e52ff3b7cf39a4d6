"""Adam along the singular vectors of a matrix. galore, conda.

    P: r left singular vectors of X, anew every f steps      R = Pᵀ G      D = α P adam(R)

X is G or its mean; a matrix whose outputs are not fewer than its inputs is transposed first, so that P is on the
shorter side.
"""

from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp

from padl.optimizers.decay import Decay, DecayKind
from padl.optimizers.descend import descend
from padl.optimizers.matrixwise import matrices_and_others, matrixwise, short_first
from padl.optimizers.refresh import FREQUENCY, every
from padl.optimizers.transformation import Transformation
from padl.optimizers.units import Roles
from padl.registry import optimizer
from padl.types import COUNT, POSITIVE, Optimizer, Scalar, ScalarOrSchedule

SHARE = POSITIVE._replace(search=(0.05, 1.0), scale="log")


class LowRankMoments(NamedTuple):
    """m, v: moments of R, r by the longer side. P: the shorter side by r."""

    m: jax.Array
    v: jax.Array
    P: jax.Array


class MomentsAndBasis(NamedTuple):
    """m: mean gradient. v: second moment of R. P: a square matrix of the shorter side."""

    m: jax.Array
    v: jax.Array
    P: jax.Array


def left_vectors(X: jax.Array, P: jax.Array) -> jax.Array:
    """Return as many left singular vectors of the largest values as P has, each pointing as that of P rather than back.

    A decomposition leaves their signs open, and moments along them would not know.
    """
    new = jnp.linalg.svd(X, full_matrices=False)[0][:, : P.shape[1]]
    return jnp.where(jnp.sum(new * P, 0) < 0, -new, new)


@optimizer(
    family="curvature",
    reference="Zhao et al. 2024, arXiv:2403.03507, algorithm 2",
    other_shapes={**dict.fromkeys(("m", "v"), "of the rank by a side"), "P": "of a side by the rank"},
    shown_at={"rank": 1},
    laws=("scale_free", "steady", "eps_of_gradient", "shifted"),
)
def galore(
    learning_rate: ScalarOrSchedule = 1e-2,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-6,
    alpha: Annotated[Scalar, SHARE] = 0.25,
    weight_decay: Scalar = 0.0,
    decay_kind: DecayKind = "decoupled",
    rank: Annotated[int, COUNT._replace(search=(8, 512), scale="log")] = 128,
    frequency: Annotated[int, FREQUENCY] = 200,
    others: Optimizer = "adamw",
    roles: Roles | None = None,
) -> Transformation:
    """GaLore: Adam of a gradient that is projected to few directions, so that moments are small.

        P: r left singular vectors of G, at the first step and every f from there      R = Pᵀ G
        m = β₁ m + (1-β₁) R      v = β₂ v + (1-β₂) R²      W -= η α P (m̂ / (√v̂ + ε))      m̂, v̂ as in `adam`

    As written for a matrix with fewer outputs than inputs; any other is projected on its other side. Moments stay as
    they are when P turns; of the two signs of a vector, which are left open, it has the one that is nearer to the
    vector before. The authors' code puts ε beside the uncorrected √v; the defaults are those of its README. Where the
    rank is not less than the shorter side nothing is left out. State: r times both sides, and r times the longer one.

    Args:
        learning_rate: η > 0, in units of the parameter: about that of `adam` divided by α.
        b1, b2, eps, weight_decay, decay_kind: as in `adamw`.
        alpha: α > 0. rank: r. frequency: f, in steps.
        others: the optimizer of all other parameters, with a learning rate of its own. roles: {path: role}; a run
            gives them.
    """

    def init(W):
        short, long = sorted(W.shape)
        r = min(rank, short)
        zeros = jnp.zeros((r, long), W.dtype)
        return LowRankMoments(zeros, zeros, jnp.eye(short, r, dtype=W.dtype))

    def direction(G, s, W, t):
        if G.size == 0:
            return G, s
        X = short_first(G, G)
        P = every(frequency, t, lambda: left_vectors(X, s.P), s.P)
        R = P.T @ X
        m, v = b1 * s.m + (1 - b1) * R, b2 * s.v + (1 - b2) * R**2
        N = m / (1 - b1**t) / (jnp.sqrt(v / (1 - b2**t)) + eps)
        return short_first(alpha * P @ N, G), LowRankMoments(m, v, P)

    rule = matrixwise(init, direction, roles, decomposes=True)
    return matrices_and_others(descend(rule, learning_rate, Decay(weight_decay, decay_kind)), others, roles)


@optimizer(
    family="curvature",
    reference="Wang et al. 2025, arXiv:2509.24218, as in the authors' code",
    other_shapes={"P": "a square matrix of the shorter side"},
    laws=("scale_free", "steady", "shifted"),
)
def conda(
    learning_rate: ScalarOrSchedule = 1e-2,
    b1: Scalar = 0.9,
    b2: Scalar = 0.99,
    eps: Scalar = 1e-8,
    alpha: Annotated[Scalar, SHARE] = 0.25,
    weight_decay: Scalar = 0.0,
    decay_kind: DecayKind = "decoupled",
    frequency: Annotated[int, FREQUENCY] = 2000,
    others: Optimizer = "adamw",
    roles: Roles | None = None,
) -> Transformation:
    """Conda: Adam with its second moment along the singular vectors of its mean gradient.

        m = β₁ m + (1-β₁) G      P: the left singular vectors of m, at the first step and every f from there
        v = β₂ v + (1-β₂) (Pᵀ G)²      W -= η α √(1-β₂ᵗ)/(1-β₁ᵗ) P (Pᵀ m / (√v + ε))

    As written for a matrix with fewer outputs than inputs; any other is projected on its other side. v stays as it is
    when P turns. As in the authors' code, whose examples have these defaults; ε stands beside the uncorrected √v.
    State: two of the matrix, and the square of the shorter side.

    Args:
        learning_rate: η > 0, in units of the parameter: about that of `adam` divided by α.
        b1, b2: β₁, β₂ in [0, 1). eps: ε > 0, in units of the gradient.
        alpha: α > 0. weight_decay, decay_kind: as in `adamw`. frequency: f, in steps.
        others: the optimizer of all other parameters, with a learning rate of its own. roles: {path: role}; a run
            gives them.
    """

    def init(W):
        return MomentsAndBasis(jnp.zeros_like(W), jnp.zeros_like(W), jnp.eye(min(W.shape), dtype=W.dtype))

    def direction(G, s, W, t):
        if G.size == 0:
            return G, s
        m = b1 * s.m + (1 - b1) * G
        P = every(frequency, t, lambda: left_vectors(short_first(m, G), s.P), s.P)
        v = b2 * s.v + (1 - b2) * short_first(P.T @ short_first(G, G), G) ** 2
        D = P @ (P.T @ short_first(m, G) / (jnp.sqrt(short_first(v, G)) + eps))
        correction = jnp.sqrt(1 - b2**t) / (1 - b1**t)
        return short_first(alpha * correction * D, G), MomentsAndBasis(m, v, P)

    rule = matrixwise(init, direction, roles, mirrors=("m", "v"), decomposes=True)
    return matrices_and_others(descend(rule, learning_rate, Decay(weight_decay, decay_kind)), others, roles)
