"""Control the norm of each weight matrix: hold it, or bound how an update changes it. hyperball, update_floor, ...

hyperball holds the norm, update_floor makes an update as long as a share of it, radial_brake slows its growth. Each
matrix of a stack is taken on its own.
"""

from typing import Annotated

import jax.numpy as jnp

from padl.optimizers.transformation import Transformation
from padl.optimizers.units import Roles, each_applied, ratio, unit_norm
from padl.optimizers.wrapping import RATES, on_updates
from padl.registry import optimizer
from padl.roles import Role
from padl.types import Domain, Optimizer, Scalar

MATRICES: tuple[Role, ...] = ("matrix",)
PART = Domain(0.0, 1.0, search=(0.0, 1.0))


@optimizer(
    family="wrapper",
    reference="hyperball: MuonH of KellerJordan/modded-nanogpt, track 3, 2026; NVIDIA's emerging_optimizers",
    holds_norm=True,
)
def hyperball(inner: Optimizer, applies_to: tuple[Role, ...] = MATRICES, roles: Roles | None = None) -> Transformation:
    """Hyperball: each weight matrix keeps its norm, and an update turns it by about the learning rate.

        R = ‖W‖      V = W + η R u / ‖u‖      W = R V / ‖V‖      u: the update of `inner`, of which the direction counts

    Nothing that moves the norm can be around it. A matrix of norm 0 has none to keep: it takes the update of `inner` as
    it is, and keeps the norm that this gives it, so begin a layer otherwise, or leave it out. With u = 0 nothing moves.

    Args:
        inner: the optimizer whose directions are followed; it says its learning rate η. Give it no weight decay.
        applies_to: the roles of the parameters that keep their norm. roles: {path: role}; a run gives them.
    """

    def hold(p, u, axes, rate):
        radius = unit_norm(p, axes)
        v = p + jnp.asarray(rate.now, p.dtype) * radius * ratio(u, unit_norm(u, axes))
        return jnp.where(radius > 0, radius * ratio(v, unit_norm(v, axes)) - p, u)

    def link(params, updates, rates):
        return each_applied(hold, applies_to, roles, params, updates, rates)

    return on_updates(inner, link, (RATES,), wrapper="hyperball")


@optimizer(
    family="wrapper",
    reference="u/w-floor: KellerJordan/modded-nanogpt, pull request 274, 2026",
    moves_norm=True,
)
def update_floor(
    inner: Optimizer,
    floor: Annotated[Scalar, Domain(0.0, high_open=True, search=(0.05, 1.0))] = 0.35,
    applies_to: tuple[Role, ...] = MATRICES,
    roles: Roles | None = None,
) -> Transformation:
    """Floor under updates: the update of a matrix is at least a share of its norm, per unit of learning rate.

        u = u max(1, η ρ ‖W‖ / ‖u‖)      u: the update of `inner`

    An update of 0 stays 0.

    Args:
        inner: the optimizer whose update is made longer; it says its learning rate η.
        floor: ρ >= 0, of ‖u‖ / (η ‖W‖). 0 is `inner` alone.
        applies_to: the roles of the parameters. roles: {path: role}; a run gives them.
    """

    def lift(p, u, axes, rate):
        least = jnp.asarray(rate.now, p.dtype) * floor * unit_norm(p, axes)
        return u * jnp.maximum(1, ratio(least, unit_norm(u, axes)))

    def link(params, updates, rates):
        return each_applied(lift, applies_to, roles, params, updates, rates)

    return on_updates(inner, link, (RATES,), wrapper="update_floor")


@optimizer(
    family="wrapper",
    reference="radial brake: KellerJordan/modded-nanogpt, track 3, 2026; NVIDIA's emerging_optimizers",
    shown_at={"inner": {"name": "momentum", "learning_rate": 0.5}},
)
def radial_brake(
    inner: Optimizer,
    outward: Annotated[Scalar, PART] = 0.5,
    inward: Annotated[Scalar, PART] = 1.0,
    applies_to: tuple[Role, ...] = MATRICES,
    roles: Roles | None = None,
) -> Transformation:
    """Radial brake: the norm of a matrix changes by a part of what the update would change it by.

        V = W + u      ‖W‖' = ‖W‖ + s (‖V‖ - ‖W‖)      W = ‖W‖' V / ‖V‖      s = outward where ‖V‖ > ‖W‖, else inward

    It takes the place of weight decay. Where W + u is 0, W becomes 0.

    Args:
        inner: the optimizer whose update is braked.
        outward, inward: s in [0, 1]; 1 and 1 is `inner` alone, 0 and 0 holds the norm.
        applies_to: the roles of the parameters. roles: {path: role}; a run gives them.
    """

    def brake(p, u, axes):
        v = p + u
        before, norm = unit_norm(p, axes), unit_norm(v, axes)
        part = jnp.where(norm > before, outward, inward)
        return (before + part * (norm - before)) * ratio(v, norm) - p

    def link(params, updates):
        return each_applied(brake, applies_to, roles, params, updates)

    return on_updates(inner, link)
