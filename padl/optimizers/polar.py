"""The orthogonal factor of a matrix: G = U S Vᵀ -> U Vᵀ, exactly or by polynomials in G. polar_factor.

A polynomial X ← (a I + b A + c A²) X, with A = X Xᵀ, acts on the singular values alone: σ ← aσ + bσ³ + cσ⁵. It is
computed on the shorter side, in the dtype of G.
"""

from collections.abc import Sequence
from typing import Literal

import jax
import jax.numpy as jnp

from padl.optimizers.units import array_norm, ratio

Method = Literal["newton_schulz", "polar_express", "exact"]
Triple = tuple[float, float, float]

# Jordan et al. 2024: one triple for all iterations. It takes small values up fast, and all into [0.68, 1.13].
QUINTIC: Triple = (3.4445, -4.7750, 2.0315)
# Amsel et al. 2025, arXiv:2505.16932, listing 1: the best triple for each iteration, of singular values in [0.001, 1].
EXPRESS: tuple[Triple, ...] = (
    (8.28721201814563, -23.595886519098837, 17.300387312530933),
    (4.107059111542203, -2.9478499167379106, 0.5448431082926601),
    (3.9486908534822946, -2.908902115962949, 0.5518191394370137),
    (3.3184196573706015, -2.488488024314874, 0.51004894012372),
    (2.300652019954817, -1.6689039845747493, 0.4188073119525673),
    (1.891301407787398, -1.2679958271945868, 0.37680408948524835),
    (1.8750014808534479, -1.2500016453999487, 0.3750001645474248),
    (1.875, -1.25, 0.375),  # and so on
)
SAFETY = 1.01  # of the listing: rounding may take a singular value above 1, for all iterations but the last of the list


def polar_factor(g: jax.Array, method: Method, iterations: int, gram: bool = False) -> jax.Array:
    """Compute the orthogonal factor of a matrix; 0 of one that is 0.

    Args:
        g: (m, n), m outputs and n inputs. method: newton_schulz, polar_express, or exact by a singular value
            decomposition, which leaves out directions whose singular values are 0.
        iterations: of a polynomial. gram: whether these are done on G Gᵀ, and applied two at a time: the same but for
            rounding, with less to multiply where a side is more than twice the other.
    """
    if g.size == 0:
        return g
    if method == "exact":
        return _exact(g)
    wide = g if g.shape[0] <= g.shape[1] else g.T
    x = ratio(wide, safety(method) * array_norm(wide))
    triples = triples_of(method, iterations)
    x = _by_gram(x, triples) if gram else _by_products(x, triples)
    return x if g.shape[0] <= g.shape[1] else x.T


def triples_of(method: Method, iterations: int) -> list[Triple]:
    """Return a, b, c of each iteration."""
    if method == "newton_schulz":
        return [QUINTIC] * iterations
    safe = [(a / SAFETY, b / SAFETY**3, c / SAFETY**5) for a, b, c in EXPRESS[:-1]]
    return [*safe, *[EXPRESS[-1]] * iterations][:iterations]


def safety(method: Method) -> float:
    """Return by what more than its norm a matrix is divided first."""
    return SAFETY if method == "polar_express" else 1.0


def _by_products(x: jax.Array, triples: Sequence[Triple]) -> jax.Array:
    for a, b, c in triples:
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x


def _by_gram(x: jax.Array, triples: Sequence[Triple]) -> jax.Array:
    """X ← Q P X, with A = X Xᵀ, P of A and Q of P A P; two at a time, since rounding in P A P grows from there."""
    for k in range(0, len(triples), 2):
        gram = x @ x.T
        p = _quadratic(gram, triples[k])
        for second in triples[k + 1 : k + 2]:
            p = _quadratic(p @ gram @ p, second) @ p
        x = p @ x
    return x


def _quadratic(gram: jax.Array, triple: Triple) -> jax.Array:
    """a I + b A + c A²."""
    a, b, c = triple
    return a * jnp.eye(len(gram), dtype=gram.dtype) + b * gram + c * gram @ gram


def _exact(g: jax.Array) -> jax.Array:
    u, s, vt = known_values(g)
    return (u * (s > 0)[None]) @ vt


def known_values(g: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Decompose a matrix over its largest number: U, S, Vᵀ. Values that are less than rounding are 0."""
    u, s, vt = jnp.linalg.svd(ratio(g, jnp.max(jnp.abs(g))), full_matrices=False)
    return u, jnp.where(s > s[0] * max(g.shape) * jnp.finfo(g.dtype).eps, s, 0), vt
