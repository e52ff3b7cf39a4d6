"""Schedules: the learning rate as a share of its peak, over the share of training done.

constant, linear, exponential, step, cosine, warmup_cosine, wsd

A schedule is a shape, [0, 1] -> [0, 1], without units: learning rate = peak × shape(step / steps). A longer run keeps
its form, and a sweep over peaks or lengths is one program. `fraction` may be an array.
"""

from typing import Annotated

import jax
import jax.numpy as jnp

from padl.registry import schedule
from padl.types import Domain, Scalar

EXACT = 2.0**-23  # how far float32 may put a fraction, or n × every, from where it is: half of that each
ABOVE_0 = Domain(0.0, 1.0, low_open=True, search=(1e-3, 0.1), scale="log")


@schedule()
def constant(fraction: jax.Array) -> jax.Array:
    """The peak throughout."""
    return jnp.ones_like(fraction, dtype=float)


@schedule()
def linear(fraction: jax.Array, *, final: Scalar = 0.0) -> jax.Array:
    """A straight line from the peak to `final`, a share of the peak in [0, 1]."""
    return 1 + (final - 1) * fraction


@schedule()
def exponential(fraction: jax.Array, *, final: Annotated[Scalar, ABOVE_0] = 0.01) -> jax.Array:
    """Falls by the same factor in equal times, from the peak to `final`, a share of the peak in (0, 1]."""
    return final**fraction


@schedule()
def step(fraction: jax.Array, *, every: Scalar = 1 / 3, factor: Scalar = 0.1) -> jax.Array:
    """Multiplied by `factor` in (0, 1] each time another `every` of the training, in (0, 1], is done.

    A boundary on a whole step is exact up to 4 million steps; further on float32 cannot tell fractions so near apart.
    """
    n = jnp.round(jnp.asarray(fraction / every))  # the boundary nearest to here
    high = jax.lax.reduce_precision(jnp.asarray(every, n.dtype), 8, 11)  # n × high is exact, and so is what is past it
    past = (fraction - n * high) - n * (every - high)
    return factor ** jnp.where(past >= -EXACT * fraction, n, n - 1)


@schedule(reference="Loshchilov & Hutter 2017, arXiv:1608.03983, eq. 5 without restarts")
def cosine(fraction: jax.Array, *, final: Scalar = 0.0) -> jax.Array:
    """Half a cosine from the peak to `final`, a share of the peak in [0, 1]."""
    return final + (1 - final) * 0.5 * (1 + jnp.cos(jnp.pi * fraction))


@schedule(reference="Goyal et al. 2017, arXiv:1706.02677, section 2.2 (warmup); Loshchilov & Hutter 2017 (cosine)")
def warmup_cosine(fraction: jax.Array, *, warmup: Scalar = 0.1, final: Scalar = 0.0) -> jax.Array:
    """A line from 0 to the peak over the first `warmup` of training, in [0, 1]; then `cosine`."""
    rest = (fraction - warmup) / _positive(1 - warmup)
    return jnp.where(fraction < warmup, fraction / _positive(warmup), cosine(rest, final=final))


@schedule(reference="Hu et al. 2024, arXiv:2404.06395, section 4 (warmup, stable, decay)")
def wsd(fraction: jax.Array, *, warmup: Scalar = 0.05, cooldown: Scalar = 0.2, final: Scalar = 0.0) -> jax.Array:
    """Warm up over the first `warmup` of training, stay, fall on a line to `final` over the last `cooldown` of it."""
    up = jnp.where(fraction < warmup, fraction / _positive(warmup), 1.0)
    done = jnp.clip((fraction - (1 - cooldown)) / _positive(cooldown), 0, 1)
    return up * jnp.where(cooldown > 0, linear(done, final=final), 1.0)


def _positive(x: Scalar) -> jax.Array:
    """`x`, or 1 where a phase has no length and its branch is not taken."""
    return jnp.where(jnp.asarray(x) > 0, x, 1.0)
