"""The surprise -log p, exact where it is tiny and finite where it can be. Costs of softmax and sigmoid.

The obvious formulas give 0 at a margin of 17 where the answer is 4.1e-8, and NaN where a class is ruled out by -∞.
"""

import jax
import jax.numpy as jnp

from padl.losses.subgradients import counted


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
    s = others.sum(-1, keepdims=True) + (first.sum(-1, keepdims=True, dtype=x.dtype) - 1)
    return behind + jnp.log1p(s), jnp.where(first, -s, others) / (1 + s), first


@_softmax.defjvp
def _softmax_jvp(primals, tangents):
    """Of the mathematics, not of the way to it, which is constant where two logits are the largest."""
    (x,), (dx,) = primals, tangents
    surprise, excess, first = _softmax(x)
    p = excess + first.astype(excess.dtype)
    mean = (p * dx).sum(-1, keepdims=True)
    return (surprise, excess, first), (mean - dx, p * (dx - mean), _no_tangent(first))


def _no_tangent(a: jax.Array) -> jax.Array:
    return jnp.zeros(a.shape, jax.dtypes.float0)


@jax.custom_jvp
def sigmoid_cost(x: jax.Array, yes: jax.Array, no: jax.Array) -> jax.Array:
    """yes (-log σ(x)) + no (-log σ(-x)): the cost of a logit x, where a yes weighs `yes` and a no weighs `no`.

    With l = log(1 + e^{-|x|}) the surprises are l and |x| + l. A weight of 0 costs nothing, at ±∞ too.
    """
    against, size = jnp.where(x > 0, no, yes), jnp.abs(x)  # what the logit speaks against
    surprise = (yes + no) * jnp.log1p(jnp.exp(-size))
    return jnp.where(against == 0, surprise, against * size + surprise)


@sigmoid_cost.defjvp
def _sigmoid_cost_jvp(primals, tangents):
    """dL/dx = no σ(x) - yes σ(-x), where σ(±x) are 1 and e over 1 + e, with e = e^{-|x|}: exact where they are tiny."""
    (x, yes, no), (dx, dyes, dno) = primals, tangents
    e, right = jnp.exp(-jnp.abs(x)), x > 0
    slope = (no * jnp.where(right, 1, e) - yes * jnp.where(right, e, 1)) / (1 + e)
    to_yes, to_no = (counted(w, jnp.maximum(side, 0) + jnp.log1p(e)) for w, side in ((yes, -x), (no, x)))
    return sigmoid_cost(x, yes, no), slope * dx + to_yes * dyes + to_no * dno


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


@jax.custom_jvp
def focused_sigmoid_cost(x: jax.Array, yes: jax.Array, no: jax.Array, gamma: jax.Array) -> jax.Array:
    """yes σ(-x)^γ (-log σ(x)) + no σ(x)^γ (-log σ(-x)): `focused` surprises of a logit, both from one exponential."""
    return _focused_terms(x, yes, no, gamma)[0]


@focused_sigmoid_cost.defjvp
def _focused_sigmoid_cost_jvp(primals, tangents):
    """d/dx σ(x)^γ s = σ(x)^γ (γ σ(-x) s + σ(x)) with s = -log σ(-x), and its mirror image."""
    (x, yes, no, gamma), (dx, dyes, dno, dgamma) = primals, tangents
    value, (of_yes, of_no), (to_x, to_gamma) = _focused_terms(x, yes, no, gamma)
    return value, to_x * dx + of_yes * dyes + of_no * dno + to_gamma * dgamma


def _focused_terms(x, yes, no, gamma):
    """The cost, its two surprises, and its slopes in x and γ; 0 × ∞ is 0 everywhere."""
    e, right = jnp.exp(-jnp.abs(x)), x > 0
    so, not_so = jnp.where(right, 1, e) / (1 + e), jnp.where(right, e, 1) / (1 + e)
    surprise = jnp.log1p(e)
    s_yes, s_no = jnp.maximum(-x, 0) + surprise, jnp.maximum(x, 0) + surprise
    f_yes, f_no = not_so**gamma, so**gamma
    of_yes, of_no = counted(yes, f_yes * s_yes), counted(no, f_no * s_no)
    bend_yes, bend_no = so * counted(so, s_yes), not_so * counted(not_so, s_no)
    to_x = no * f_no * (gamma * bend_no + so) - yes * f_yes * (gamma * bend_yes + not_so)
    to_gamma = yes * of_yes * counted(not_so, -s_no) + no * of_no * counted(so, -s_yes)
    value = jnp.where(no == 0, yes * of_yes, yes * of_yes + no * of_no)
    return value, (of_yes, of_no), (to_x, to_gamma)
