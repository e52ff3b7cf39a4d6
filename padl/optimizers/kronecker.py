"""Curvature of a matrix as a product of one factor for its outputs and one for its inputs. soap, shampoo,
one_sided_shampoo."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, NamedTuple

import jax
import jax.numpy as jnp

from padl.optimizers.decay import Decay, DecayKind
from padl.optimizers.descend import descend
from padl.optimizers.matrixwise import matrices_and_others, matrixwise, short_first
from padl.optimizers.refresh import FREQUENCY, every
from padl.optimizers.transformation import Transformation
from padl.optimizers.units import Roles, array_norm, ratio
from padl.registry import optimizer
from padl.types import COUNT, FRACTION, POSITIVE, Domain, Optimizer, Scalar, ScalarOrSchedule

MEMORY = Domain(0.0, 1.0, low_open=True, search=(0.9, 1.0))
RIDGE = POSITIVE._replace(search=(1e-12, 1e-2), scale="log")
Graft = Literal["none", "sgd", "rms"]
Side = Literal["outputs", "shorter"]


def bounded(G: jax.Array) -> jax.Array:
    """Limit a gradient so that no sum of products of its elements is ∞, after which no factor would recover."""
    largest = jnp.sqrt(jnp.finfo(G.dtype).max / max(4 * G.size, 1))
    return jnp.clip(G, -largest, largest)


class Eigenbases(NamedTuple):
    """M, V: moments, V in the bases. L, R: factors. QL, QR: their bases, descending; 0 × 0 for one left out."""

    M: jax.Array
    V: jax.Array
    L: jax.Array
    R: jax.Array
    QL: jax.Array
    QR: jax.Array


def into(X: jax.Array, QL: jax.Array, QR: jax.Array) -> jax.Array:
    """Compute QLᵀ X QR, where a basis without elements is the identity."""
    X = QL.T @ X if QL.size else X
    return X @ QR if QR.size else X


def out_of(X: jax.Array, QL: jax.Array, QR: jax.Array) -> jax.Array:
    """Compute QL X QRᵀ; the inverse of `into`."""
    return into(X, QL.T, QR.T)


def turned(A: jax.Array, Q: jax.Array, first: jax.Array) -> jax.Array:
    """The basis of A: exact and descending at first, then by one step of a power iteration from Q."""
    exact = lambda: jnp.linalg.eigh(A)[1][:, ::-1]  # noqa: E731
    return jax.lax.cond(first, exact, lambda: jnp.linalg.qr(A @ Q)[0])


def renewed(A: jax.Array, Q: jax.Array, first: jax.Array) -> tuple[jax.Array, jax.Array]:
    """As `turned`, with the columns of Q sorted by their estimated eigenvalues before; and their order."""
    order = jnp.argsort(-jnp.diag(Q.T @ A @ Q), stable=True)
    return turned(A, Q[:, order], first), order


def zero_factors(W: jax.Array, max_dim: int) -> tuple[jax.Array, jax.Array]:
    """Begin with L and R of 0; a side that is longer than max_dim never has one."""
    L, R = (jnp.zeros((side, side) if side <= max_dim else (0, 0), W.dtype) for side in W.shape)
    return L, R


def taught(s: Any, G: jax.Array, b2: Scalar, frequency: int, t: jax.Array) -> Any:
    """Take a gradient into L and R; at every k-th step into QL and QR, in whose new order V is brought."""
    L = b2 * s.L + (1 - b2) * G @ G.T if s.L.size else s.L
    R = b2 * s.R + (1 - b2) * G.T @ G if s.R.size else s.R

    def renew():
        QL, rows = renewed(L, s.QL, t == 1) if L.size else (s.QL, jnp.arange(len(s.V)))
        QR, columns = renewed(R, s.QR, t == 1) if R.size else (s.QR, jnp.arange(s.V.shape[1]))
        return QL, QR, s.V[rows][:, columns]

    QL, QR, V = every(frequency, t, renew, (s.QL, s.QR, s.V))
    return s._replace(V=V, L=L, R=R, QL=QL, QR=QR)


@optimizer(
    family="curvature",
    reference="Vyas et al. 2024, arXiv:2409.11321, algorithm 3",
    other_shapes=dict.fromkeys(("L", "R", "QL", "QR"), "a square matrix of a side"),
    shown_at={"max_dim": 2},
    laws=("scale_free", "eps_of_gradient", "rotations", "shifted"),
)
def soap(
    learning_rate: ScalarOrSchedule = 3e-3,
    b1: Scalar = 0.95,
    b2: Scalar = 0.95,
    eps: Scalar = 1e-8,
    weight_decay: Scalar = 0.01,
    decay_kind: DecayKind = "decoupled",
    frequency: Annotated[int, FREQUENCY] = 10,
    max_dim: Annotated[int, COUNT] = 10000,
    others: Optimizer = "adamw",
    roles: Roles | None = None,
) -> Transformation:
    """SOAP: Adam in the eigenbases of Shampoo's factors, of matrices and convolutions.

        G' = QLᵀ G QR      M = β₁ M + (1-β₁) G      V = β₂ V + (1-β₂) G'²
        W -= η √(1-β₂ᵏ)/(1-β₁ᵏ) QL (QLᵀ M QR / (√V + ε)) QRᵀ      k = t - 1
        L = β₂ L + (1-β₂) G Gᵀ      R = β₂ R + (1-β₂) Gᵀ G      then, every f steps, QL = qr(L QL), QR = qr(R QR)

    As in the authors' code: the first step only finds the bases, by eigh; before qr the columns of a basis are sorted
    by their estimated eigenvalues, and V with them; ε stands beside the uncorrected √V.

    Args:
        learning_rate: η > 0, in units of the parameter.
        b1, b2: β₁, β₂ in [0, 1); a memory of about 1/(1-β) steps. β₂ is that of the factors too.
        eps: ε > 0, in units of the gradient.
        weight_decay, decay_kind: as in `adamw`.
        frequency: f, in steps. max_dim: a side that is longer has no basis; with none it is `adam`, a step late.
        others: the optimizer of all other parameters, with a learning rate of its own. roles: {path: role}; a run
            gives them.
    """

    def init(W):
        L, R = zero_factors(W, max_dim)
        return Eigenbases(jnp.zeros_like(W), jnp.zeros_like(W), L, R, L, R)

    def direction(G, s, W, t):
        first, k, g = t == 1, jnp.maximum(t - 1, 1), bounded(G)
        M = jnp.where(first, s.M, b1 * s.M + (1 - b1) * G)
        V = jnp.where(first, s.V, b2 * s.V + (1 - b2) * into(g, s.QL, s.QR) ** 2)
        correction = jnp.sqrt(1 - b2**k) / (1 - b1**k)
        D = correction * out_of(into(M, s.QL, s.QR) / (jnp.sqrt(V) + eps), s.QL, s.QR)
        return jnp.where(first, 0, D), taught(s._replace(M=M, V=V), g, b2, frequency, t)

    rule = matrixwise(init, direction, roles, mirrors=("M", "V"), decomposes=True)
    return matrices_and_others(descend(rule, learning_rate, Decay(weight_decay, decay_kind)), others, roles)


class Roots(NamedTuple):
    """M: moment. L, R: factors. PL, PR: what stands before and behind the moment, powers of these."""

    M: jax.Array
    L: jax.Array
    R: jax.Array
    PL: jax.Array
    PR: jax.Array


def of_eigenvalues(function: Callable[[jax.Array], jax.Array], A: jax.Array) -> jax.Array:
    """Apply a function to the eigenvalues of a matrix without negative ones.

    Those that are less than the rounding of the largest are unknown, and taken for that.
    """
    lam, Q = jnp.linalg.eigh(A)
    least = len(A) * jnp.finfo(A.dtype).eps * jnp.max(lam, initial=0)
    return (Q * function(jnp.maximum(lam, least))[None]) @ Q.T


def summed(A: jax.Array, new: jax.Array, b2: Scalar) -> jax.Array:
    """Compute β₂ A + (1-β₂) new, and the sum A + new where β₂ is 1."""
    return b2 * A + jnp.where(b2 == 1, 1, 1 - b2) * new


def grafted(D: jax.Array, M: jax.Array, graft: Graft) -> jax.Array:
    """Give a direction the norm of a mean gradient, or that of a usual step of `adamw`; "none" leaves its own."""
    if graft == "none":
        return D
    norm = array_norm(M) if graft == "sgd" else 0.2 * D.size**0.5
    return norm * ratio(D, array_norm(D))


@optimizer(
    family="curvature",
    reference="Gupta, Koren & Singer 2018, arXiv:1802.09568, algorithm 1; Anil et al. 2020, arXiv:2002.09018",
    other_shapes=dict.fromkeys(("L", "R", "PL", "PR"), "a square matrix of a side"),
    laws=("scale_free", "rotations", "shifted"),
)
def shampoo(
    learning_rate: ScalarOrSchedule = 0.1,
    b1: Annotated[Scalar, FRACTION] = 0.9,
    b2: Annotated[Scalar, MEMORY] = 1.0,
    eps: Annotated[Scalar, RIDGE] = 1e-4,
    frequency: Annotated[int, FREQUENCY] = 1,
    graft: Graft = "none",
    order: Literal[1, 2] = 2,
    others: Optimizer = "adamw",
    roles: Roles | None = None,
) -> Transformation:
    """Shampoo: AdaGrad with a matrix for each side, of matrices and convolutions.

        L = β₂ L + (1-β₂) G Gᵀ      R = β₂ R + (1-β₂) Gᵀ G      sums where β₂ = 1, as in Gupta et al.
        M = β₁ M + (1-β₁) G      W -= η (L + ε I)^-¼ M (R + ε I)^-¼

    Of a matrix with one number it is `adagrad`. Of order k each of k sides has the exponent -1/(2k): -1/4 for each of
    the two, where some libraries have -1/2. The paper adds ε I once, to the sums; here it stands beside a mean too. The
    default of ε is that of the authors' first code, in TensorFlow; β₁, β₂ and f are those of
    facebookresearch/optimizers, where M is corrected for its start, as it is not here; η is PADL's own.

    Args:
        learning_rate: η > 0, in units of the parameter; with a graft, as of that.
        b1: β₁ in [0, 1]. 0 follows the gradient.
        b2: β₂ in (0, 1]; 1 sums, less is a memory of about 1/(1-β₂) steps (Anil et al.).
        eps: ε > 0, in units of the gradient squared.
        frequency: of how many steps one computes the roots.
        graft: sgd, D has the norm of M (Anil et al., section 2.4); rms, its numbers are of the size of 0.2.
        order: 1 takes the m n numbers of a matrix for one side: AdaGrad with a full matrix of (m n)² numbers, whose
            root costs (m n)³; for small matrices.
        others: the optimizer of all other parameters, with a learning rate of its own. roles: {path: role}; a run
            gives them.
    """

    def init(W):
        sides = W.shape if order == 2 else (W.size, 0)
        L, R = (jnp.zeros((side, side), W.dtype) for side in sides)
        return Roots(jnp.zeros_like(W), L, R, L, R)

    def direction(G, s, W, t):
        g = bounded(G) if order == 2 else bounded(G).reshape(-1, 1)
        L, R = summed(s.L, g @ g.T, b2), summed(s.R, g.T @ g, b2) if order == 2 else s.R
        M = b1 * s.M + (1 - b1) * G
        root = lambda A: of_eigenvalues(lambda lam: (lam + eps) ** (-1 / (2 * order)), A) if A.size else A  # noqa: E731
        PL, PR = every(frequency, t, lambda: (root(L), root(R)), (s.PL, s.PR))
        D = into(M.reshape(g.shape), PL, PR).reshape(G.shape)
        return grafted(D, M, graft), Roots(M, L, R, PL, PR)

    rule = matrixwise(init, direction, roles, mirrors=("M",), decomposes=True)
    return matrices_and_others(descend(rule, learning_rate), others, roles)


class OneRoot(NamedTuple):
    """M: moment. V: the factor of a side. P: V^-½."""

    M: jax.Array
    V: jax.Array
    P: jax.Array


@optimizer(
    family="curvature",
    reference="An et al. 2025, arXiv:2503.20762, algorithm 1 (ASGO)",
    other_shapes=dict.fromkeys(("V", "P"), "a square matrix of a side"),
    laws=("scale_free", "eps_of_gradient", "rotations", "shifted"),
)
def one_sided_shampoo(
    learning_rate: ScalarOrSchedule = 1e-2,
    b1: Annotated[Scalar, FRACTION] = 0.9,
    b2: Annotated[Scalar, MEMORY] = 0.8,
    eps: Annotated[Scalar, RIDGE] = 1e-10,
    frequency: Annotated[int, FREQUENCY] = 1,
    graft: Graft = "none",
    side: Side = "outputs",
    others: Optimizer = "adamw",
    roles: Roles | None = None,
) -> Transformation:
    """One-sided Shampoo, ASGO: AdaGrad with one matrix.

        M = β₁ M + (1-β₁) G      V = β₂ V + (1-β₂) G Gᵀ, a sum where β₂ = 1      W -= η (V^½ + ε I)⁻¹ M

    Of a matrix with one input and β₂ = 1 it is AdaGrad with a full matrix; with one output, with one number. The
    authors' code, which has these defaults, takes side=shorter and graft=rms, computes the root by ten steps of Polar
    Express, and decays by 0.1.

    Args:
        learning_rate, b1, b2, frequency, graft, others, roles: as in `shampoo`.
        eps: ε > 0, in units of the gradient.
        side: V is of the outputs, as in the paper, or of the inputs where these are not more than the outputs.
    """

    def sided(X, W):
        return X if side == "outputs" else short_first(X, W)

    def init(W):
        m = len(sided(W, W))
        return OneRoot(jnp.zeros_like(W), jnp.zeros((m, m), W.dtype), jnp.zeros((m, m), W.dtype))

    def direction(G, s, W, t):
        g, M = sided(bounded(G), G), b1 * s.M + (1 - b1) * G
        V = summed(s.V, g @ g.T, b2)
        inverse = lambda lam: 1 / (jnp.sqrt(lam) + eps)  # noqa: E731
        P = every(frequency, t, lambda: of_eigenvalues(inverse, V), s.P)
        return grafted(sided(P @ sided(M, G), G), M, graft), OneRoot(M, V, P)

    rule = matrixwise(init, direction, roles, mirrors=("M",), decomposes=True)
    return matrices_and_others(descend(rule, learning_rate), others, roles)
