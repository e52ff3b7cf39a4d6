"""Let an optimizer run ahead of slow weights, or of its own mean direction. lookahead, snoo, ema_nesterov."""

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp

from padl.optimizers.transformation import CALLS, Calls, Transformation, given_params, rates_of, updated
from padl.optimizers.units import mapped, wide
from padl.optimizers.vectors import Vector, norm
from padl.optimizers.wrapping import WrapperState, after, around
from padl.registry import optimizer
from padl.types import DOMAINS, Domain, Optimizer, PadlError, Params, PyTree, Scalar

PART = Domain(0.0, 1.0, low_open=True, search=(0.1, 1.0))
OUTER_RATE = Domain(0.0, low_open=True, high_open=True, search=(0.1, 1.5))
STEP = Domain(0.0)

Jump = Callable[[jax.Array, jax.Array, Any], tuple[jax.Array, Any]]  # (slow, fast, memory) -> slow, memory


class Slow(NamedTuple):
    """count: updates so far, int32. slow: like the parameters. memory: of the outer rule, likewise, or ()."""

    count: jax.Array
    slow: PyTree
    memory: PyTree


@optimizer(family="wrapper", reference="Zhang et al. 2019, arXiv:1907.08610, algorithm 1", moves_norm=True)
def lookahead(
    inner: Optimizer, k: Annotated[int, Domain(1)] = 5, alpha: Annotated[Scalar, PART] = 0.5
) -> Transformation:
    """Lookahead: `inner` goes k steps ahead, and slow weights follow a part of the way.

        at each k-th step      φ += α (θ - φ)      θ = φ

    The slow weights φ are judged and kept; the memory of `inner` stays as it is. Measures `lookahead_distance`, the
    norm of θ - φ.

    Args:
        inner: the optimizer that goes ahead. k: in updates. alpha: α in (0, 1]; 1 is `inner`, judged at each k-th step.
    """

    def jump(slow, fast, memory):
        return slow + alpha * (fast - slow), memory

    return _jumping(inner, k, lambda p: (), jump)


@optimizer(
    family="wrapper",
    reference="Kallusky et al. 2025, arXiv:2510.15830, algorithm 1",
    moves_norm=True,
    shown_at={"k": 2},
    exempt={"decay_rates": "momentum is of steps of many steps"},
)
def snoo(
    inner: Optimizer,
    k: Annotated[int, Domain(1)] = 20,
    outer_rate: Annotated[Scalar, OUTER_RATE] = 0.7,
    momentum: Annotated[Scalar, DOMAINS["momentum"]] = 0.9,
) -> Transformation:
    """SNOO: Nesterov's momentum on what an optimizer does in k steps, as if that were a gradient.

        at each k-th step      s = φ - θ      b = μ b + s      φ -= η (μ b + s)      θ = φ

    The slow weights φ are judged and kept. momentum=0 is `lookahead` with alpha=η. The paper tunes all three: η and μ
    are those of DiLoCo (Douillard et al. 2023), k is PADL's. Measures `lookahead_distance`, the norm of θ - φ.

    Args:
        inner: the optimizer that goes ahead. k: in updates. outer_rate: η > 0, without a unit. momentum: μ in [0, 1).
    """

    def jump(slow, fast, b):
        s = slow - fast
        b = momentum * b + s
        return slow - outer_rate * (momentum * b + s), b

    return _jumping(inner, k, jnp.zeros_like, jump)


def _jumping(inner: Any, k: int, start: Callable[[jax.Array], Any], jump: Jump) -> Transformation:
    """Make an optimizer that comes back to slow weights at each k-th step.

    Args:
        start: slow -> the memory of one array.
    """

    def init(params: Params) -> WrapperState:
        slow = jax.tree.map(lambda p: jnp.array(wide(jnp.asarray(p))), params)
        return WrapperState(inner.init(params), Slow(jnp.zeros((), jnp.int32), slow, jax.tree.map(start, slow)))

    def update(
        grads: PyTree, state: WrapperState, params: PyTree | None = None, **extras: Any
    ) -> tuple[PyTree, WrapperState]:
        points = jax.tree.map(jnp.asarray, given_params(params))
        updates, within = updated(inner, grads, state.inner, params, extras)
        count, slow, memory = state.own
        jumps = (count + 1) % k == 0

        def each(p, u, s, m):
            ahead, after = jump(s, wide(p) + wide(u), m)
            back = (ahead - wide(p)).astype(u.dtype)
            keep = lambda new, old: jnp.where(jumps, new, old).astype(old.dtype)  # noqa: E731
            return keep(back, u), keep(ahead, s), jax.tree.map(keep, after, m)

        updates, slow, memory = mapped(each, 3, points, updates, slow, memory)
        return updates, WrapperState(within, Slow(count + 1, slow, memory))

    def readout(state: WrapperState, params: Params) -> Params:
        return jax.tree.map(lambda s, p: s.astype(jnp.asarray(p).dtype), state.own.slow, params)

    def measure(own: Slow, updates: PyTree, params: Params) -> dict[str, jax.Array]:
        way = jax.tree.map(lambda p, u, s: wide(p) + wide(u) - s, params, updates, own.slow)
        return {"lookahead_distance": norm(Vector(jax.tree.leaves(way)))}

    return around(inner, init, update, readout=readout, measure=measure)


class Direction(NamedTuple):
    """count: updates so far, int32. mean: m, like the parameters. ahead: β of each array, in which they stand."""

    count: jax.Array
    mean: PyTree
    ahead: PyTree


@optimizer(
    family="wrapper",
    reference="Yau et al. 2026, arXiv:2605.25395",
    moves_norm=True,
    exempt={"decay_rates": "its average is of parameters"},
)
def ema_nesterov(
    inner: Optimizer,
    ahead: Annotated[Scalar, Domain(0.0, high_open=True, search=(0.1, 1.0))] = 0.6,
    decay: Annotated[Scalar, DOMAINS["decay"]] = 0.99,
    start: Annotated[Scalar, STEP] = 0.0,
    stop: Annotated[Scalar, STEP] | None = None,
) -> Transformation:
    """EMA-Nesterov: gradients are taken ahead, along the mean of the steps so far.

        y = θ + βₜ m      θ' = y + inner's update at y      m' = γ m + (1-γ) (θ' - θ)
        βₜ = β ηₜ / η_max for start <= t < stop, and 0 otherwise

    The parameters that are trained are y; θ is judged and kept. The paper sets β to 0 in warm-up and cool-down: β and
    γ are those of its record with Muon, from step 500 to 2400 of 3125.

    Args:
        inner: the optimizer that makes the steps; it says its learning rate η.
        ahead: β >= 0. 0 is `inner` alone. decay: γ in [0, 1), a memory of about 1/(1-γ) steps.
        start, stop: in updates, counted from 0; None has no end.

    Raises:
        PadlError: the learning rate of `inner` is a schedule without a peak.
    """
    rates = rates_of(inner, "ema_nesterov")

    def beta(state: PyTree, params: Params, count: jax.Array, calls: Calls | None) -> PyTree:
        inside = (count >= start) & (True if stop is None else count < stop)

        def of_array(p, rate):
            if rate.peak is None:
                raise PadlError(
                    "ema_nesterov goes by the share of the peak of the learning rate, and this schedule has no peak:"
                    " give padl.schedules.over(shape, steps, peak)"
                )
            dtype = wide(p).dtype
            part = jnp.asarray(rate.now, dtype) / jnp.asarray(rate.peak, dtype)
            return jnp.where(inside, jnp.asarray(ahead, dtype) * part, 0).astype(dtype)

        return jax.tree.map(of_array, params, rates(state, params, calls))

    def init(params: Params) -> WrapperState:
        points = jax.tree.map(jnp.asarray, params)
        mean = jax.tree.map(lambda p: jnp.zeros_like(wide(p)), points)
        none = jax.tree.map(lambda p: jnp.zeros((), wide(p).dtype), points)  # m is 0 too, whatever β of step 0
        return WrapperState(inner.init(params), Direction(jnp.zeros((), jnp.int32), mean, none))

    def update(
        grads: PyTree, state: WrapperState, params: PyTree | None = None, **extras: Any
    ) -> tuple[PyTree, WrapperState]:
        points = jax.tree.map(jnp.asarray, given_params(params))
        updates, within = updated(inner, grads, state.inner, params, extras)
        count, mean, now = state.own
        next_one = beta(within, points, count + 1, after(extras.get(CALLS)))
        mean = jax.tree.map(
            lambda m, u, b: (decay * m + (1 - decay) * (wide(u) + b * m)).astype(m.dtype), mean, updates, now
        )
        updates = jax.tree.map(lambda u, b, m: (wide(u) + b * m).astype(u.dtype), updates, next_one, mean)
        return updates, WrapperState(within, Direction(count + 1, mean, next_one))

    def readout(state: WrapperState, params: Params) -> Params:
        back = lambda p, b, m: (wide(p) - b * m).astype(p.dtype)  # noqa: E731
        return jax.tree.map(back, jax.tree.map(jnp.asarray, params), state.own.ahead, state.own.mean)

    return around(inner, init, update, readout=readout)
