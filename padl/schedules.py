"""Schedules: the learning rate as a share of its peak, over the share of training done.

constant, linear, polynomial, exponential, inverse_sqrt, power, step, cosine, cosine_restarts, warmup_cosine, one_cycle,
wsd, power_cool; over

A schedule is a shape, [0, 1] -> [0, 1], without units: learning rate = peak × shape(step / steps). A longer run keeps
its form, and a sweep over peaks or lengths is one program. `fraction` may be an array. `over` makes one of the step
count of it, as Optax's optimizers take it.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, ParamSpec

import jax
import jax.numpy as jnp

from padl.registry import schedule, signature
from padl.types import DOMAINS, FRACTION, POSITIVE, Domain, LearningRate, PadlError, Scalar

P = ParamSpec("P")
Shape = Callable[Concatenate[jax.Array, P], jax.Array]
if TYPE_CHECKING:
    Fraction = Any  # a number, or an array of JAX's or NumPy's
else:
    Fraction = jax.Array

EXACT = 2.0**-23  # how far float32 may put a fraction, or n × every, from where it is: half of that each
ABOVE_0 = Domain(0.0, 1.0, low_open=True, search=(1e-3, 0.1), scale="log")
POWER = POSITIVE._replace(search=(0.5, 3.0))


def _no_decay_left(values: Mapping[str, Any]) -> str:
    if values["warmup"] >= 1 and values["final"] > 0:
        return f"warmup={values['warmup']:g} leaves no time to fall to final={values['final']:g}: shorten it"
    return ""


def _phases_overlap(values: Mapping[str, Any]) -> str:
    warmup, cooldown, final = values.get("warmup", 0), values["cooldown"], values["final"]
    if warmup + cooldown > 1 + EXACT:
        return (
            f"warmup={warmup:g} and cooldown={cooldown:g} are {warmup + cooldown:g} of the training together, and the"
            " peak would never be reached: at most 1"
        )
    if cooldown == 0 and final > 0:
        return f"without a cooldown the rate never falls to final={final:g}: give cooldown, or leave final out"
    return ""


@schedule()
def constant(fraction: Fraction) -> jax.Array:
    """The peak throughout."""
    return jnp.ones_like(fraction, dtype=float)


@schedule()
def linear(fraction: Fraction, *, final: Scalar = 0.0) -> jax.Array:
    """A straight line from the peak to `final`, a share of the peak in [0, 1]."""
    return 1 + (final - 1) * fraction


@schedule(reference="Chen et al. 2017, arXiv:1606.00915 (the poly policy)")
def polynomial(fraction: Fraction, *, exponent: Annotated[Scalar, POWER] = 0.9, final: Scalar = 0.0) -> jax.Array:
    """A power of the training that is left, to the power `exponent` > 0, from the peak to `final`; 1 is `linear`."""
    return final + (1 - final) * jnp.maximum(1 - fraction, 0) ** exponent  # rounding may put the end behind 1


@schedule()
def exponential(fraction: Fraction, *, final: Annotated[Scalar, ABOVE_0] = 0.01) -> jax.Array:
    """Falls by the same factor in equal times, from the peak to `final`, a share of the peak in (0, 1]."""
    return final**fraction


@schedule(reference="Shen et al. 2024, arXiv:2408.13359 (its power law, without ceiling and last decay)")
def power(
    fraction: Fraction, *, warmup: Annotated[Scalar, ABOVE_0] = 0.02, exponent: Annotated[Scalar, POWER] = 0.51
) -> jax.Array:
    """A line from 0 to the peak over the first `warmup` of training, in (0, 1]; then time to the power -`exponent` < 0.

    Its end is warmup^exponent of the peak. Twice as long a training with half the `warmup` has the same course.
    """
    time = fraction / _positive(warmup)
    return jnp.where(fraction < warmup, time, jnp.maximum(time, 1) ** -exponent)


@schedule(reference="Vaswani et al. 2017, arXiv:1706.03762, eq. 3")
def inverse_sqrt(fraction: Fraction, *, warmup: Annotated[Scalar, ABOVE_0] = 0.02) -> jax.Array:
    """A line from 0 to the peak over the first `warmup` of training, in (0, 1]; then falls by the root of time."""
    return power(fraction, warmup=warmup, exponent=0.5)


@schedule()
def step(fraction: Fraction, *, every: Scalar = 1 / 3, factor: Scalar = 0.1) -> jax.Array:
    """Multiplied by `factor` in (0, 1] each time another `every` of the training, in (0, 1), is done.

    A boundary on a whole step is exact up to 4 million steps; further on float32 cannot tell fractions so near apart.
    """
    n = jnp.round(jnp.asarray(fraction / every))  # the boundary nearest to here
    high = jax.lax.reduce_precision(jnp.asarray(every, n.dtype), 8, 11)  # n × high is exact, and so is what is past it
    past = (fraction - n * high) - n * (every - high)
    return factor ** jnp.where(past >= -EXACT * fraction, n, n - 1)


@schedule(reference="Loshchilov & Hutter 2017, arXiv:1608.03983, eq. 5 without restarts")
def cosine(fraction: Fraction, *, final: Scalar = 0.0) -> jax.Array:
    """Half a cosine from the peak to `final`, a share of the peak in [0, 1]."""
    return final + (1 - final) * 0.5 * (1 + jnp.cos(jnp.pi * fraction))


@schedule(reference="Loshchilov & Hutter 2017, arXiv:1608.03983, eq. 5 (SGDR)")
def cosine_restarts(
    fraction: Fraction,
    *,
    cycles: Annotated[Scalar, Domain(1.0, 32.0, search=(1.0, 8.0))] = 4.0,
    growth: Annotated[Scalar, Domain(0.5, 10.0, search=(1.0, 3.0))] = 1.0,
    final: Scalar = 0.0,
) -> jax.Array:
    """`cycles` in [1, 32] of `cosine` in turn, each `growth` times as long as that before, in [1/2, 10].

    `growth` is the paper's T_mult; T_0 follows from the two. A part of a cycle may be the last. A restart on a whole
    step is exact up to 4 million steps where all are of one length, and up to 100 thousand otherwise.
    """
    log = jnp.log(growth)
    equal = abs(log) < 1e-6  # the limit of what follows
    log = jnp.where(equal, 1, log)
    passed = jnp.where(equal, cycles * fraction, jnp.log1p(fraction * jnp.expm1(cycles * log)) / log)
    near = passed * (1 + jnp.where(equal, 1, 8) * EXACT)  # rounding must not put a restart one step later
    begun = jnp.clip(jnp.floor(near), 0, jnp.ceil(cycles) - 1)
    share = jnp.where(equal, passed - begun, jnp.expm1((passed - begun) * log) / jnp.expm1(log))
    return cosine(jnp.clip(share, 0, 1), final=final)


@schedule(
    reference="Goyal et al. 2017, arXiv:1706.02677, section 2.2 (warmup); Loshchilov & Hutter 2017 (cosine)",
    conflict=_no_decay_left,
)
def warmup_cosine(fraction: Fraction, *, warmup: Scalar = 0.1, final: Scalar = 0.0) -> jax.Array:
    """A line from 0 to the peak over the first `warmup` of training, in [0, 1]; then `cosine`."""
    rest = (fraction - warmup) / _positive(1 - warmup)
    return jnp.where(fraction < warmup, fraction / _positive(warmup), cosine(rest, final=final))


@schedule(reference="Smith & Topin 2019, arXiv:1708.07120, with half cosines for its lines, as in fastai and torch")
def one_cycle(
    fraction: Fraction,
    *,
    warmup: Scalar = 0.3,
    start: Annotated[Scalar, FRACTION._replace(search=(0.0, 0.2))] = 0.04,
    final: Scalar = 4e-6,
) -> jax.Array:
    """Half a cosine from `start` to the peak over the first `warmup` of training, and half a one from there to `final`.

    All of them in [0, 1]; the defaults are torch's: 1/25 and 1/25 of 10⁻⁴ of the peak.
    """
    up = cosine(1 - fraction / _positive(warmup), final=start)
    down = cosine((fraction - warmup) / _positive(1 - warmup), final=final)
    return jnp.where(fraction < warmup, up, down)


@schedule(reference="Hu et al. 2024, arXiv:2404.06395, section 4 (warmup, stable, decay)", conflict=_phases_overlap)
def wsd(fraction: Fraction, *, warmup: Scalar = 0.05, cooldown: Scalar = 0.2, final: Scalar = 0.0) -> jax.Array:
    """Warm up over the first `warmup` of training, stay, fall on a line to `final` over the last `cooldown` of it.

    Raises:
        PadlError: warmup + cooldown > 1, as the peak would never be reached; a `final` without a cooldown.
    """
    up = jnp.where(fraction < warmup, fraction / _positive(warmup), 1.0)
    done = jnp.clip((fraction - (1 - cooldown)) / _positive(cooldown), 0, 1)
    return up * jnp.where(cooldown > 0, linear(done, final=final), 1.0)


@schedule(reference="modded-nanogpt, track 3 (2026): PowerCool, a power-law cooldown", conflict=_phases_overlap)
def power_cool(
    fraction: Fraction,
    *,
    cooldown: Annotated[Scalar, FRACTION._replace(search=(0.2, 1.0))] = 0.5,
    exponent: Annotated[Scalar, POWER] = 1.2,
    final: Scalar = 0.0,
) -> jax.Array:
    """Stay at the peak, then fall over the last `cooldown` of training as a power of what is left, to `final`.

    min(1, c (T - t)^exponent), where c and T are such that it leaves the peak at 1 - `cooldown`, and is `final` at 1.

    Raises:
        PadlError: a `final` without a cooldown.
    """
    done = jnp.clip((fraction - (1 - cooldown)) / _positive(cooldown), 0, 1)
    return jnp.where(cooldown > 0, linear(done, final=final ** (1 / exponent)) ** exponent, 1.0)


def _positive(x: Scalar) -> jax.Array:
    """`x`, or 1 where a phase has no length and its branch is not taken."""
    return jnp.where(jnp.asarray(x) > 0, x, 1.0)


def over(
    shape: Shape[P],
    steps: int,
    peak: Annotated[Scalar, DOMAINS["learning_rate"]] = 1.0,
    *_: P.args,
    **hyperparameters: P.kwargs,
) -> LearningRate:
    """Spread a schedule over so many steps: an Optax schedule, count -> `peak` × shape(count / steps).

    >>> tx = padl.optimizers.adam(padl.schedules.over(padl.schedules.cosine, steps=1000, peak=1e-3, final=0.1))

    Args:
        shape: one of PADL's, or `padl.schedule(...)`, or any function of the fraction of training, in [0, 1].
        steps: >= 1; behind them the rate stays at its last value, that of fraction 1.
        peak: > 0, the learning rate at share 1. hyperparameters: of the shape.

    Returns:
        A function of the count of updates already applied (0 at the first), a whole number or an array of them, which
        knows its `peak`.

    Raises:
        PadlError: a number outside of its domain; `shape` is no function.
    """
    if not callable(shape):
        raise PadlError(f"padl.schedules.over takes a schedule, as padl.schedules.cosine, and not {shape!r}")
    limits = signature(over)
    steps, peak = limits["steps"].check(steps, "steps"), limits["peak"].check(peak, "peak")

    def share(fraction: jax.Array) -> jax.Array:
        return shape(fraction, *_, **hyperparameters)

    jax.eval_shape(share, jnp.zeros(()))  # what is wrong with it is said here, and not in the first update
    return LearningRate(peak, share, steps)
