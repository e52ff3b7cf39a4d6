"""Compile the walk of optimizers over a landscape: every learning rate and start is a lane of one program. compiled."""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from padl.engine.operations import DECOMPOSITIONS, hangs_batched, operations_of
from padl.engine.rule_calls import started, updated_once
from padl.optimizers.transformation import readout_of
from padl.registry import StaticPartial
from padl.surfaces.functions import tilted
from padl.surfaces.landscape import Forms, Roles, heights_at, params_of, point_of
from padl.types import Key, PyTree

NOISE, BATCH, OWN = range(3)  # the streams of a step's key


class ProgramKey(NamedTuple):
    """What chooses the program; all else is data.

    Attributes:
        optimizers: for each, (what makes it, whether it has a learning rate, whether every step takes all rows).
        steps: T. noisy: whether the gradient is. batch_size: rows of a step, None for all.
        in_parts: whether heights cost so much that they are not computed all at once.
        forms: names and shapes of the parameters that a point is; () for a single vector. roles: what each one is,
            for the optimizers that ask; () lets them infer it.
    """

    optimizers: tuple[tuple[StaticPartial, bool, bool], ...]
    steps: int
    noisy: bool
    batch_size: int | None
    in_parts: bool
    forms: Forms = ()
    roles: Roles = ()


class Draws(NamedTuple):
    """The randomness of each step from one start, the same for all optimizers and learning rates: paired, hence fair.

    Attributes:
        noise: (T, D) of the gradient. keys: (T,) of the rows. None where there is none. own: (T,) of the optimizer.
    """

    noise: jax.Array | None
    keys: Key | None
    own: Key


@lru_cache(maxsize=32)
def compiled(program: ProgramKey) -> Any:
    """Compile (heights, scalars of each, starts (S, D), rates (R,) of each, noise, seed) -> (points, losses) of each.

    Returns:
        For each optimizer points (R, S, T + 1, D) and losses (R, S, T + 1); R = 1 for one without a learning rate.
    """
    return jax.jit(partial(_walk_all, program))


def _walk_all(program: ProgramKey, heights: Any, scalars: Any, starts: Any, rates: Any, noise: Any, seed: Any):
    draws = jax.vmap(partial(_draws, program, noise, seed, starts.shape[1]))(jnp.arange(len(starts)))
    walked = []
    for (make, rated, full_batch), numbers, tried in zip(program.optimizers, scalars, rates, strict=True):
        measure = partial(_measure, *heights, None if full_batch else program.batch_size)
        walk = partial(_walk, partial(_made, make, numbers, program.roles), program.steps, program.forms, measure)
        over = _lanes(partial(walk, tried[0] if rated else None), starts, draws)
        from_each = lambda rate, walk=walk, over=over: over(partial(walk, rate), starts, draws)  # noqa: E731
        points = over(from_each, tried) if rated else from_each(None)[None]
        walked.append(_nan_from_divergence(points, heights_at(heights[0], points, program.in_parts)))
    return walked


def _lanes(walk: Callable, starts: jax.Array, draws: Draws) -> Callable[..., jax.Array]:
    """How a function is applied to each of its arguments' first axis: batched, or one by one where that may hang."""
    one, device = jax.tree.map(lambda x: x[0], (starts, draws)), jax.devices()[0]
    if hangs_batched(DECOMPOSITIONS, device) and hangs_batched(operations_of(jax.make_jaxpr(walk)(*one)), device):
        return lambda function, *arguments: jax.lax.map(lambda each: function(*each), arguments)
    return lambda function, *arguments: jax.vmap(function)(*arguments)


def _draws(program: ProgramKey, noise: jax.Array, seed: jax.Array, dimensions: int, start: jax.Array) -> Draws:
    key = jax.random.fold_in(jax.random.key(seed), start)
    keys = jax.vmap(partial(jax.random.fold_in, key))(jnp.arange(program.steps))
    stream = lambda number: jax.vmap(lambda key: jax.random.fold_in(key, number))(keys)  # noqa: E731
    normal = jax.vmap(lambda key: jax.random.normal(key, (dimensions,), jnp.float32))
    tilts = noise * normal(stream(NOISE)) if program.noisy else None
    return Draws(tilts, stream(BATCH) if program.batch_size else None, stream(OWN))


def _measure(
    height: Callable, sampled: Callable | None, batch_size: int | None, draws: Draws, point: jax.Array
) -> jax.Array:
    """The height that a step sees: of its rows, its gradient noisy."""
    value = height(point) if batch_size is None or sampled is None else sampled(point, draws.keys, batch_size)
    return value if draws.noise is None else value + tilted(point, draws.noise)


def _made(make: StaticPartial, scalars: Any, roles: Roles, rate: Any) -> optax.GradientTransformationExtraArgs:
    """The optimizer of one lane; without a rate of its own where `rate` is None."""
    learning_rate = {} if rate is None else {"learning_rate": rate}
    declared = {"roles": dict(roles)} if roles and make.wants_roles else {}
    return optax.with_extra_args_support(make(**scalars, **learning_rate, **declared))


def _walk(
    make: Callable[[Any], optax.GradientTransformationExtraArgs],
    steps: int,
    forms: Forms,
    measure: Callable,
    rate: Any,
    start: jax.Array,
    draws: Draws,
) -> jax.Array:
    """The points (T + 1, D) of one lane, the start first: those that the optimizer wants judged."""
    optimizer = make(rate)

    def step(carry: PyTree, drawn: Draws) -> tuple[PyTree, jax.Array]:
        params, state = carry
        value_fn = lambda params: measure(drawn, point_of(forms, params))  # noqa: E731
        value, grad = jax.value_and_grad(value_fn)(params)
        of_point = {"value": value, "value_fn": value_fn, "grad": grad, "grad_fn": jax.grad(value_fn)}
        extras = {**of_point, "key": drawn.own, "model_state": {}}
        updates, state = updated_once(optimizer, grad, state, params, extras)
        moved: Any = optax.apply_updates(params, updates)
        return (moved, state), point_of(forms, readout_of(optimizer)(state, moved))

    params = params_of(forms, start)
    _, points = jax.lax.scan(step, (params, started(optimizer, params)), draws, length=steps)
    return jnp.concatenate([start[None], points])


def _nan_from_divergence(points: jax.Array, losses: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Points (R, S, T + 1, D) and heights, NaN from the first on that is not finite, or whose height is not."""
    lost = ~(jnp.isfinite(points).all(-1) & jnp.isfinite(losses))
    lost = jax.lax.cummax(lost.astype(jnp.int32), axis=2) > 0
    return jnp.where(lost[..., None], jnp.nan, points), jnp.where(lost, jnp.nan, losses)
