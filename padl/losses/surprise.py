"""The surprise -log p, exact where it is tiny and finite where it can be. softmax_cost, sigmoid_cost, focused.

The obvious formulas give 0 at a margin of 17 where the answer is 4.1e-8, and NaN where a class is ruled out by -∞.
"""

import jax
import jax.numpy as jnp

from padl.losses.kinks import counted, weighed


@jax.custom_jvp
def softmax_cost(x: jax.Array, t: jax.Array) -> jax.Array:
    """Σ_c t_c (-log softmax(x)_c): the cost of logits x where class c weighs t_c, both (*batch, classes).

    -log p_c = (m - x_c) + log(1 + s), where m is the largest logit and s = Σ e^{x_c - m} over the others: nothing
    cancels. A class of weight 0 costs nothing even at -∞. Logits that are all -∞ give NaN.
    """
    behind, _, s = _behind(x)
    return weighed(t, behind + jnp.log1p(s)).sum(-1)


@softmax_cost.defjvp
def _softmax_cost_jvp(primals, tangents):
    """dL/dx = T softmax(x) - t with T = Σ t, as T (p - 1) + (T - t) at the largest logit: exact where p is nearly 1."""
    (x, t), (dx, dt) = primals, tangents
    behind, first, s = _behind(x)
    total = t.sum(-1, keepdims=True)
    p = jnp.where(first, -s, jnp.exp(-behind)) / (1 + s)
    gradient = total * p + (jnp.where(first, total, 0) - t)
    costs = counted(t, behind + jnp.log1p(s))
    return (t * costs).sum(-1), (gradient * dx).sum(-1) + (costs * dt).sum(-1)


def _behind(x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """m - x >= 0, True where it is 0, and s (*batch, 1): what all but one of the largest weigh against it."""
    m = jax.lax.stop_gradient(x.max(-1, keepdims=True))
    first = x == m
    behind = jnp.where(first, jnp.where(m == -jnp.inf, jnp.nan, m - jnp.where(first, m, x)), m - x)
    s = jnp.where(first, 0, jnp.exp(-behind)).sum(-1, keepdims=True) + (first.sum(-1, keepdims=True) - 1)
    return behind, first, s.astype(x.dtype)


def sigmoid_cost(x: jax.Array) -> jax.Array:
    """-log σ(x) = log(1 + e⁻ˣ): the surprise at what a logit x calls so; 0 at ∞, ∞ at -∞."""
    return jax.nn.softplus(-x)


def focused(u: jax.Array, gamma: jax.Array | float) -> jax.Array:
    """(1 - p)^γ u where u = -log p: the surprise, less where it is small anyway.

    For u < 1 as u^{1+γ} ((1 - e⁻ᵘ)/u)^γ, whose slope at 0 is finite for γ < 1 too.
    """
    small = jnp.where(u < 1, u, 0)
    share = jnp.where(small > 0, -jnp.expm1(-small) / jnp.where(small > 0, small, 1), 1 - small / 2)
    large = jnp.where(u < 1, 1, u)
    return jnp.where(u < 1, small ** (1 + gamma) * share**gamma, (-jnp.expm1(-large)) ** gamma * large)
