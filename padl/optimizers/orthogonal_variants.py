"""Muon with the momentum scaled first, or its orthogonal factor after. muon2, adamuon, muoneq, normuon."""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

from padl.optimizers.decay import Decay, DecayKind
from padl.optimizers.matrixwise import MATRICES
from padl.optimizers.orthogonal import Scale, Step, mean_of, muon_like, polar_by
from padl.optimizers.polar import Method
from padl.optimizers.rounding import StateDtype
from padl.optimizers.transformation import Transformation
from padl.optimizers.units import Roles, array_norm, ratio, unit_norm
from padl.registry import optimizer
from padl.roles import Role
from padl.types import Optimizer, Scalar, ScalarOrSchedule

Sides = Literal["rows", "columns", "both"]


class MatrixMoments(NamedTuple):
    m: jax.Array
    v: jax.Array


def zero_moments_of(w: jax.Array) -> MatrixMoments:
    """Begin with a mean and a mean square of 0 for each number."""
    return MatrixMoments(jnp.zeros_like(w), jnp.zeros_like(w))


@optimizer(
    family="muon",
    reference="Liu et al. 2026, arXiv:2604.09967; b2, eps of modded-nanogpt, track 3",
    laws=("scale_free", "steady", "shifted"),
)
def muon2(
    learning_rate: ScalarOrSchedule = 0.02,
    momentum: Scalar = 0.95,
    nesterov: bool = True,
    b2: Scalar = 0.95,
    eps: Scalar = 1e-10,
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
    """Muon²: Muon of a momentum that is divided by the root of the mean square gradient of each number first.

        V = b2 V + (1-b2) G²      X = M / (√V + eps)      M, and what follows, as in `muon`

    Singular values of X are nearer to one another, so that fewer iterations do: the authors take 3. They sum G in M
    without a look ahead; the look ahead, b2 and eps are track 3's.

    Args:
        b2: decay rate of V in [0, 1), whose correction would cancel. eps: > 0, in units of the gradient.
        learning_rate, momentum, nesterov, weight_decay, decay_kind, polar, iterations, scale, others, applies_to,
            mu_dtype, roles: as in `muon`.
    """

    def before(step: Step):
        v = b2 * step.s.v + (1 - b2) * step.g**2
        return step.m / (jnp.sqrt(v) + eps), step.s._replace(v=v)

    step = (learning_rate, mean_of(momentum, nesterov), polar_by(polar, iterations), scale)
    decay = Decay(weight_decay, decay_kind)
    return muon_like(
        *step, decay, others, applies_to, mu_dtype, roles, init=zero_moments_of, mirrors=("m", "v"), before=before
    )


@optimizer(
    family="muon",
    reference="Si et al. 2025, arXiv:2507.11005, algorithm 1",
    laws=("scale_free", "steady", "shifted"),
    exempt={"decay_rates": "its second average is of what momentum makes of gradients"},
)
def adamuon(
    learning_rate: ScalarOrSchedule = 1e-3,
    momentum: Scalar = 0.95,
    nesterov: bool = False,
    b2: Scalar = 0.95,
    eps: Scalar = 1e-8,
    weight_decay: Scalar = 0.0,
    decay_kind: DecayKind = "decoupled",
    polar: Method = "newton_schulz",
    iterations: int = 5,
    others: Optimizer = "adamw",
    applies_to: tuple[Role, ...] = MATRICES,
    mu_dtype: StateDtype = None,
    roles: Roles | None = None,
) -> Transformation:
    """AdaMuon: the orthogonal factor of the signs of the momentum, each number divided by the root of its mean square.

        O = polar(sign(M))      V = b2 V + (1-b2) O²      D = O / (√V + eps)      W -= η (0.2 √(m n) D / ‖D‖ + λ W)

    M as in `muon`. The mean square of all numbers of a step is 0.04, as AdamW's. Two libraries leave out the sign. The
    authors' code has the look ahead, which their algorithm has not, and μ for b2.

    Args:
        learning_rate: η > 0, comparable to AdamW's. b2: decay rate of V in [0, 1); its correction would cancel.
        eps: > 0, in units of O, whose numbers are about 1/√max(m, n).
        momentum, nesterov, weight_decay, decay_kind, polar, iterations, others, applies_to, mu_dtype, roles: as in
            `muon`.
    """

    def before(step: Step):
        return jnp.sign(step.m), step.s

    def after(o, step: Step):
        v = b2 * step.s.v + (1 - b2) * o**2
        d = o / (jnp.sqrt(v) + eps)
        return 0.2 * o.size**0.5 * ratio(d, array_norm(d)), step.s._replace(v=v)

    step = (learning_rate, mean_of(momentum, nesterov), polar_by(polar, iterations), "none")
    decay, both = Decay(weight_decay, decay_kind), {"before": before, "after": after}
    return muon_like(
        *step, decay, others, applies_to, mu_dtype, roles, init=zero_moments_of, mirrors=("m", "v"), **both
    )


@optimizer(
    family="muon",
    reference="Chang et al. 2026, arXiv:2603.28254; the authors' code",
    laws=("scale_free", "steady", "shifted"),
)
def muoneq(
    learning_rate: ScalarOrSchedule = 0.02,
    momentum: Scalar = 0.95,
    nesterov: bool = True,
    sides: Sides = "rows",
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
    """MuonEq: Muon of a momentum whose rows, or columns, are made as long as one another first.

        X = D_r^-½ M D_c^-½      D_r, D_c: the sums of squares of rows and columns      the rest as in `muon`

    A row of zeros stays one. State as `muon`. The authors' code adds 1e-8 to the sums, which a gradient whose rows are
    shorter than 1e-3 feels; here any size counts.

    Args:
        sides: rows (outputs), columns (inputs), or both, each of M as it was.
        learning_rate, momentum, nesterov, weight_decay, decay_kind, polar, iterations, scale, others, applies_to,
            mu_dtype, roles: as in `muon`.
    """

    def before(step: Step):
        x = step.m
        if sides != "columns":
            x = ratio(x, unit_norm(step.m, (1,)))
        return (x if sides == "rows" else ratio(x, unit_norm(step.m, (0,)))), step.s

    step = (learning_rate, mean_of(momentum, nesterov), polar_by(polar, iterations), scale)
    decay = Decay(weight_decay, decay_kind)
    return muon_like(*step, decay, others, applies_to, mu_dtype, roles, before=before)


@optimizer(
    family="muon",
    reference="Li et al. 2025, arXiv:2510.05491, algorithm 1; the norm restored as in the authors' code",
    other_shapes={"v": "one number for each output"},
    laws=("scale_free", "steady", "shifted"),
    exempt={"decay_rates": "its second average is of what momentum makes of gradients"},
)
def normuon(
    learning_rate: ScalarOrSchedule = 0.02,
    momentum: Scalar = 0.95,
    nesterov: bool = True,
    b2: Scalar = 0.95,
    eps: Scalar = 1e-8,
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
    """NorMuon: Muon whose rows are divided by the root of their mean square, so that all neurons learn alike.

        v = b2 v + (1-b2) mean(O²), of a row      D = O / (√v + eps)      D ‖O‖ / ‖D‖ in the place of O

    O, and what follows, as in `muon`. The paper's step, 0.2 √(m n) long, is scale=rms but for the length that the
    iterations give O.

    Args:
        b2: decay rate of v in [0, 1). eps: > 0, in units of O, whose numbers are about 1/√max(m, n); 1e-10 in the code.
        learning_rate, momentum, nesterov, weight_decay, decay_kind, polar, iterations, scale, others, applies_to,
            mu_dtype, roles: as in `muon`.
    """

    def init(w):
        return MatrixMoments(jnp.zeros_like(w), jnp.zeros((w.shape[0], 1), w.dtype))

    def after(o, step: Step):
        v = b2 * step.s.v + (1 - b2) * jnp.sum(o**2, 1, keepdims=True) / max(o.shape[1], 1)
        d = o / (jnp.sqrt(v) + eps)
        return array_norm(o) * ratio(d, array_norm(d)), step.s._replace(v=v)

    step = (learning_rate, mean_of(momentum, nesterov), polar_by(polar, iterations), scale)
    decay = Decay(weight_decay, decay_kind)
    return muon_like(*step, decay, others, applies_to, mu_dtype, roles, init=init, after=after)
