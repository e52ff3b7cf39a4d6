"""Factors of a matrix whose product fits the variance of gradients best. kl_shampoo, kl_soap.

    L = β₂ L + (1-β₂) G R⁻¹ Gᵀ / n      R = β₂ R + (1-β₂) Gᵀ L⁻¹ G / m      G: m × n, with variance L ⊗ R

Best by the divergence of Kullback and Leibler between Gaussians. For L⁻¹ and R⁻¹ stand QL diag(1/dL) QLᵀ and likewise,
with eigenvalues that are averaged at every step, and bases that turn at every f-th.
"""

from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp

from padl.optimizers.decay import Decay, DecayKind
from padl.optimizers.descend import descend
from padl.optimizers.kronecker import bounded, into, out_of, turned
from padl.optimizers.matrixwise import matrices_and_others, matrixwise
from padl.optimizers.refresh import FREQUENCY, every
from padl.optimizers.transformation import Transformation
from padl.optimizers.units import Roles
from padl.registry import optimizer
from padl.types import Optimizer, Scalar, ScalarOrSchedule

FIRST = 0.1  # of every eigenvalue, when the bases are found
OTHER_SHAPES = {
    **dict.fromkeys(("L", "R", "QL", "QR"), "a square matrix of a side"),
    **dict.fromkeys(("dL", "dR"), "one number for each row or column"),
}


class Variances(NamedTuple):
    """M: moment. L, R: factors. QL, QR: their bases. dL, dR: estimates of their eigenvalues."""

    M: jax.Array
    L: jax.Array
    R: jax.Array
    QL: jax.Array
    QR: jax.Array
    dL: jax.Array
    dR: jax.Array


class VariancesAndMoment(NamedTuple):
    """As `Variances`, and V: the second moment, in the bases."""

    M: jax.Array
    V: jax.Array
    L: jax.Array
    R: jax.Array
    QL: jax.Array
    QR: jax.Array
    dL: jax.Array
    dR: jax.Array


def begun(W: jax.Array) -> dict[str, jax.Array]:
    """M, and factors that leave the first gradient as it is, by slot."""
    m, n = W.shape
    L, R = jnp.zeros((m, m), W.dtype), jnp.zeros((n, n), W.dtype)
    bases = {"QL": jnp.eye(m, dtype=W.dtype), "QR": jnp.eye(n, dtype=W.dtype)}
    return {"M": jnp.zeros_like(W), "L": L, "R": R, **bases, "dL": jnp.ones(m, W.dtype), "dR": jnp.ones(n, W.dtype)}


def largest_root(side: int) -> int:
    """The bound of 1/√d, as in the authors' code."""
    return max(10, min(side, 4000))


def followed(s: Any, G: jax.Array, t: jax.Array, b2: Scalar, frequency: int) -> dict[str, jax.Array]:
    """The factors, their bases and eigenvalues after a gradient, by slot; all by those before it."""
    m, n = G.shape
    first, most = t == 1, max(largest_root(m), largest_root(n))
    g = bounded(most * G) / most
    rows, columns = g @ s.QR / jnp.sqrt(s.dR)[None], s.QL.T @ g / jnp.sqrt(s.dL)[:, None]
    L = b2 * s.L + (1 - b2) * rows @ rows.T / max(n, 1)
    R = b2 * s.R + (1 - b2) * columns.T @ columns / max(m, 1)

    def eigenvalues(d, squares, side):
        averaged = jnp.maximum(b2 * d + (1 - b2) * squares, largest_root(side) ** -2)
        return jnp.where(first, FIRST, averaged)

    dL = eigenvalues(s.dL, jnp.sum((s.QL.T @ rows) ** 2, 1) / max(n, 1), m)
    dR = eigenvalues(s.dR, jnp.sum((columns @ s.QR) ** 2, 0) / max(m, 1), n)
    QL, QR = every(frequency, t, lambda: (turned(L, s.QL, first), turned(R, s.QR, first)), (s.QL, s.QR))
    return {"L": L, "R": R, "QL": QL, "QR": QR, "dL": dL, "dR": dR}


@optimizer(
    family="curvature",
    reference="Lin et al. 2025, arXiv:2509.03378 (KL-Shampoo), as in the authors' code",
    other_shapes=OTHER_SHAPES,
    exempt={"average_words": "of one gradient its factors are of rank one"},
    laws=("rotations", "shifted"),
)
def kl_shampoo(
    learning_rate: ScalarOrSchedule = 3e-3,
    b1: Scalar = 0.9,
    b2: Scalar = 0.98,
    eps: Scalar = 1e-8,
    weight_decay: Scalar = 0.01,
    decay_kind: DecayKind = "decoupled",
    frequency: Annotated[int, FREQUENCY] = 10,
    others: Optimizer = "adamw",
    roles: Roles | None = None,
) -> Transformation:
    """KL-Shampoo: a mean gradient, whitened by factors that are fitted by the Kullback-Leibler divergence.

        M = β₁ M + (1-β₁) G      W -= η QL (QLᵀ M QR / (√(dL dRᵀ) + ε)) QRᵀ      then
        L = β₂ L + (1-β₂) G R⁻¹ Gᵀ / n      R = β₂ R + (1-β₂) Gᵀ L⁻¹ G / m
        dL = β₂ dL + (1-β₂) mean((QLᵀ G QR)² / dRᵀ), of a row      dR likewise, of a column      1/√d <= max(10, side)
        and, every f steps, QL = qr(L QL), QR = qr(R QR)

    As in the authors' code: the first step only finds the bases, by eigh, and all d are 0.1 then; nothing is corrected
    for its start; columns are not sorted before qr; a side counts as 4000 at most. That code computes in bfloat16, and
    this in the parameter's precision. State: M, twice the squares of both sides, and the d. No gradient is divided by
    what it adds itself: one that is suddenly large makes a step as large. The default of η is PADL's own.

    Args:
        learning_rate: η > 0, in units of the parameter.
        b1, b2: β₁, β₂ in [0, 1); a memory of about 1/(1-β) steps.
        eps: ε > 0, in units of the gradient.
        weight_decay, decay_kind: as in `adamw`. frequency: f, in steps.
        others: the optimizer of all other parameters, with a learning rate of its own. roles: {path: role}; a run
            gives them.
    """

    def direction(G, s, W, t):
        M = jnp.where(t == 1, s.M, b1 * s.M + (1 - b1) * G)
        root = jnp.sqrt(s.dL)[:, None] * jnp.sqrt(s.dR)[None]
        D = out_of(into(M, s.QL, s.QR) / (root + eps), s.QL, s.QR)
        return D, s._replace(M=M, **followed(s, G, t, b2, frequency))

    rule = matrixwise(lambda W: Variances(**begun(W)), direction, roles, mirrors=("M",), decomposes=True)
    return matrices_and_others(descend(rule, learning_rate, Decay(weight_decay, decay_kind)), others, roles)


@optimizer(
    family="curvature",
    reference="Lin et al. 2025, arXiv:2509.03378 (KL-SOAP), as in the authors' code",
    other_shapes=OTHER_SHAPES,
    laws=("scale_free", "eps_of_gradient", "rotations", "shifted"),
)
def kl_soap(
    learning_rate: ScalarOrSchedule = 3e-3,
    b1: Scalar = 0.9,
    b2: Scalar = 0.98,
    eps: Scalar = 1e-8,
    weight_decay: Scalar = 0.01,
    decay_kind: DecayKind = "decoupled",
    frequency: Annotated[int, FREQUENCY] = 10,
    others: Optimizer = "adamw",
    roles: Roles | None = None,
) -> Transformation:
    """KL-SOAP: Adam in the eigenbases of KL-Shampoo's factors, without corrections for its start.

        G' = QLᵀ G QR      M = β₁ M + (1-β₁) G      V = β₂ V + (1-β₂) G'²
        W -= η QL (QLᵀ M QR / (√V + ε)) QRᵀ      then QL, QR as in `kl_shampoo`

    As in the authors' code: the first step only finds the bases, and V stays as it is when they turn. State: M, V, and
    twice the squares of both sides. The default of η is PADL's own.

    Args:
        learning_rate, b1, b2, eps, weight_decay, decay_kind, frequency, others, roles: as in `kl_shampoo`; β₂ is that
            of V too.
    """

    def init(W):
        return VariancesAndMoment(V=jnp.zeros_like(W), **begun(W))

    def direction(G, s, W, t):
        M = jnp.where(t == 1, s.M, b1 * s.M + (1 - b1) * G)
        V = jnp.where(t == 1, s.V, b2 * s.V + (1 - b2) * into(bounded(G), s.QL, s.QR) ** 2)
        D = out_of(into(M, s.QL, s.QR) / (jnp.sqrt(V) + eps), s.QL, s.QR)
        return D, s._replace(M=M, V=V, **followed(s, G, t, b2, frequency))

    rule = matrixwise(init, direction, roles, mirrors=("M", "V"), decomposes=True)
    return matrices_and_others(descend(rule, learning_rate, Decay(weight_decay, decay_kind)), others, roles)
