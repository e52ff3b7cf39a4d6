"""Train between an optimizer's own iterates and their average, so that no schedule is needed.

schedule_free: around any. schedule_free_sgd, schedule_free_adamw: with the weights of the authors' code.
"""

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp

from padl.optimizers.descend import move
from padl.optimizers.in_place import after
from padl.optimizers.leafwise import LEARNING_RATE, PARAMS, Rule
from padl.optimizers.transformation import CALLS, Readout, Transformation, given_params, rates_of, updated
from padl.optimizers.treewise import treewise
from padl.optimizers.units import mapped, ratio, wide
from padl.optimizers.vectors import Vector, each, zeros_like
from padl.optimizers.wrapping import WrapperState, around
from padl.registry import optimizer
from padl.types import NON_NEGATIVE, POSITIVE, Domain, Optimizer, Params, PyTree, Scalar, ScalarOrSchedule

INTERPOLATION = Domain(0.0, 1.0, low_open=True, search=(0.8, 0.98))
POWER = NON_NEGATIVE._replace(search=(0.0, 4.0))
LARGE = POSITIVE._replace(search=(0.01, 10.0), scale="log")  # learning rates, which are larger than those of `sgd`


class Iterates(NamedTuple):
    """z: the optimizer's own point, like the parameters. weight: the sum of η² so far, of each array."""

    z: PyTree
    weight: PyTree


@optimizer(
    family="wrapper",
    reference="Defazio et al. 2024, arXiv:2405.15682, algorithm 1 around any rule",
    moves_norm=True,
)
def schedule_free(inner: Optimizer, momentum: Annotated[Scalar, INTERPOLATION] = 0.9) -> Transformation:
    """Schedule-free: gradients are taken between an optimizer's own point and the average that is judged.

        y = (1-β) z + β x      z += inner's update with ∇L(y), at z      c = η² / Σ η²      x = (1-c) x + c z

    The parameters that are trained are y, and x is judged and kept; x is read off y and z. The learning rate η of each
    step, a warm-up with it, is the one of `inner`, which says it: give it no schedule that goes down. β takes the place
    of momentum: `inner` needs none. Its weight decay is of z; `weight_decay` around this is of y. What a batch
    normalisation learns is of y.

    Args:
        inner: the optimizer that moves z. momentum: β in (0, 1]; the smaller, the closer to `inner`, and 1 takes the
            gradient at the average.
    """
    rates = rates_of(inner, "schedule_free")
    average = lambda y, z: (wide(y) - (1 - momentum) * z) / momentum  # noqa: E731

    def init(params: Params) -> WrapperState:
        z = jax.tree.map(lambda p: jnp.array(wide(jnp.asarray(p))), params)
        weight = jax.tree.map(lambda p: jnp.zeros((), p.dtype), z)
        return WrapperState(inner.init(params), Iterates(z, weight))

    def update(
        grads: PyTree, state: WrapperState, params: PyTree | None = None, **extras: Any
    ) -> tuple[PyTree, WrapperState]:
        y = jax.tree.map(jnp.asarray, given_params(params))
        now = rates(state.inner, y, extras.get(CALLS))
        extras = {**extras, **_seen_from(extras, y, state.own.z)}
        steps, within = updated(inner, grads, state.inner, state.own.z, extras)

        def each(y, z, step, weight, rate):
            squared = jnp.square(jnp.asarray(rate.now, z.dtype))
            weight = weight + squared
            c = ratio(squared, weight)
            after = z + step.astype(z.dtype)
            x = (1 - c) * average(y, z) + c * after
            return ((1 - momentum) * after + momentum * x - wide(y)).astype(y.dtype), after.astype(z.dtype), weight

        updates, z, weight = mapped(each, 3, y, state.own.z, steps, state.own.weight, now)
        return updates, WrapperState(within, Iterates(z, weight))

    return around(inner, init, update, readout=_average(momentum, lambda state: state.own.z))


def _average(momentum: Scalar, z_of: Callable[[Any], PyTree]) -> Readout:
    """Make what reads the average off the trained point and z: x = (y - (1-β) z) / β."""

    def readout(state: Any, params: Params) -> Params:
        points = jax.tree.map(jnp.asarray, params)
        average = lambda y, z: (wide(y) - (1 - momentum) * z) / momentum  # noqa: E731
        return jax.tree.map(lambda y, z: average(y, z).astype(y.dtype), points, z_of(state))

    return readout


def _seen_from(extras: dict[str, Any], y: Params, z: PyTree) -> dict[str, Any]:
    """What an optimizer at z asks for elsewhere, taken as far from y as that is from z."""
    moved = lambda point: jax.tree.map(lambda p, y, z: (wide(y) + (p - z)).astype(y.dtype), point, y, z)  # noqa: E731
    given = {name: extras[name] for name in ("grad_fn", "value_fn") if name in extras}
    return {name: lambda point, function=function: function(moved(point)) for name, function in given.items()}


class Averaging(NamedTuple):
    """z: the point that descends. peak: the largest learning rate so far. total: of the weights so far. Scalars."""

    z: Vector
    peak: jax.Array
    total: jax.Array


class ScaledAveraging(NamedTuple):
    """nu: as in `adam`; all else as in `Averaging`."""

    z: Vector
    nu: Vector
    peak: jax.Array
    total: jax.Array


@optimizer(
    family="iterate averaging",
    reference="Defazio et al. 2024, arXiv:2405.15682, algorithm 1 with SGD; the weights as in its code",
)
def schedule_free_sgd(
    learning_rate: Annotated[ScalarOrSchedule, LARGE] = 1.0,
    momentum: Annotated[Scalar, INTERPOLATION] = 0.9,
    weight_decay: Scalar = 0.0,
    step_power: Annotated[Scalar, POWER] = 0.0,
    rate_power: Annotated[Scalar, POWER] = 2.0,
) -> Transformation:
    """Schedule-free SGD: descent from a point between z and the average x of its path, which is judged.

        z⁺ = z - η (g + λ y)      w = tʳ ηₘᵖ      c = w / Σ w      x = (1-c) x + c z⁺      y = (1-β) z⁺ + β x

    g is taken at y, the parameters that are trained; ηₘ is the largest η so far, so that the steps of a warm-up weigh
    less. Give it no schedule that goes down. `schedule_free` is the same around any optimizer, where η is in the place
    of ηₘ. What a batch normalisation learns is of y. Defaults as in the authors' code.

    Args:
        learning_rate: η > 0, in units of the parameter over the gradient: larger than that of `sgd`.
        momentum: β in (0, 1]; the smaller, the closer to `sgd`. weight_decay: λ >= 0, coupled, of y.
        step_power: r >= 0; with 2 late steps weigh more, for long trainings. rate_power: p >= 0; 0 is a plain mean.
    """

    def init(p):
        return Averaging(zeros_like(p) + p, jnp.zeros(()), jnp.zeros(()))

    def update(g, s, p, t, learning_rate):
        peak, total, c = _weight(s, learning_rate, t, step_power, rate_power)
        d = learning_rate * (g + weight_decay * p)
        z = s.z - d
        return _to_next(z, p, d, c, momentum), Averaging(z, peak, total)

    return _between(treewise(init, update, needs=(PARAMS, LEARNING_RATE)), learning_rate, momentum)


@optimizer(
    family="iterate averaging",
    reference="Defazio et al. 2024, arXiv:2405.15682, algorithm 1 with Adam; corrections and weights as in its code",
)
def schedule_free_adamw(
    learning_rate: ScalarOrSchedule = 2.5e-3,
    momentum: Annotated[Scalar, INTERPOLATION] = 0.9,
    b2: Scalar = 0.999,
    eps: Scalar = 1e-8,
    weight_decay: Scalar = 0.0,
    step_power: Annotated[Scalar, POWER] = 0.0,
    rate_power: Annotated[Scalar, POWER] = 2.0,
) -> Transformation:
    """Schedule-free AdamW: `schedule_free_sgd` along the direction of Adam without momentum.

        v = b2 v + (1-b2) g²      z⁺ = z - η (g / (√(v / (1-b2ᵗ)) + eps) + λ y)      c, x, y as in `schedule_free_sgd`

    The listing of the paper has √(1-b2ᵗ) in η, and so in the weights; its code has it there no more, and neither has
    this. Defaults as in the code, which calls β beta1.

    Args:
        learning_rate: η > 0, in units of the parameter: larger than that of `adamw`, says the code: up to ten times.
        momentum, step_power, rate_power: as in `schedule_free_sgd`. b2, eps: as in `adam`.
        weight_decay: λ >= 0, decoupled, of y.
    """

    def init(p):
        return ScaledAveraging(zeros_like(p) + p, zeros_like(p), jnp.zeros(()), jnp.zeros(()))

    def update(g, s, p, t, learning_rate):
        peak, total, c = _weight(s, learning_rate, t, step_power, rate_power)
        nu = b2 * s.nu + (1 - b2) * g**2
        d = lambda nu: learning_rate * (g / (each(jnp.sqrt, nu / (1 - b2**t)) + eps) + weight_decay * p)  # noqa: E731
        z = s.z - d(nu)
        again = each(after, nu, z)  # on CPUs d is computed twice, and not kept for all arrays
        return _to_next(z, p, d(again), c, momentum), ScaledAveraging(z, nu, peak, total)

    return _between(treewise(init, update, needs=(PARAMS, LEARNING_RATE)), learning_rate, momentum)


def _weight(s, learning_rate, t, step_power, rate_power):
    """The largest learning rate so far, the sum of the weights, and the share of the newest."""
    peak = jnp.maximum(s.peak, learning_rate)
    weight = t**step_power * peak**rate_power
    total = s.total + weight
    return peak, total, ratio(weight, total)


def _to_next(z: Vector, y: Vector, d: Vector, c: Any, momentum: Scalar) -> Vector:
    """y⁺ - y by z⁺ and its step d alone, in which x is not computed and z is overwritten in place."""
    return c * (z - y) - ((1 - momentum) * (1 - c)) * d


def _between(rule: Rule, learning_rate: ScalarOrSchedule, momentum: Scalar) -> Transformation:
    """Make the optimizer of a rule whose update is of y, and which judges x."""
    return move(rule, learning_rate, readout=_average(momentum, lambda state: state.slots.z))
