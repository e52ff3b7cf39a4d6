"""Scaled by a second moment of which nothing is kept beside the mean gradient. bcos."""

from typing import Literal

import jax.numpy as jnp

from padl.optimizers.decay import Decay, DecayKind
from padl.optimizers.descend import descend
from padl.optimizers.leafwise import leafwise
from padl.optimizers.rounding import StateDtype
from padl.optimizers.signs import MeanGradient, zero_mean
from padl.optimizers.transformation import Transformation
from padl.registry import optimizer
from padl.types import Scalar, ScalarOrSchedule


@optimizer(
    family="memory",
    reference="Jiang & Xiao 2025, arXiv:2507.08963, algorithm 4 (BCOSW-c)",
    laws=("scale_free", "unit_step", "eps_of_gradient", "shifted"),
)
def bcos(
    learning_rate: ScalarOrSchedule = 2e-3,
    momentum: Scalar = 0.9,
    eps: Scalar = 1e-6,
    weight_decay: Scalar = 0.1,
    decay_kind: DecayKind = "decoupled",
    estimator: Literal["simple", "full"] = "simple",
    mu_dtype: StateDtype = None,
) -> Transformation:
    """BCOS: momentum by the root of the mean square that it is expected to have, seen from the step before.

        v = (1 - (1-β)²) m² + (1-β)² g²      m = β m + (1-β) g      θ -= η (m / (√v + eps) + λ θ)

    m begins as the first g. AdamW with half of its state, and without b2, whose counterpart is 1 - (1-β)². The defaults
    are those of the paper's section 5.

    Args:
        learning_rate: η > 0, in units of the parameter: about the largest change in one step.
        momentum: β in [0, 1); a memory of about 1/(1-β) steps. 0 is `signsgd`, up to eps.
        eps: > 0, in units of the gradient, outside the root.
        weight_decay: λ >= 0, per unit of learning rate. decay_kind: as in `adamw`.
        estimator: simple is v as above (eq. 21). full expands the square of the new m, as the authors' later code
            does: v = β² m² + 2 β (1-β) m (β m + (1-β) g) + (1-β)² g².
        mu_dtype: what m is stored in; None as it is computed.
    """

    def direction(g, s, p, t):
        before = jnp.where(t == 1, g, s.m)
        share = (1 - momentum) ** 2
        if estimator == "simple":
            v = (1 - share) * before**2 + share * g**2
        else:  # as a sum of squares, so that it is never ∞ - ∞
            v = share * (g + momentum * before) ** 2 + momentum**2 * (2 - momentum**2) * before**2
        m = momentum * before + (1 - momentum) * g
        half = momentum / 2 * before + (1 - momentum) / 2 * g  # of m: XLA would keep what two results share
        return 2 * half / (jnp.sqrt(v) + eps), MeanGradient(m)

    rule = leafwise(zero_mean, direction, dtypes={"m": mu_dtype}, overwritten_last=("m",), elementwise=True)
    return descend(rule, learning_rate, Decay(weight_decay, decay_kind))
