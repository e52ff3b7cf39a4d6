"""The surprise -log p, exact where it is tiny and finite where it can be. softmax_cost, sigmoid_cost, focused.

The obvious formulas give 0 at a margin of 17 where the answer is 4.1e-8, and NaN where a class is ruled out by -∞.
"""

import jax
import jax.numpy as jnp

from padl.losses.kinks import counted


@jax.custom_jvp
def softmax_cost(x: jax.Array, t: jax.Array) -> jax.Array:
    """Σ_c t_c (-log softmax(x)_c): the cost of logits x where class c weighs t_c, both (*batch, classes).

    A class of weight 0 costs nothing even at -∞. Logits that are all -∞ give NaN.
    """
    return (t * counted(t, _softmax(x)[0])).sum(-1)


@softmax_cost.defjvp
def _softmax_cost_jvp(primals, tangents):
    """dL/dx = T p - t with T = Σ t, as T (p - 1) + (T - t) at the largest logit: exact where p is nearly 1."""
    (x, t), (dx, dt) = primals, tangents
    surprise, excess, first = _softmax(x)
    total = t.sum(-1, keepdims=True)
    gradient = total * excess + (jnp.where(first, total, 0) - t)
    costs = counted(t, surprise)
    return (t * costs).sum(-1), (gradient * dx).sum(-1) + (costs * dt).sum(-1)


@jax.custom_jvp
def _softmax(x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """-log p, p less 1 at the largest logit, and True there (or at several, if several are the largest).

    -log p_c = (m - x_c) + log(1 + s), where m is the largest logit and s = Σ e^{x_c - m} over the others: nothing
    cancels.
    """
    m = x.max(-1, keepdims=True)
    first = x == m
    behind = jnp.where(first, jnp.where(m == -jnp.inf, jnp.nan, 0), m - x)  # ∞ - ∞ is NaN, also where it need not be
    others = jnp.where(first, 0, jnp.exp(-behind))
    s = (others.sum(-1, keepdims=True) + (first.sum(-1, keepdims=True) - 1)).astype(x.dtype)
    return behind + jnp.log1p(s), jnp.where(first, -s, others) / (1 + s), first


@_softmax.defjvp
def _softmax_jvp(primals, tangents):
    """Of the mathematics, not of the way to it, which is constant where two logits are the largest."""
    (x,), (dx,) = primals, tangents
    surprise, excess, first = _softmax(x)
    p = excess + first
    mean = (p * dx).sum(-1, keepdims=True)
    return (surprise, excess, first), (mean - dx, p * (dx - mean), _no_tangent(first))


def _no_tangent(a: jax.Array) -> jax.Array:
    return jnp.zeros(a.shape, jax.dtypes.float0)


def sigmoid_cost(x: jax.Array) -> jax.Array:
    """-log σ(x) = log(1 + e⁻ˣ): the surprise at what a logit x calls so; 0 at ∞, ∞ at -∞."""
    return jax.nn.softplus(-x)


@jax.custom_jvp
def focused(u: jax.Array, gamma: jax.Array | float) -> jax.Array:
    """(1 - p)^γ u where u = -log p: the surprise, less where it is small anyway."""
    return (-jnp.expm1(-u)) ** gamma * u


@focused.defjvp
def _focused_jvp(primals, tangents):
    """d/du = (1 - p)^γ (1 + γ u / (eᵘ - 1)): finite at u = 0 for γ < 1, where the power has no slope, and at ∞."""
    (u, gamma), (du, dgamma) = primals, tangents
    value, some = focused(u, gamma), jnp.where((u == 0) | jnp.isinf(u), 1, u)
    bend = jnp.where(jnp.isinf(u), 0, jnp.where(u == 0, 1, some / jnp.expm1(some)))
    to_u = (-jnp.expm1(-u)) ** gamma * (1 + gamma * bend)
    to_gamma = jnp.where((u == 0) | jnp.isinf(u), 0, value * jnp.log(-jnp.expm1(-some)))
    return value, to_u * du + to_gamma * dgamma
