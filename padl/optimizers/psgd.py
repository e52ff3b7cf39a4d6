"""Preconditioned SGD: factors that learn, by steps of their own, to make gradients white. kron."""

from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp

from padl.optimizers.decay import Decay, DecayKind
from padl.optimizers.descend import descend
from padl.optimizers.matrixwise import matrices_and_others, matrixwise
from padl.optimizers.refresh import FREQUENCY
from padl.optimizers.transformation import Transformation
from padl.optimizers.units import Roles, array_norm
from padl.registry import optimizer
from padl.types import COUNT, FRACTION, Domain, Optimizer, Scalar, ScalarOrSchedule

DAMPING = 2.0**-11.5  # the root of the rounding of float32
LONGEST = 1.1  # root mean square of a step, which is 1 of white gradients
SLOWING = 1000  # steps in which updates of factors become rarer by e


class LearnedFactors(NamedTuple):
    """M: moment. QL, QR: factors, upper triangular; the diagonal alone of one that has no more."""

    M: jax.Array
    QL: jax.Array
    QR: jax.Array


class Turn(NamedTuple):
    """waited: steps since the last update of the factors. due: 1 where there is one in this step, else 0."""

    waited: jax.Array
    due: jax.Array


def left(Q: jax.Array, X: jax.Array) -> jax.Array:
    """Compute Q X, for a Q that may be the diagonal alone."""
    return Q @ X if Q.ndim == 2 else Q[:, None] * X


def left_inverse(Q: jax.Array, X: jax.Array) -> jax.Array:
    """Compute Q⁻ᵀ X."""
    if Q.ndim == 1:
        return X / Q[:, None]
    return jax.lax.linalg.triangular_solve(Q, X, left_side=True, lower=False, transpose_a=True)


def spectral_norm(A: jax.Array) -> jax.Array:
    """Estimate the norm of a symmetric matrix from below: by how much it lengthens its longest row, times itself."""
    x = A @ A[jnp.argmax(jnp.sum(A**2, 1))]
    return jnp.sqrt(jnp.sum((A @ x) ** 2) / jnp.sum(x**2))


def learned(Q: jax.Array, A: jax.Array, B: jax.Array, rate: Scalar) -> jax.Array:
    """One step of a factor towards A Aᵀ = B Bᵀ in the mean, relative to itself; not both are 0."""
    if Q.ndim == 1:
        seen, wanted = jnp.sum(A**2, 1), jnp.sum(B**2, 1)
        return Q - rate * (seen - wanted) / jnp.max(seen + wanted) * Q
    seen, wanted = A @ A.T, B @ B.T
    return Q - rate * jnp.triu(seen - wanted) / spectral_norm(seen + wanted) @ Q


def both_learned(QL: jax.Array, QR: jax.Array, M: jax.Array, V: jax.Array, rate: Scalar) -> tuple[jax.Array, jax.Array]:
    """The factors after an update, of one size; as they were where M is 0."""
    size = jnp.mean(jnp.abs(M))
    A = left(QR, left(QL, M + DAMPING * size * V).T).T
    B = left_inverse(QR, left_inverse(QL, V).T).T
    scale = jnp.maximum(jnp.max(jnp.abs(A)), jnp.max(jnp.abs(B)))  # which cancels, and may have no square
    A, B = A / scale, B / scale
    L, R = learned(QL, A, B, rate), learned(QR, A.T, B.T, rate)
    root = jnp.sqrt(jnp.max(jnp.abs(L)) / jnp.max(jnp.abs(R)))
    return jnp.where(size > 0, L / root, QL), jnp.where(size > 0, R * root, QR)


@optimizer(
    family="curvature",
    reference="Li 2015, arXiv:1512.04202; as evanatyourservice/psgd_jax, kron.py, of December 2024",
    other_shapes=dict.fromkeys(("QL", "QR"), "a square matrix of a side, or a number for each row or column"),
    shown_at={"max_dim": 2, "anneal_from": 0},
    laws=("scale_free", "shifted"),
)
def kron(
    learning_rate: ScalarOrSchedule = 1e-3,
    b1: Scalar = 0.9,
    factor_rate: Annotated[Scalar, FRACTION] = 0.1,
    weight_decay: Scalar = 0.0,
    decay_kind: DecayKind = "decoupled",
    anneal_from: Annotated[int, Domain(0, search=(0, 2000))] = 500,
    frequency: Annotated[int, FREQUENCY] = 34,
    max_dim: Annotated[int, COUNT] = 8192,
    others: Optimizer = "adamw",
    roles: Roles | None = None,
) -> Transformation:
    """PSGD-Kron: factors of a matrix that learn to make its gradients white, without a decomposition.

        M = β₁ M + (1-β₁) G      M̂ = M / (1-β₁ᵗ)      G' = M̂ + 2^-11.5 mean|M̂| V, V of normal random numbers
        A = QL G' QRᵀ      B = QL⁻ᵀ V QR⁻¹      QL -= ℓ triu(A Aᵀ - B Bᵀ) QL / ‖A Aᵀ + B Bᵀ‖
        QR -= ℓ triu(Aᵀ A - Bᵀ B) QR / ‖Aᵀ A + Bᵀ B‖      W -= η D / max(1, rms(D) / 1.1)      D = QLᵀ QL M̂ QRᵀ QR

    Q begin as I and stay upper triangular. They learn in each of the first steps, and then ever more rarely, after
    e^((t - from)/1000) steps, up to one in f: by the count of steps alone, as in that code, where psgd_torch throws
    dice. The norms are estimates from below. At each update QL and QR are given one size, as at one in a hundred of
    that code, which changes D by rounding only; where M is 0 they stay. State: M, and the squares of both sides.

    Args:
        learning_rate: η > 0, in units of the parameter; about half of `adam`'s.
        b1: β₁ in [0, 1). factor_rate: ℓ in [0, 1]; the relative step of the factors, 0 keeps them.
        weight_decay, decay_kind: as in `adamw`.
        anneal_from: the last step at which they learn every time. frequency: f, in steps.
        max_dim: a side that is longer has a diagonal factor, as one of length 1.
        others: the optimizer of all other parameters, with a learning rate of its own. roles: {path: role}; a run
            gives them.
    """

    def factor(side, dtype):
        return jnp.ones(side, dtype) if side == 1 or side > max_dim else jnp.eye(side, dtype=dtype)

    def init(W):
        return LearnedFactors(jnp.zeros_like(W), *(factor(side, W.dtype) for side in W.shape))

    def advance(turn, t):
        pause = jnp.minimum(jnp.exp((t - anneal_from) / SLOWING), frequency)
        due = turn.waited + 1 >= pause
        return Turn(jnp.where(due, 0.0, turn.waited + 1), due.astype(turn.due.dtype))

    def direction(G, s, W, t, turn, key):
        if G.size == 0:
            return G, s
        M = b1 * s.M + (1 - b1) * G
        corrected = M / (1 - b1**t)
        learn = lambda: both_learned(s.QL, s.QR, corrected, jax.random.normal(key, G.shape, G.dtype), factor_rate)  # noqa: E731
        QL, QR = jax.lax.cond(turn.due > 0, learn, lambda: (s.QL, s.QR))
        D = left(QL.T, left(QL, corrected))
        D = left(QR.T, left(QR, D.T)).T
        return D / jnp.maximum(1, array_norm(D) / (LONGEST * D.size**0.5)), LearnedFactors(M, QL, QR)

    rule = matrixwise(
        init,
        direction,
        roles,
        mirrors=("M",),
        needs=("key",),
        decomposes=True,
        shared=(Turn(jnp.zeros(()), jnp.zeros(())), advance),
    )
    return matrices_and_others(descend(rule, learning_rate, Decay(weight_decay, decay_kind)), others, roles)
