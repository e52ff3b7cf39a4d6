"""Muon with another factor than the orthogonal one: balanced rows, powers of singular values, chaos. aurora, freon,
kaon."""

from typing import Annotated

import jax.numpy as jnp

from padl.optimizers.decay import Decay, DecayKind
from padl.optimizers.matrixwise import MATRICES
from padl.optimizers.orthogonal import Factor, Scale, mean_of, muon_like, polar_by
from padl.optimizers.polar import Method, known_values
from padl.optimizers.rounding import StateDtype
from padl.optimizers.transformation import Transformation
from padl.optimizers.units import Roles, array_norm, ratio, unit_norm
from padl.registry import optimizer
from padl.roles import Role
from padl.types import COUNT, POSITIVE, Domain, Optimizer, Scalar, ScalarOrSchedule

DAMPING = POSITIVE._replace(search=(0.1, 1.0))
EXPONENT = Domain(0.0, 1.0, high_open=True, search=(0.0, 0.9))
CHAOS = 4.1  # σ ← 4.1 σ (1 - σ²)² maps [0, 1.175] into itself, neighbours part by e^0.9 a turn (2000 starts)
LARGEST = 1.175


@optimizer(
    family="muon",
    reference="Tilde Research 2026, arXiv:2606.27715; the authors' code, aurora-release",
    laws=("scale_free", "steady", "shifted"),
)
def aurora(
    learning_rate: ScalarOrSchedule = 0.05,
    momentum: Scalar = 0.95,
    nesterov: bool = True,
    balancings: Annotated[int, COUNT._replace(search=(1, 8))] = 2,
    damping: Annotated[Scalar, DAMPING] = 0.5,
    weight_decay: Scalar = 0.025,
    decay_kind: DecayKind = "decoupled",
    polar: Method = "polar_express",
    iterations: int = 8,
    scale: Scale = "spectral",
    others: Optimizer = "adamw",
    applies_to: tuple[Role, ...] = MATRICES,
    mu_dtype: StateDtype = None,
    roles: Roles | None = None,
) -> Transformation:
    """Aurora: Muon whose factor is orthogonal and has rows of one length, so that all neurons move.

        D = diag(1 / ‖Xᵢ‖)      O = polar(D X), then, as often as told: D = D (n/m / ‖Oᵢ‖²)^β      O = polar(D X)

    Of a matrix X with more rows than columns, m × n; of a wide one it is done to the transpose, and a square one, whose
    orthogonal factor has such rows, is as in `muon`. With one balancing it is `muoneq`, of the longer side. The authors
    iterate 2σ - 1.5σ³ + 0.5σ⁵ twelve times in bfloat16; here it is polar_express.

    Args:
        balancings: how often O is computed, the authors' pp_iterations. damping: β > 0, of all but the first.
        learning_rate, momentum, nesterov, weight_decay, decay_kind, polar, iterations, scale, others, applies_to,
            mu_dtype, roles: as in `muon`.
    """
    plain = polar_by(polar, iterations)

    def of(x):
        m, n = x.shape
        if m == n:
            return plain.of(x)
        return balanced(x) if m > n else balanced(x.T).T

    def balanced(x):
        m, n = x.shape
        rows = ratio(x, unit_norm(x, (1,)))
        o, d = plain.of(rows), jnp.ones((m, 1), x.dtype)
        for _ in range(balancings - 1):
            d = d * ratio(n / m, jnp.sum(o**2, 1, keepdims=True)) ** damping
            o = plain.of(d * rows)
        return o

    step = (learning_rate, mean_of(momentum, nesterov), Factor(of, plain.decomposes), scale)
    return muon_like(*step, Decay(weight_decay, decay_kind), others, applies_to, mu_dtype, roles)


@optimizer(
    family="muon",
    reference="Shumaylov et al. 2026, arXiv:2605.11181 (Freon)",
    laws=("scale_free", "steady", "rotations", "shifted"),
)
def freon(
    learning_rate: ScalarOrSchedule = 0.02,
    momentum: Scalar = 0.95,
    nesterov: bool = True,
    c: Annotated[Scalar, EXPONENT] = 2 / 3,
    weight_decay: Scalar = 0.0,
    decay_kind: DecayKind = "decoupled",
    scale: Scale = "spectral",
    others: Optimizer = "adamw",
    applies_to: tuple[Role, ...] = MATRICES,
    mu_dtype: StateDtype = None,
    roles: Roles | None = None,
) -> Transformation:
    """Freon: Muon with a power of the singular values in the place of 1, from those of the momentum to inverted ones.

        X = U S Vᵀ      D = (X Xᵀ)^-c X = U S^(1-2c) Vᵀ      in units of (mean σ^q)^(1/q) of X, q = 2 - 2c

    c = 0 is the momentum over the root mean square of its singular values, ½ is `muon` with the exact factor, more
    gives small values the longer steps; GPT-2 went best near 2/3 and 3/4. The unit is the Schatten norm of which D is
    the steepest descent where q >= 1. The paper's own text was not at hand: the direction is as five accounts of it
    have it, the unit as two do. Values of 0 stay 0. It is computed by a singular value decomposition, not by the
    paper's rational iteration.

    Args:
        c: in [0, 1).
        learning_rate, momentum, nesterov, weight_decay, decay_kind, scale, others, applies_to, mu_dtype, roles: as in
            `muon`; X, M too.
    """

    def of(x):
        if x.size == 0:
            return x
        u, s, vt = known_values(x)
        q, known = 2 - 2 * c, s > 0
        power = lambda exponent: jnp.where(known, jnp.where(known, s, 1) ** exponent, 0)  # noqa: E731
        norm = jnp.mean(power(q)) ** (1 / q)
        return (u * ratio(power(q - 1), norm ** (q - 1))[None]) @ vt

    step = (learning_rate, mean_of(momentum, nesterov), Factor(of, decomposes=True), scale)
    return muon_like(*step, Decay(weight_decay, decay_kind), others, applies_to, mu_dtype, roles)


@optimizer(
    family="muon",
    reference="Shumaylov et al. 2026, arXiv:2605.11181 (Kaon)",
    laws=("scale_free", "steady", "rotations", "shifted"),
)
def kaon(
    learning_rate: ScalarOrSchedule = 0.02,
    momentum: Scalar = 0.95,
    nesterov: bool = True,
    weight_decay: Scalar = 0.0,
    decay_kind: DecayKind = "decoupled",
    iterations: int = 5,
    scale: Scale = "spectral",
    others: Optimizer = "adamw",
    applies_to: tuple[Role, ...] = MATRICES,
    mu_dtype: StateDtype = None,
    roles: Roles | None = None,
) -> Transformation:
    """Kaon: Muon with singular values that mean nothing. The control of a claim about Muon, which it must beat.

        X = M / ‖M‖      X = 4.1 (I - X Xᵀ)² X, five times      O = X / 1.175      the rest as in `muon`

    The map of each singular value, σ ← 4.1 σ (1 - σ²)², is chaotic: they are as good as random in [0, 1], the same for
    the same M. The authors found it no worse than Muon. As three accounts of the paper have it.

    Args:
        learning_rate, momentum, nesterov, weight_decay, decay_kind, iterations, scale, others, applies_to, mu_dtype,
            roles: as in `muon`.
    """

    def of(x):
        wide = x if x.shape[0] <= x.shape[1] else x.T
        o, identity = ratio(wide, array_norm(wide)), jnp.eye(len(wide), dtype=x.dtype)
        for _ in range(iterations):
            b = identity - o @ o.T
            o = CHAOS * (b @ b) @ o
        o = o / LARGEST
        return o if x.shape[0] <= x.shape[1] else o.T

    step = (learning_rate, mean_of(momentum, nesterov), Factor(of), scale)
    return muon_like(*step, Decay(weight_decay, decay_kind), others, applies_to, mu_dtype, roles)
