"""Steps to the border of a ball, in a norm that the role of a parameter asks for. scion."""

import math
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp

from padl.optimizers.decay import Decay
from padl.optimizers.descend import descend
from padl.optimizers.leafwise import ROLE, leafwise
from padl.optimizers.matrixwise import each_matrix, form_of
from padl.optimizers.polar import Method, polar_factor
from padl.optimizers.transformation import Transformation
from padl.optimizers.units import Roles, matrix_axes, ratio, unit_norm
from padl.registry import optimizer
from padl.roles import ParameterRole
from padl.types import COUNT, POSITIVE, Scalar, ScalarOrSchedule

RADIUS = POSITIVE._replace(search=(0.1, 1e3), scale="log")


class BallMomentum(NamedTuple):
    m: jax.Array


def sizes(shape: tuple[int, ...], role: ParameterRole) -> tuple[int, int, int]:
    """Outputs, inputs and window of a linear map; the inputs of a convolution are the last of its axes of inputs."""
    inputs = role.inputs[-1:] if role.role == "convolution" else role.inputs
    outputs, inputs, all_inputs = (
        math.prod(shape[axis] for axis in axes) for axes in (role.outputs, inputs, role.inputs)
    )
    return outputs, inputs, all_inputs // max(inputs, 1)


def spectral(m: jax.Array, role: ParameterRole, polar: Method, iterations: int) -> jax.Array:
    """√(outputs / inputs) / window times the orthogonal factor, of each matrix of a stack."""
    form = form_of(m.shape, role)
    outputs, inputs, window = sizes(m.shape, role)
    factor = lambda x: polar_factor(x, polar, iterations)  # noqa: E731
    factors = each_matrix(factor, form.matrices(m), form.count, polar == "exact")
    return math.sqrt(outputs / max(inputs, 1)) / max(window, 1) * form.array(factors)


@optimizer(
    family="norm",
    reference="Pethick et al. 2025, arXiv:2502.07529, algorithms 1 and 2 (uSCG, SCG)",
    laws=("scale_free", "rotations"),
    exempt={"momentum_word": "without a gradient it goes to the centre of its ball"},
)
def scion(
    learning_rate: ScalarOrSchedule = 1e-3,
    momentum: Scalar = 0.9,
    radius: Annotated[Scalar, RADIUS] = 3.0,
    embedding_radius: Annotated[Scalar, RADIUS] = 1.0,
    head_radius: Annotated[Scalar, RADIUS] = 10.0,
    constrained: bool = True,
    polar: Method = "newton_schulz",
    iterations: Annotated[int, COUNT] = 5,
    roles: Roles | None = None,
) -> Transformation:
    """Scion: go a share of the way to the point of a ball at which the mean gradient promises the lowest loss.

        m = μ m + (1-μ) g      θ = (1-η) θ - η ρ d(m), or θ - η ρ d(m) where it is not constrained

        matrix        √(m/n) U Vᵀ of m = U S Vᵀ, m × n             convolution   √(outputs/inputs)/window U Vᵀ, likewise
        embedding     sign(m), with a radius of its own             head          sign(m) / inputs, likewise
        any other     m / rms(m)

    Constrained, θ stays in the ball. The norms and radii are those of the authors' GPT-2 without tied weights; their
    MLP has radii of 1 and, for the head, 1024, and √(m/n) of 1 at least in its first layer. An m of 0 is no direction:
    d is 0. State: one of the parameters.

    Args:
        learning_rate: η in (0, 1], the share of the way. momentum: μ in [0, 1), 1-α of the paper.
        radius: ρ > 0, of all but the next. embedding_radius, head_radius: of these roles.
        constrained: whether θ shrinks, as by a decay of 1.
        polar, iterations: how U Vᵀ is computed, as in `muon`.
        roles: {path: role}; a run gives them.
    """

    def direction(g, s, p, t, role):
        m = momentum * s.m + (1 - momentum) * g
        match role.role:
            case "matrix" | "convolution":
                d = radius * spectral(m, role, polar, iterations)
            case "embedding":
                d = embedding_radius * jnp.sign(m)
            case "head":
                d = head_radius / max(sizes(m.shape, role)[1], 1) * jnp.sign(m)
            case _:
                axes = matrix_axes(role, m.ndim)
                count = math.prod(m.shape[axis] for axis in axes)
                d = radius * math.sqrt(count) * ratio(m, unit_norm(m, axes))
        return d, BallMomentum(m)

    rule = leafwise(lambda p, role: BallMomentum(jnp.zeros_like(p)), direction, needs=(ROLE,), roles=roles)
    return descend(rule, learning_rate, Decay(1.0) if constrained else None)
