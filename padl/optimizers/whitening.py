"""Signs of a mean gradient in the eigenbases of its factors, and a mean of the parameters that is judged. splus."""

from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp

from padl.optimizers.averages import ema
from padl.optimizers.descend import descend
from padl.optimizers.kronecker import bounded, into, out_of
from padl.optimizers.leafwise import PARAMS
from padl.optimizers.matrixwise import matrices_and_others, matrixwise
from padl.optimizers.refresh import FREQUENCY, every
from padl.optimizers.transformation import Transformation
from padl.optimizers.units import Roles
from padl.registry import optimizer
from padl.types import DOMAINS, Optimizer, Scalar, ScalarOrSchedule


class Whitened(NamedTuple):
    """M: moment. L, R: factors. QL, QR: their bases."""

    M: jax.Array
    L: jax.Array
    R: jax.Array
    QL: jax.Array
    QR: jax.Array


@optimizer(
    family="curvature",
    reference="Frans, Levine & Abbeel 2025, arXiv:2506.07254, as in the authors' code",
    other_shapes=dict.fromkeys(("L", "R", "QL", "QR"), "a square matrix of a side"),
    laws=("scale_free", "shifted"),
    exempt={"average_words": "of one gradient all but one direction of its bases is rounding"},
)
def splus(
    learning_rate: ScalarOrSchedule = 0.1,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    weight_decay: Scalar = 0.01,
    ema_decay: Annotated[Scalar, DOMAINS["ema"]] = 0.999,
    frequency: Annotated[int, FREQUENCY] = 100,
    others: Optimizer = "adamw",
    roles: Roles | None = None,
) -> Transformation:
    """SPlus: the sign of a mean gradient in the eigenbases of Shampoo's factors, and an average that is judged.

        M = β₁ M + (1-β₁) G      W -= η 2/(m+n) (QL sign(QLᵀ M QR) QRᵀ + λ W), m × n      then
        L = β₂ L + (1-β₂) G Gᵀ      R = β₂ R + (1-β₂) Gᵀ G      every f steps QL, QR = their eigenvectors

    Q begin as I, and are found first behind the first step. Steps are bounded however old the bases are. In a direction
    that no gradient has had the sign is that of rounding, as in the authors' code. That finds bases at the steps that f
    divides, and moves all other parameters by their sign, with a rate of η/1000. What is judged and kept is the mean of
    all W so far, as by `ema`. State: M, the average, and twice the squares of both sides.

    Args:
        learning_rate: η > 0, of a matrix; of the order of the width times that of `adam`.
        b1, b2: β₁, β₂ in [0, 1); a memory of about 1/(1-β) steps. weight_decay: λ >= 0, per unit of the step.
        ema_decay: of the average, in [0, 1); 0 judges what is trained. frequency: f, in steps.
        others: the optimizer of all other parameters, with a learning rate of its own. roles: {path: role}; a run
            gives them.
    """

    def init(W):
        L, R = (jnp.zeros((side, side), W.dtype) for side in W.shape)
        return Whitened(jnp.zeros_like(W), L, R, *(jnp.eye(side, dtype=W.dtype) for side in W.shape))

    def direction(G, s, W, t):
        g, M = bounded(G), b1 * s.M + (1 - b1) * G
        U = out_of(jnp.sign(into(M, s.QL, s.QR)), s.QL, s.QR)
        L, R = b2 * s.L + (1 - b2) * g @ g.T, b2 * s.R + (1 - b2) * g.T @ g
        found = lambda: (jnp.linalg.eigh(L)[1], jnp.linalg.eigh(R)[1])  # noqa: E731
        QL, QR = every(frequency, t, found, (s.QL, s.QR))
        return 2 / max(sum(W.shape), 1) * (U + weight_decay * W), Whitened(M, L, R, QL, QR)

    rule = matrixwise(init, direction, roles, mirrors=("M",), needs=(PARAMS,), decomposes=True)
    return ema(matrices_and_others(descend(rule, learning_rate), others, roles), ema_decay)
