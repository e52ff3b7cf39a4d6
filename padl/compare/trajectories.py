"""Optimizers walk a landscape: every one, at every learning rate, from every start, in one compiled program.

`begin` sets the program off, `finish` has the paths; `run` is both. Optimizers come as functions, with numbers.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from padl.compare.comparison import Path
from padl.engine.experiment import check_updates
from padl.registry import StaticPartial
from padl.surfaces.functions import tilted
from padl.surfaces.landscape import Landscape, heights_at, nearest, traceable
from padl.types import Key, PyTree

RATES = tuple(float(rate) for rate in np.logspace(-4, 1, 16))
NOISE, BATCH = range(2)  # the streams of a step's key


class Rule(NamedTuple):
    """An optimizer to compare.

    Attributes:
        choice: (scalars) -> an Optax transformation. scalars: its numbers, traced; of `learning_rate` those of the
            comparison take the place, and where it is not among them the rule has none.
        whole: it looks at all rows at every step, whatever the batch size (`gd`).
    """

    choice: StaticPartial
    scalars: Mapping[str, float]
    whole: bool = False


class Draws(NamedTuple):
    """The randomness of each step from one start, the same for all optimizers and learning rates: paired, hence fair.

    Attributes:
        noise: (T, D) of the gradient. keys: (T,) of the rows. None where there is none.
    """

    noise: jax.Array | None
    keys: Key | None


class Structure(NamedTuple):
    """What chooses the program.

    Attributes:
        rules: of each optimizer its choice, whether it has a learning rate, and whether it takes all rows.
        in_parts: heights cost much, and are not computed all at once.
    """

    rules: tuple[tuple[StaticPartial, bool, bool], ...]
    steps: int
    noisy: bool
    batch_size: int | None
    in_parts: bool


class Race(NamedTuple):
    """A program that was set off: what it gives, and what is needed to make paths of it."""

    landscape: Landscape
    optimizers: Mapping[str, Rule]
    rates: np.ndarray
    batch_size: int | None
    raced: list[tuple[jax.Array, jax.Array]]


def run(landscape: Landscape, optimizers: Mapping[str, Rule], starts: np.ndarray, **options: Any) -> dict[str, Path]:
    """The paths of optimizers, by their labels. Arguments, and what raises: of `begin`."""
    return finish(begin(landscape, optimizers, starts, **options))


def begin(
    landscape: Landscape,
    optimizers: Mapping[str, Rule],
    starts: np.ndarray,
    *,
    rates: Sequence[float] = RATES,
    steps: int = 500,
    seed: int = 0,
    noise: float = 0.0,
    batch_size: int | None = None,
) -> Race:
    """Set optimizers off on a landscape; while the device is busy the caller may do other things.

    Every optimizer has a lane for each learning rate and start; all lanes of all optimizers are one program, in which
    hyperparameters, starts, noise and the landscape's own numbers are data. A lane whose point or height is no longer
    finite is NaN from that step on.

    Args:
        starts: (S, D). rates: learning rates, tried by every optimizer that has one. steps: T.
        noise: standard deviation of Gaussian noise on each coordinate of the gradient.
        batch_size: rows that a step looks at, drawn anew at each; None for all. For a landscape with rows.

    Raises:
        PadlError: a rule whose updates are not of the form of the point. What a stranger's rule raises comes through.
    """
    rising = np.sort(np.asarray(rates, np.float32))
    program, arguments = _program(landscape, optimizers, starts, rising, steps, seed, noise, batch_size)
    return Race(landscape, optimizers, rising, batch_size, program(*arguments))


def trace(landscape: Landscape, optimizers: Mapping[str, Rule], starts: np.ndarray, **options: Any) -> None:
    """Raise what tracing the program of `begin` raises, and run nothing."""
    program, arguments = _program(landscape, optimizers, starts, **options)
    program.eval_shape(*arguments)


def _program(
    landscape: Landscape,
    optimizers: Mapping[str, Rule],
    starts: np.ndarray,
    rates: Any,
    steps: int,
    seed: int,
    noise: float,
    batch_size: int | None,
) -> tuple[Any, tuple[Any, ...]]:
    """The program and its arguments: all numbers as the device takes them."""
    rules = tuple((rule.choice, "learning_rate" in rule.scalars, rule.whole) for rule in optimizers.values())
    own = [{k: np.float32(v) for k, v in rule.scalars.items() if k != "learning_rate"} for rule in optimizers.values()]
    sampled = traceable(landscape.sampled) if landscape.sampled and batch_size else None
    numbers = np.asarray(starts, np.float32), np.asarray(rates, np.float32), np.float32(noise), np.uint32(seed)
    structure = Structure(rules, steps, noise > 0, batch_size, landscape.rows > 0)
    return compiled(structure), ((traceable(landscape.height), sampled), own, *numbers)


def finish(race: Race) -> dict[str, Path]:
    """The paths of a race, on the host."""
    paths = {}
    for (label, rule), (points, losses) in zip(race.optimizers.items(), jax.device_get(race.raced), strict=True):
        rows = race.landscape.rows if race.batch_size is None or rule.whole else race.batch_size
        rates = race.rates if "learning_rate" in rule.scalars else None
        paths[label] = Path(rates, points, losses, nearest(race.landscape, points), max(rows, 1))
    return paths


@lru_cache(maxsize=32)
def compiled(structure: Structure) -> Any:
    """(heights, scalars of each, starts (S, D), rates (R,), noise, seed) -> (points, losses) of each optimizer."""
    return jax.jit(partial(_race, structure))


def _race(structure: Structure, heights: Any, scalars: Any, starts: Any, rates: Any, noise: Any, seed: Any):
    draws = jax.vmap(partial(_draws, structure, noise, seed, starts.shape[1]))(jnp.arange(len(starts)))
    raced = []
    for (choice, rated, whole), own in zip(structure.rules, scalars, strict=True):
        measure = partial(_measure, *heights, None if whole else structure.batch_size)
        from_each = jax.vmap(partial(_walk, choice, own, structure.steps, measure), (None, 0, 0))
        at_each = jax.vmap(from_each, (0, None, None))
        points = at_each(rates, starts, draws) if rated else from_each(None, starts, draws)[None]
        raced.append(_frozen(points, heights_at(heights[0], points, structure.in_parts)))
    return raced


def _draws(structure: Structure, noise: jax.Array, seed: jax.Array, dimensions: int, start: jax.Array) -> Draws:
    key = jax.random.fold_in(jax.random.key(seed), start)
    keys = jax.vmap(partial(jax.random.fold_in, key))(jnp.arange(structure.steps))
    stream = lambda number: jax.vmap(lambda key: jax.random.fold_in(key, number))(keys)  # noqa: E731
    normal = jax.vmap(lambda key: jax.random.normal(key, (dimensions,), jnp.float32))
    tilts = noise * normal(stream(NOISE)) if structure.noisy else None
    return Draws(tilts, stream(BATCH) if structure.batch_size else None)


def _measure(
    height: Callable, sampled: Callable | None, batch: int | None, draws: Draws, point: jax.Array
) -> jax.Array:
    """The height that a step sees: of its rows, its gradient noisy."""
    value = height(point) if batch is None or sampled is None else sampled(point, draws.keys, batch)
    return value if draws.noise is None else value + tilted(point, draws.noise)


def _walk(
    choice: StaticPartial, scalars: Any, steps: int, measure: Callable, rate: Any, start: jax.Array, draws: Draws
):
    """The points (T + 1, D) of one lane, the start first."""
    named = {} if rate is None else {"learning_rate": rate}
    rule = optax.with_extra_args_support(choice(**scalars, **named))

    def step(carry: PyTree, drawn: Draws) -> tuple[PyTree, jax.Array]:
        params, state = carry
        value_fn = lambda params: measure(drawn, params["point"])  # noqa: E731
        value, grad = jax.value_and_grad(value_fn)(params)
        updates, state = rule.update(grad, state, params, value=value, grad=grad, value_fn=value_fn)
        check_updates(updates, params)
        moved: Any = optax.apply_updates(params, updates)
        return (moved, state), moved["point"]

    params = {"point": start}
    _, points = jax.lax.scan(step, (params, rule.init(params)), draws, length=steps)
    return jnp.concatenate([start[None], points])


def _frozen(points: jax.Array, losses: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Points (R, S, T + 1, D) and heights, NaN from the first on that is not finite, or whose height is not."""
    lost = ~(jnp.isfinite(points).all(-1) & jnp.isfinite(losses))
    lost = jax.lax.cummax(lost.astype(jnp.int32), axis=2) > 0
    return jnp.where(lost[..., None], jnp.nan, points), jnp.where(lost, jnp.nan, losses)
