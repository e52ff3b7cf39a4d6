"""Muon whose orthogonal factor is made longer or shorter. muon_plus, polargrad, namo."""

from typing import Annotated, Literal, NamedTuple

import jax
import jax.numpy as jnp

from padl.optimizers.decay import Decay, DecayKind
from padl.optimizers.leafwise import PARAMS
from padl.optimizers.matrixwise import MATRICES
from padl.optimizers.orthogonal import Scale, Step, length_of, mean_of, muon_like, polar_by
from padl.optimizers.polar import Method
from padl.optimizers.rounding import StateDtype
from padl.optimizers.transformation import Transformation
from padl.optimizers.units import Roles, array_norm, ratio, unit_norm
from padl.registry import optimizer
from padl.roles import Role
from padl.types import POSITIVE, Optimizer, Scalar, ScalarOrSchedule

Order = Literal["columns", "rows", "columns_rows", "rows_columns"]
AXES = {"columns": 0, "rows": 1}  # that a column, a row is summed over


@optimizer(
    family="muon",
    reference="Zhang et al. 2026, arXiv:2602.21545, equations 3 to 8",
    laws=("scale_free", "steady", "shifted"),
)
def muon_plus(
    learning_rate: ScalarOrSchedule = 1e-3,
    momentum: Scalar = 0.95,
    nesterov: bool = False,
    normalise: Order = "columns",
    weight_decay: Scalar = 0.1,
    decay_kind: DecayKind = "decoupled",
    polar: Method = "newton_schulz",
    iterations: int = 5,
    scale: Scale = "unclamped",
    others: Optimizer = "adamw",
    applies_to: tuple[Role, ...] = MATRICES,
    mu_dtype: StateDtype = None,
    roles: Roles | None = None,
) -> Transformation:
    """Muon+: Muon whose orthogonal factor has its columns, or rows, made as long as one another.

        D = O D_c⁻¹, or D_r⁻¹ O, or one after the other      D_c, D_r: the lengths of columns, of rows
        W -= η (√(m/n) D + λ W)

    O as in `muon`, without a look ahead, which the authors' code has. Two after the other went further than one in the
    paper. The 1e-8 below the paper's roots, 1e-7 in the code, is left out: a row of zeros stays one.

    Args:
        normalise: columns (of one input, the paper's default), rows (of one output), columns_rows: first the columns,
            then the rows, or rows_columns.
        learning_rate, momentum, nesterov, weight_decay, decay_kind, polar, iterations, scale, others, applies_to,
            mu_dtype, roles: as in `muon`; η and λ are the code's.
    """

    def after(o, step: Step):
        for side in normalise.split("_"):
            o = ratio(o, unit_norm(o, (AXES[side],)))
        return o, step.s

    step = (learning_rate, mean_of(momentum, nesterov), polar_by(polar, iterations), scale)
    return muon_like(*step, Decay(weight_decay, decay_kind), others, applies_to, mu_dtype, roles, after=after)


@optimizer(
    family="muon",
    reference="Lau et al. 2025, arXiv:2505.21799, PolarGradM; the authors' code",
    laws=("proportional", "rotations", "shifted"),
)
def polargrad(
    learning_rate: ScalarOrSchedule = 0.02,
    momentum: Scalar = 0.95,
    nesterov: bool = False,
    weight_decay: Scalar = 0.0,
    decay_kind: DecayKind = "decoupled",
    polar: Method = "polar_express",
    iterations: int = 8,
    scale: Scale = "none",
    others: Optimizer = "adamw",
    applies_to: tuple[Role, ...] = MATRICES,
    mu_dtype: StateDtype = None,
    roles: Roles | None = None,
) -> Transformation:
    """PolarGrad: Muon whose step is as long as the sum of the singular values of the momentum: steepest descent.

        ν = ⟨M, O⟩, the nuclear norm of M      W -= η (ν O + λ W)      M, O as in `muon`

    It is not free of scale: twice the gradient is twice the step, and η is of another size than Muon's. An error of O's
    singular values is one of ν too, hence 8 iterations of polar_express; the authors' factor, by QDWH, is polar=exact.
    The momentum comes first; that of orthogonal factors, their `polar_first`, is not here.

    Args:
        learning_rate: η > 0, in units of the parameter over the gradient.
        momentum, nesterov, weight_decay, decay_kind, polar, iterations, scale, others, applies_to, mu_dtype, roles: as
            in `muon`.
    """

    def after(o, step: Step):
        return jnp.sum(step.m * o) * o, step.s

    step = (learning_rate, mean_of(momentum, nesterov), polar_by(polar, iterations), scale)
    return muon_like(*step, Decay(weight_decay, decay_kind), others, applies_to, mu_dtype, roles, after=after)


class MomentumAndSize(NamedTuple):
    """m: momentum. v: the mean squared norm of the gradient, one number."""

    m: jax.Array
    v: jax.Array


@optimizer(
    family="muon",
    reference="Zhang, Liu & Schaeffer 2026, arXiv:2602.17080, algorithm 1; the authors' code",
    other_shapes={"v": "one number for each matrix"},
    laws=("scale_free", "eps_of_gradient", "rotations", "shifted"),
    exempt={
        "decay_measured": "its decay is scaled as its step is, to nothing without a gradient",
    },
)
def namo(
    learning_rate: ScalarOrSchedule = 1e-2,
    momentum: Scalar = 0.95,
    nesterov: bool = True,
    b2: Scalar = 0.99,
    eps: Annotated[Scalar, POSITIVE._replace(search=(1e-12, 1e-4), scale="log")] = 1e-8,
    weight_decay: Scalar = 0.1,
    polar: Method = "newton_schulz",
    iterations: int = 5,
    scale: Scale = "rms",
    others: Optimizer = "adamw",
    applies_to: tuple[Role, ...] = MATRICES,
    mu_dtype: StateDtype = None,
    roles: Roles | None = None,
) -> Transformation:
    """NAMO: Muon whose step is the longer the less the gradient changes, by Adam's ratio of norms.

        v = b2 v + (1-b2) ‖G‖²      α = √(1-b2ᵗ)/(1-μᵗ) ‖X‖ / (√v + eps)      W -= η α (s O + λ W)

    X, O, s as in `muon`. The decay is times α, as in the paper, and is none of PADL's kinds. The authors' code also
    keeps η α and η α s from growing above 1, which they reach only where η is that large.

    Args:
        learning_rate: η > 0, comparable to AdamW's.
        b2: decay rate of v in [0, 1). eps: > 0, in units of the gradient.
        momentum, nesterov, weight_decay, polar, iterations, scale, others, applies_to, mu_dtype, roles: as in `muon`.
    """

    def init(w):
        return MomentumAndSize(jnp.zeros_like(w), jnp.zeros((), w.dtype))

    def after(o, step: Step):
        v = b2 * step.s.v + (1 - b2) * array_norm(step.g) ** 2
        correction = jnp.sqrt(1 - b2**step.t) / (1 - momentum**step.t)
        alpha = correction * array_norm(step.m) / (jnp.sqrt(v) + eps)
        decayed = weight_decay / (length_of(scale, o) or 1) * step.w  # the length comes on top of what this returns
        return alpha * (o + decayed), step.s._replace(v=v)

    step = (learning_rate, mean_of(momentum, nesterov), polar_by(polar, iterations), scale)
    return muon_like(
        *step, None, others, applies_to, mu_dtype, roles, init=init, mirrors=("m",), needs=(PARAMS,), after=after
    )
