"""A step as long as its array asks for: one ratio of norms for each array. novograd, fromage, lars, lamb.

Arrays that hold several layers, stacked for a scan, get one ratio for all of these: keep such layers apart.
"""

from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp

from padl.optimizers.conventions import Convention, ConventionName, Conventions, form_of
from padl.optimizers.descend import descend, move
from padl.optimizers.leafwise import LEARNING_RATE, PARAMS, leafwise
from padl.optimizers.moments import Moments, zero_moments
from padl.optimizers.rounding import StateDtype
from padl.optimizers.transformation import Transformation
from padl.optimizers.units import wide
from padl.registry import optimizer
from padl.types import POSITIVE, PyTree, Scalar, ScalarOrSchedule

LARS: Conventions = {
    "paper": Convention(form={"norm": "of the gradient and of the decay"}),
    "optax": Convention(
        "the norm below the ratio is ‖g + λ θ‖, of their sum, and not ‖g‖ + λ ‖θ‖",
        {"norm": "of their sum"},
        {"weight_decay": 0.0},
    ),
}
TRUST = POSITIVE._replace(search=(1e-4, 1.0), scale="log")


class NormedMean(NamedTuple):
    m: jax.Array
    nu: jax.Array


class LarsVelocity(NamedTuple):
    """v: as long as the step. ratio: r of the last step, (); 0 where a norm was 0. Only `measure` reads it."""

    v: jax.Array
    ratio: jax.Array


def norm_of(x: jax.Array) -> jax.Array:
    """Compute the Euclidean norm of all elements of an array; 0 of one without any."""
    return jnp.sqrt(jnp.sum(x**2))


def known_ratio(above: jax.Array, below: jax.Array) -> jax.Array:
    """Divide two norms; 0 where either is 0."""
    both = (above > 0) & (below > 0)
    return jnp.where(both, above / jnp.where(both, below, 1), 0)


def ratio_of(above: jax.Array, below: jax.Array) -> jax.Array:
    """Divide two norms; 1 where either is 0, as the authors' codes do, so that what starts from 0 can move."""
    return jnp.where((above > 0) & (below > 0), known_ratio(above, below), 1)


def trust_ratio(ratios: PyTree) -> dict[str, jax.Array]:
    """Measure `trust_ratio`: the mean over the arrays that have a ratio, and 1 where none has, as then steps go by 1.

    Args:
        ratios: one for each array, (); 0 of an array whose parameters or step are 0.
    """
    r = jnp.stack([jnp.zeros(()), *jax.tree.leaves(ratios)])
    known = jnp.sum(r > 0)
    return {"trust_ratio": jnp.where(known > 0, jnp.sum(r) / jnp.maximum(known, 1), 1)}


@optimizer(
    family="norm",
    reference="Ginsburg et al. 2019, arXiv:1905.11286, algorithm 1",
    other_shapes={"nu": "one number for each array"},
    laws=("scale_free", "eps_of_gradient", "rotations", "shifted"),
    exempt={"average_words": "b1 is of a sum, as in its paper"},
)
def novograd(
    learning_rate: ScalarOrSchedule = 1e-2,
    b1: Scalar = 0.95,
    b2: Scalar = 0.98,
    eps: Scalar = 1e-8,
    weight_decay: Scalar = 1e-3,
    mu_dtype: StateDtype = None,
) -> Transformation:
    """NovoGrad: the gradient of each array by its norm, then momentum. The state is little more than momentum's.

        v = b2 v + (1-b2) ‖g‖²,  at first ‖g‖²      m = b1 m + g / (√v + eps) + λ θ      θ -= η m

    m sums, it does not average. The first is by √v + eps too, as in NVIDIA's code, so that g = 0 does no harm; v is
    ‖g‖² as long as it was 0.

    Args:
        learning_rate: η > 0, in units of the parameter: the norm of the first step of each array.
        b1, b2: decay rates in [0, 1); a memory of about 1/(1-b) steps.
        eps: > 0, in units of the gradient, outside the root.
        weight_decay: λ >= 0, per unit of learning rate; inside of the momentum, which is none of PADL's kinds of decay.
        mu_dtype: what m is stored in; None as it is computed.
    """

    def init(p):
        return NormedMean(m=jnp.zeros_like(p), nu=jnp.zeros((), p.dtype))

    def direction(g, s, p, t):
        square = jnp.sum(g**2)
        nu = jnp.where(s.nu > 0, b2 * s.nu + (1 - b2) * square, square)
        m = b1 * s.m + g / (jnp.sqrt(nu) + eps) + weight_decay * p
        return m, NormedMean(m, nu)

    return descend(leafwise(init, direction, needs=(PARAMS,), dtypes={"m": mu_dtype}), learning_rate)


@optimizer(
    family="norm",
    reference="Bernstein et al. 2020, arXiv:2002.03432, algorithm 1",
    laws=("scale_free", "rotations"),
    exempt={"rate_linear": "a step is divided by √(1 + η²)"},
)
def fromage(learning_rate: ScalarOrSchedule = 1e-2) -> Transformation:
    """Fromage: each array turns by an angle, whatever its size and its gradient's.

        θ = (θ - η ‖θ‖/‖g‖ g) / √(1 + η²)

    The root keeps ‖θ‖ from growing where g is at a right angle to θ. Without a gradient θ shrinks by it.

    Args:
        learning_rate: η > 0, without unit: the tangent of the angle of a step. The default is that of the authors'
            code, which also has ‖θ‖/‖g‖ = 1 where either is 0.
    """

    def update(g, s, p, t, learning_rate):
        scale = 1 / jnp.sqrt(1 + learning_rate**2)
        step = learning_rate * ratio_of(norm_of(p), norm_of(g)) * g
        return (scale - 1) * p - scale * step, s

    return move(leafwise(lambda p: (), update, needs=(PARAMS, LEARNING_RATE)), learning_rate)


@optimizer(
    family="norm",
    reference="You, Gitman & Ginsburg 2017, arXiv:1708.03888, algorithm 1",
    conventions=LARS,
    other_shapes={"ratio": "one number for each array"},
    laws=("scale_free", "rotations"),
)
def lars(
    learning_rate: ScalarOrSchedule = 1.0,
    momentum: Scalar = 0.9,
    weight_decay: Scalar = 5e-4,
    trust: Annotated[Scalar, TRUST] = 1e-3,
    convention: ConventionName = "paper",
    mu_dtype: StateDtype = None,
) -> Transformation:
    """LARS: momentum whose step in each array is a share of the array's own norm.

        r = c ‖θ‖ / (‖g‖ + λ ‖θ‖)      v = μ v + η r (g + λ θ)      θ -= v

    r is 1 where ‖θ‖ or ‖g‖ is 0, as in TensorFlow's. μ, λ and c are the paper's, which scales η with the batch.
    Measures `trust_ratio`, the mean of r over the arrays where neither is 0.

    Args:
        learning_rate: η > 0, without unit, inside of the velocity.
        momentum: μ in [0, 1); a memory of about 1/(1-μ) steps.
        weight_decay: λ >= 0, of the gradient; it is in the ratio too, which is none of PADL's kinds of decay.
        trust: c > 0, without unit: how much of ‖θ‖ one step is, for η = 1.
        convention: what norm the gradient and the decay have together; see `padl diff`.
        mu_dtype: what v is stored in; None as it is computed.
    """
    form = form_of(LARS, convention)

    def update(g, s, p, t, learning_rate):
        decayed = g + weight_decay * p
        apart = form["norm"] == "of the gradient and of the decay"
        below = norm_of(g) + weight_decay * norm_of(p) if apart else norm_of(decayed)
        known = (norm_of(p) > 0) & (norm_of(g if apart else decayed) > 0)
        r = jnp.where(known, trust * norm_of(p) / jnp.where(known, below, 1), 1)
        v = momentum * s.v + learning_rate * r * decayed
        return -v, LarsVelocity(v, jnp.where(known, r, 0))

    def init(p):
        return LarsVelocity(jnp.zeros_like(p), jnp.zeros((), p.dtype))

    rule = leafwise(init, update, needs=(PARAMS, LEARNING_RATE), dtypes={"v": mu_dtype})
    return move(rule, learning_rate, measure=lambda state, updates, params: trust_ratio(state.slots.ratio))


@optimizer(
    family="norm",
    reference="You et al. 2020, arXiv:1904.00962, algorithm 2, with φ(z) = z",
    temporary="d of one array, as its norm is known only when all of it has been computed",
    laws=("scale_free",),
)
def lamb(
    learning_rate: ScalarOrSchedule = 1e-3,
    b1: Scalar = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-6,
    weight_decay: Scalar = 1e-2,
    mu_dtype: StateDtype = None,
    nu_dtype: StateDtype = None,
) -> Transformation:
    """LAMB: the direction of `adamw` in each array, as long as a share of the array's own norm.

        d = m̂ / (√v̂ + eps) + λ θ      θ -= η ‖θ‖/‖d‖ d      m̂, v̂ as in `adam`

    ‖θ‖/‖d‖ is 1 where either is 0, as in the authors' code. Defaults as there and for BERT. Measures `trust_ratio`, the
    mean of ‖θ‖/‖d‖ over the arrays where neither is 0.

    Args:
        learning_rate: η > 0, without unit: how much of ‖θ‖ one step is.
        b1, b2, mu_dtype, nu_dtype: as in `adam`.
        eps: > 0, in units of the gradient, outside the root.
        weight_decay: λ >= 0, inside of the ratio, which is none of PADL's kinds of decay.
    """

    def decayed(s, p, t):
        return s.mu / (1 - b1**t) / (jnp.sqrt(s.nu / (1 - b2**t)) + eps) + weight_decay * p

    def direction(g, s, p, t):
        moments = Moments(b1 * s.mu + (1 - b1) * g, b2 * s.nu + (1 - b2) * g**2)
        d = decayed(moments, p, t)
        return ratio_of(norm_of(p), norm_of(d)) * d, moments

    def measure(state, updates, params):
        def ratio(p, mu, nu):
            t = jnp.maximum(state.count, 1).astype(wide(p).dtype)
            return known_ratio(norm_of(wide(p)), norm_of(decayed(Moments(wide(mu), wide(nu)), wide(p), t)))

        return trust_ratio(jax.tree.map(ratio, params, state.slots.mu, state.slots.nu))

    rule = leafwise(
        zero_moments, direction, needs=(PARAMS,), dtypes={"mu": mu_dtype, "nu": nu_dtype}, one_at_a_time=True
    )
    return descend(rule, learning_rate, measure=measure)
