"""Muon: a momentum, of which the orthogonal factor is the step of a hidden matrix. The template, and muon.

    M = average(G)    X = before(M)    O = factor(X)    D = after(O)    W -= η (s D + λ W)

Rules that change one of these: orthogonal_variants.py the momentum first, or the factor after; orthogonal_lengths.py
the factor's length; orthogonal_momenta.py the momentum; orthogonal_whitening.py what is orthogonalised, by matrices;
orthogonal_spectra.py the factor.
"""

import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from optax import GradientTransformation

from padl.optimizers.decay import Decay, DecayKind
from padl.optimizers.descend import descend
from padl.optimizers.matrixwise import MATRICES, matrices_and_others, matrixwise
from padl.optimizers.polar import Method, polar_factor
from padl.optimizers.rounding import StateDtype
from padl.optimizers.transformation import Transformation
from padl.optimizers.units import Roles
from padl.registry import optimizer
from padl.roles import Role
from padl.types import Optimizer, Scalar, ScalarOrSchedule

Scale = Literal["spectral", "rms", "unclamped", "none"]


class MatrixMomentum(NamedTuple):
    m: jax.Array


class Step(NamedTuple):
    """What a rule of this family hands on, all of one matrix.

    Attributes:
        g: the gradient. m: the momentum, with the look ahead. s: the slots. w: the matrix, None where it is left out.
        t: the step, 1 at the first.
    """

    g: jax.Array
    m: jax.Array
    s: Any
    w: Any
    t: jax.Array


class Factor(NamedTuple):
    """How the factor of a matrix is computed, and whether by a decomposition, which is done for one at a time."""

    of: Callable[[jax.Array], jax.Array]
    decomposes: bool = False


Average = Callable[[jax.Array, Any], tuple[jax.Array, Any]]  # (gradient, slots) -> momentum, and the slots
Before = Callable[[Step], tuple[jax.Array, Any]]  # (step) -> what is orthogonalised, and the slots
After = Callable[[jax.Array, Step], tuple[jax.Array, Any]]  # (factor, step) -> D, and the slots


def mean_of(momentum: Scalar, nesterov: bool) -> Average:
    """Take the mean of the gradients, which looks ahead or not."""

    def average(g: jax.Array, s: Any) -> tuple[jax.Array, Any]:
        m = momentum * s.m + (1 - momentum) * g
        return (momentum * m + (1 - momentum) * g if nesterov else m), s._replace(m=m)

    return average


def polar_by(method: Method, iterations: int) -> Factor:
    """Take the orthogonal factor, by the Gram matrix where a side is more than twice the other."""

    def of(x: jax.Array) -> jax.Array:
        long, short = max(x.shape), min(x.shape)
        return polar_factor(x, method, iterations, gram=long > 2 * short)

    return Factor(of, decomposes=method == "exact")


def length_of(scale: Scale, x: jax.Array) -> float:
    """Return s, of a matrix of m outputs and n inputs."""
    m, n = x.shape
    return {
        "spectral": math.sqrt(max(1, m / max(n, 1))),
        "rms": 0.2 * math.sqrt(max(m, n)),
        "unclamped": math.sqrt(m / max(n, 1)),
        "none": 1.0,
    }[scale]


def momentum_alone(step: Step) -> tuple[jax.Array, Any]:
    """Orthogonalise the momentum as it is."""
    return step.m, step.s


def factor_alone(o: jax.Array, step: Step) -> tuple[jax.Array, Any]:
    """Take the orthogonal factor as it is."""
    return o, step.s


def muon_like(
    learning_rate: ScalarOrSchedule,
    average: Average,
    factor: Factor,
    scale: Scale,
    decay: Decay | None,
    others: GradientTransformation,
    applies_to: tuple[Role, ...],
    mu_dtype: StateDtype,
    roles: Roles | None,
    init: Callable[[jax.Array], Any] = lambda w: MatrixMomentum(jnp.zeros_like(w)),
    mirrors: tuple[str, ...] = ("m",),
    needs: tuple[str, ...] = (),
    before: Before = momentum_alone,
    after: After = factor_alone,
) -> Transformation:
    """Make a rule of the template.

    Args:
        average: what of the gradients is the momentum, `mean_of`. factor: what of it is the step, `polar_by`.
        init: W -> slots, of which `m` is the momentum's. mirrors: the slots that are m × n. needs: as of `matrixwise`.
        before, after: what is done to the momentum, and to its orthogonal factor.
        learning_rate, scale, decay, others, applies_to, mu_dtype, roles: as in `muon`.
    """

    def direction(g, s, w, t):
        m, slots = average(g, s)
        x, slots = before(Step(g, m, slots, w, t))
        d, slots = after(factor.of(x), Step(g, m, slots, w, t))
        return length_of(scale, g) * d, slots

    rule = matrixwise(init, direction, roles, mirrors, needs, {"m": mu_dtype}, factor.decomposes)
    return matrices_and_others(descend(rule, learning_rate, decay), others, roles, applies_to)


@optimizer(
    family="muon",
    reference="Jordan et al. 2024, 'Muon: an optimizer for hidden layers in neural networks'",
    laws=("scale_free", "steady", "rotations", "shifted"),
)
def muon(
    learning_rate: ScalarOrSchedule = 0.02,
    momentum: Scalar = 0.95,
    nesterov: bool = True,
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
    """Muon: move a hidden matrix by the orthogonal factor of its momentum, in which all directions are as long.

        M = μ M + (1-μ) G      X = (1-μ) G + μ M      O = U Vᵀ of X = U S Vᵀ      W -= η (s O + λ W)

    O is approximate: five iterations put singular values between 0.68 and 1.13. The authors compute it in bfloat16, and
    add 1e-7 to the norm that X is divided by; here it is in the parameter's precision, and a gradient of any size
    counts.

    Args:
        learning_rate: η > 0, of matrices; the spectral norm of a step, for scale=none.
        momentum: μ in [0, 1); as a mean or as a sum the step is the same. 0 is spectral descent.
        nesterov: whether X looks ahead; without it X = M.
        weight_decay: λ >= 0. decay_kind: see padl/optimizers/decay.py.
        polar: how O is computed: newton_schulz, polar_express (Amsel et al. 2025, arXiv:2505.16932), or exact.
            iterations: of the first two.
        scale: s of an m × n matrix, m outputs: spectral is √max(1, m/n), the authors'; rms is 0.2 √max(m, n), so that
            a step is as long as AdamW's (Liu et al. 2025, arXiv:2502.16982); unclamped is √(m/n) (Bernstein & Newhouse
            2024, arXiv:2409.20325); none is 1.
        others: the optimizer of embeddings, heads, norms and biases, with a learning rate of its own.
        applies_to: the roles of the parameters that Muon moves. A convolution is a matrix of outputs by window and
            inputs. mu_dtype: what M is stored in. roles: {path: role}; a run gives them.
    """
    step = (learning_rate, mean_of(momentum, nesterov), polar_by(polar, iterations), scale)
    return muon_like(*step, Decay(weight_decay, decay_kind), others, applies_to, mu_dtype, roles)
