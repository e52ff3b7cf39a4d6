"""Muon of a momentum that is scaled by matrices first, of the covariances of its sides. soap_muon, pmuon."""

from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp

from padl.optimizers.decay import Decay, DecayKind
from padl.optimizers.kronecker import bounded, into, of_eigenvalues, out_of, taught, zero_factors
from padl.optimizers.matrixwise import MATRICES
from padl.optimizers.orthogonal import Scale, Step, mean_of, muon_like, polar_by
from padl.optimizers.polar import Method
from padl.optimizers.refresh import FREQUENCY
from padl.optimizers.rounding import StateDtype
from padl.optimizers.transformation import Transformation
from padl.optimizers.units import Roles
from padl.registry import optimizer
from padl.roles import Role
from padl.types import COUNT, POSITIVE, Domain, Optimizer, Scalar, ScalarOrSchedule

SQUARE = "a square matrix of a side"
EXPONENT = Domain(0.0, 1.0, search=(0.0, 0.5))
RIDGE = POSITIVE._replace(search=(1e-12, 1e-2), scale="log")


class MomentumInBases(NamedTuple):
    """m: momentum. V: its mean square in the bases. L, R: the covariances. QL, QR: their bases, descending."""

    m: jax.Array
    V: jax.Array
    L: jax.Array
    R: jax.Array
    QL: jax.Array
    QR: jax.Array


@optimizer(
    family="muon",
    reference="SOAP-Muon of nikhilvyas/SOAP_MUON, as in KellerJordan/modded-nanogpt, track 3, number 14, 2026",
    other_shapes=dict.fromkeys(("L", "R", "QL", "QR"), SQUARE),
    shown_at={"max_dim": 2},
    laws=("scale_free", "rotations", "shifted"),
)
def soap_muon(
    learning_rate: ScalarOrSchedule = 0.02,
    momentum: Scalar = 0.95,
    nesterov: bool = True,
    b2: Scalar = 0.9,
    eps: Scalar = 1e-8,
    frequency: Annotated[int, FREQUENCY] = 10,
    max_dim: Annotated[int, COUNT] = 10000,
    weight_decay: Scalar = 0.0,
    decay_kind: DecayKind = "decoupled",
    polar: Method = "newton_schulz",
    iterations: int = 5,
    scale: Scale = "spectral",
    others: Optimizer = "adamw",
    applies_to: tuple[Role, ...] = MATRICES,
    mu_dtype: StateDtype = None,
    roles: Roles | None = None,
) -> Transformation:
    """SOAP-Muon: Muon of a momentum that is divided, in the eigenbases of SOAP, by the root of its own mean square.

        P = QLᵀ M QR      V = b2 V + (1-b2) P²      X = QL (P / (√V + eps)) QRᵀ      M, and what follows, as in `muon`
        L = b2 L + (1-b2) G Gᵀ      R = b2 R + (1-b2) Gᵀ G      then, every f steps, the bases as in `soap`

    The first step is Muon's, and finds the bases. As in track 3, which gives X the norm of M (O does not see it). The
    authors' own code has the mean square of the gradient for V, the factor in the bases, and the root of each of its
    numbers.

    Args:
        b2: decay rate of V, L, R in [0, 1); nothing is corrected. eps: > 0, in units of the gradient.
        frequency: f, in steps; 1 in later records. max_dim: a side that is longer has no basis; with none it is `muon2`
            with the momentum for the gradient in V.
        learning_rate, momentum, nesterov, weight_decay, decay_kind, polar, iterations, scale, others, applies_to,
            mu_dtype, roles: as in `muon`.
    """

    def init(w):
        L, R = zero_factors(w, max_dim)
        return MomentumInBases(jnp.zeros_like(w), jnp.zeros_like(w), L, R, L, R)

    def before(step: Step):
        first, s = step.t == 1, step.s
        P = into(step.m, s.QL, s.QR)
        V = jnp.where(first, s.V, b2 * s.V + (1 - b2) * into(bounded(step.m), s.QL, s.QR) ** 2)
        x = jnp.where(first, step.m, out_of(P / (jnp.sqrt(V) + eps), s.QL, s.QR))
        return x, taught(s._replace(V=V), bounded(step.g), b2, frequency, step.t)

    factor = polar_by(polar, iterations)._replace(decomposes=True)
    step = (learning_rate, mean_of(momentum, nesterov), factor, scale, Decay(weight_decay, decay_kind))
    return muon_like(*step, others, applies_to, mu_dtype, roles, init=init, mirrors=("m", "V"), before=before)


class MomentumAndCovariances(NamedTuple):
    """m: momentum. L, R: the covariances of outputs and of inputs."""

    m: jax.Array
    L: jax.Array
    R: jax.Array


@optimizer(
    family="muon",
    reference="KellerJordan/modded-nanogpt, track 3, number 18 (PMuon), 2026",
    other_shapes=dict.fromkeys(("L", "R"), SQUARE),
    laws=("scale_free", "steady", "rotations", "shifted"),
    exempt={"average_words": "b2 is of sums"},
)
def pmuon(
    learning_rate: ScalarOrSchedule = 0.035,
    momentum: Scalar = 0.95,
    nesterov: bool = True,
    b2: Scalar = 0.95,
    gamma: Annotated[Scalar, EXPONENT] = 0.3,
    eps: Annotated[Scalar, RIDGE] = 1e-6,
    weight_decay: Scalar = 0.025,
    decay_kind: DecayKind = "decoupled",
    polar: Method = "newton_schulz",
    iterations: int = 5,
    scale: Scale = "spectral",
    others: Optimizer = "adamw",
    applies_to: tuple[Role, ...] = MATRICES,
    mu_dtype: StateDtype = None,
    roles: Roles | None = None,
) -> Transformation:
    """PMuon: Muon of a momentum that is divided by powers of the covariances of its sides first.

        L = b2 L + G Gᵀ      R = b2 R + Gᵀ G      X = (L + eps I)^-γ M (R + eps I)^-γ      the rest as in `muon`

    As its authors write it, by an eigendecomposition in each step. Their code follows the eigenvectors by one step of a
    power iteration from random ones, looks ahead in L and R too, and iterates a polynomial for O 12 times.

    Args:
        b2: decay rate of L, R in [0, 1), which are sums. gamma: γ in [0, 1]; 0 is `muon`.
        eps: > 0, in units of the gradient squared.
        learning_rate, momentum, nesterov, weight_decay, decay_kind, polar, iterations, scale, others, applies_to,
            mu_dtype, roles: as in `muon`.
    """

    def init(w):
        return MomentumAndCovariances(jnp.zeros_like(w), *(jnp.zeros((side, side), w.dtype) for side in w.shape))

    def before(step: Step):
        g = bounded(step.g)
        L, R = b2 * step.s.L + g @ g.T, b2 * step.s.R + g.T @ g
        power = lambda lam: (lam + eps) ** -gamma  # noqa: E731
        return of_eigenvalues(power, L) @ step.m @ of_eigenvalues(power, R), step.s._replace(L=L, R=R)

    factor = polar_by(polar, iterations)._replace(decomposes=True)
    step = (learning_rate, mean_of(momentum, nesterov), factor, scale, Decay(weight_decay, decay_kind))
    return muon_like(*step, others, applies_to, mu_dtype, roles, init=init, before=before)
