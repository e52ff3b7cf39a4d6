"""Change an update number by number: where it goes against the gradient, and by decay. cautious, weight_decay."""

from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp

from padl.optimizers.decay import Decay, DecayKind
from padl.optimizers.transformation import Transformation, given_params, updated
from padl.optimizers.units import Roles, each_applied, mapped, roles_of, share, wide
from padl.optimizers.wrapping import GRADIENT, RATES, on_updates, wrapped
from padl.registry import optimizer
from padl.roles import Role
from padl.types import Domain, Optimizer, PadlError, Params, PyTree, Scalar

LINEAR: tuple[Role, ...] = ("matrix", "embedding", "head", "convolution")
FLOOR = Domain(0.0, 1.0, low_open=True, search=(1e-4, 1.0), scale="log")


class Kept(NamedTuple):
    """share: of the last update's numbers that were kept."""

    share: jax.Array


@optimizer(
    family="wrapper",
    reference="Liang et al. 2024, arXiv:2411.16085, algorithm 1",
    moves_norm=True,
    shown_at={"inner": "momentum"},
)
def cautious(inner: Optimizer, floor: Annotated[Scalar, FLOOR] = 1e-3) -> Transformation:
    """Cautious: only those numbers move whose update goes down the gradient of this step.

        φ = [u g < 0]      u = u φ / max(mean(φ), floor), the mean over each array      u: the update of `inner`

    The floor is that of the official code. A decay in `inner` is masked too: put `weight_decay` around this. Measures
    `kept`, the mean of φ over all.

    Args:
        inner: the optimizer whose update is masked. floor: in (0, 1]; 1 does not make up for what is left out.
    """

    def mask(g, u):
        g, u = jnp.asarray(g), jnp.asarray(u)
        keeps = wide(g) * wide(u) < 0
        part = jnp.mean(keeps, dtype=wide(u).dtype) if u.size else jnp.ones((), wide(u).dtype)
        return jnp.where(keeps, wide(u) / jnp.maximum(part, floor), 0).astype(u.dtype), keeps

    def link(params, updates, gradient):
        updates, keeps = mapped(mask, 2, gradient, updates)
        return updates, Kept(share(keeps))

    def start(params):
        return Kept(jnp.ones((), jnp.float32))

    measure = lambda own, updates, params: {"kept": own.share}  # noqa: E731
    return on_updates(inner, link, (GRADIENT,), start, measure)


@optimizer(family="wrapper", reference="see padl/optimizers/decay.py for each kind", moves_norm=True)
def weight_decay(
    inner: Optimizer,
    weight_decay: Scalar = 1e-2,
    decay_kind: DecayKind = "decoupled",
    applies_to: tuple[Role, ...] = LINEAR,
    roles: Roles | None = None,
) -> Transformation:
    """Weight decay of any kind around any optimizer, for parameters of some roles.

        decoupled: u - η λ θ      the others: see padl/optimizers/decay.py      u: the update of `inner`

    Around `adam`, for all roles, it is `adamw`.

    Args:
        inner: the optimizer whose update, or gradient where it is coupled, the decay is added to; it says its learning
            rate η.
        weight_decay: λ >= 0. decay_kind: coupled, decoupled, independent, corrected, cautious, or proximal.
        applies_to: the roles of the parameters that decay: linear maps. roles: {path: role}; a run gives them.

    Raises:
        PadlError: a kind that follows the peak of the learning rate, and a schedule without one.
    """
    decay = Decay(weight_decay, decay_kind)
    if decay_kind == "coupled":
        return _coupled(inner, decay, applies_to, roles)

    def each(p, u, axes, rate):
        if decay.needs_peak and rate.peak is None:
            raise PadlError(
                f"weight decay of kind {decay.kind} follows the peak of the learning rate, and this schedule has none:"
                " give padl.schedules.over(shape, steps, peak)"
            )
        now = jnp.asarray(rate.now, p.dtype)
        return decay.of_update(u, p, now, now if rate.peak is None else jnp.asarray(rate.peak, p.dtype))

    def link(params, updates, rates):
        return each_applied(each, applies_to, roles, params, updates, rates)

    return on_updates(inner, link, (RATES,), wrapper="weight_decay")


def _coupled(inner: Any, decay: Decay, applies_to: tuple[Role, ...], roles: Roles | None) -> Transformation:
    """Add the decay to each gradient that an optimizer sees."""

    def of_gradient(grads: PyTree, params: Params) -> PyTree:
        def each(role, g, p):
            g, p = jnp.asarray(g), jnp.asarray(p)
            return decay.of_gradient(wide(g), wide(p)).astype(g.dtype) if role.role in applies_to else g

        return jax.tree.map(each, roles_of(grads, roles), grads, params)

    def update(grads: PyTree, state: Any, params: PyTree | None = None, **extras: Any) -> tuple[PyTree, Any]:
        if "grad_fn" in extras:
            grad_fn = extras["grad_fn"]
            extras = {**extras, "grad_fn": lambda point: of_gradient(grad_fn(point), point)}
        return updated(inner, of_gradient(grads, given_params(params)), state, params, extras)

    return wrapped(inner, inner.init, update)
