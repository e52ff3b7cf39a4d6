"""Muon of the directions of rows, with Adam for their lengths. muown."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from padl.optimizers.descend import move
from padl.optimizers.leafwise import LEARNING_RATE, PARAMS
from padl.optimizers.matrixwise import MATRICES, matrices_and_others, matrixwise
from padl.optimizers.orthogonal import Scale, length_of, mean_of, polar_by
from padl.optimizers.polar import Method
from padl.optimizers.rounding import StateDtype
from padl.optimizers.transformation import Transformation
from padl.optimizers.units import Roles, unit_norm
from padl.registry import optimizer
from padl.roles import Role
from padl.types import Optimizer, Scalar, ScalarOrSchedule

LEAST = 1e-12  # the length that a row of zeros is given, which has a direction at its first step


class RowLengths(NamedTuple):
    """m: momentum of V. g, r: the lengths of rows of W, with a sign, and of V. mu, nu: Adam's moments of g."""

    m: jax.Array
    g: jax.Array
    r: jax.Array
    mu: jax.Array
    nu: jax.Array


@optimizer(
    family="muon",
    reference="Lion et al. 2026, arXiv:2605.10797, algorithm 1; the authors' code",
    other_shapes=dict.fromkeys(("g", "r", "mu", "nu"), "one number for each output"),
    laws=("scale_free",),
    exempt={
        "average_words": "a step depends on the norms of rows, which it moves",
        "rate_linear": "a row goes along a circle",
    },
)
def muown(
    learning_rate: ScalarOrSchedule = 3e-4,
    momentum: Scalar = 0.95,
    nesterov: bool = True,
    b1: Scalar = 0.9,
    b2: Scalar = 0.95,
    eps: Scalar = 1e-8,
    weight_decay: Scalar = 0.0,
    polar: Method = "newton_schulz",
    iterations: int = 5,
    scale: Scale = "rms",
    others: Optimizer = "adamw",
    applies_to: tuple[Role, ...] = MATRICES,
    mu_dtype: StateDtype = None,
    roles: Roles | None = None,
) -> Transformation:
    """Muown: weight normalisation within the optimizer: Muon for the direction of each row, Adam for its length.

        W = diag(g) V̂, V̂ the rows of V over their lengths r      dg = Σ G V̂, of a row      dV = g/r (G - V̂ dg)
        V -= η s O, of dV as in `muon`      g -= η Adam(dg)      W = diag(g) V̂ - η λ W

    V is kept as W and r, so that what else moves W, as a wrapper may, is not seen in g. With a decay g is then the
    length of W's rows. The authors' code takes a matrix of 3n × n for three, which here is said by its role.

    Args:
        learning_rate: η > 0, of directions, comparable to AdamW's, and of lengths, in units of the parameter.
        b1, b2, eps: of Adam, as in `adam`. weight_decay: λ >= 0.
        momentum, nesterov, polar, iterations, scale, others, applies_to, mu_dtype, roles: as in `muon`.
    """
    average, factor = mean_of(momentum, nesterov), polar_by(polar, iterations)

    def init(W):
        length = jnp.maximum(unit_norm(W, (1,)), LEAST)
        return RowLengths(jnp.zeros_like(W), length, length, jnp.zeros_like(length), jnp.zeros_like(length))

    def update(G, s, W, t, learning_rate):
        unit = W / s.g
        dg = jnp.sum(G * unit, 1, keepdims=True)
        x, s = average(s.g / s.r * (G - unit * dg), s)
        V = unit * s.r - learning_rate * length_of(scale, W) * factor.of(x)
        mu, nu = b1 * s.mu + (1 - b1) * dg, b2 * s.nu + (1 - b2) * dg**2
        g = s.g - learning_rate * mu / (1 - b1**t) / (jnp.sqrt(nu / (1 - b2**t)) + eps)
        r = jnp.maximum(unit_norm(V, (1,)), LEAST)
        new = g / r * V - learning_rate * weight_decay * W
        g = jnp.where(weight_decay == 0, g, unit_norm(new, (1,)))
        g = jnp.where(jnp.abs(g) < LEAST, jnp.copysign(LEAST, g), g)
        return new - W, RowLengths(s.m, g, r, mu, nu)

    needs = (PARAMS, LEARNING_RATE)
    rule = matrixwise(init, update, roles, ("m",), needs, {"m": mu_dtype}, factor.decomposes)
    return matrices_and_others(move(rule, learning_rate), others, roles, applies_to)
