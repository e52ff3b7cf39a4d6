"""Schedules with one mistake each: {check: what it is to catch}."""

import jax.numpy as jnp
from broken import Broken
from jax.core import Tracer

from padl.types import Scalar


def not_a_number(fraction, *, final: Scalar = 0.1):
    return final + (1 - final) * jnp.sqrt((1 - fraction) * jnp.where(fraction == 0.5, jnp.nan, 1.0))


def above_the_peak(fraction, *, final: Scalar = 0.1):
    return 1.5 + (final - 1.5) * fraction


def breaks_behind_the_end(fraction, *, final: Scalar = 0.1):
    return final + (1 - final) * (1 - fraction) ** 0.5


def gives_half(fraction, *, final: Scalar = 0.1):
    return (1 + (final - 1) * fraction).astype("bfloat16")


def of_its_neighbours(fraction, *, final: Scalar = 0.1):
    return final + (1 - final) * (1 - fraction / jnp.maximum(jnp.max(fraction), 0.5))


def traced_otherwise(fraction, *, final: Scalar = 0.1):
    return jnp.full_like(fraction, 0.1) * final if isinstance(fraction, Tracer) else 1 + (final - 1) * fraction


def branches(fraction, *, final: Scalar = 0.1):
    return (1 + (final - 1) * fraction) if final < 1 else jnp.ones_like(fraction)


def constant_number(fraction, *, final: float = 0.1):
    return 1 + (final - 1) * fraction


def ignores_its_number(fraction, *, final: Scalar = 0.1):
    return 1 - 0.9 * fraction


BROKEN = {
    "share_is_finite": Broken(not_a_number, also=("past_the_end",)),
    "share_of_the_peak": Broken(above_the_peak),
    "past_the_end": Broken(breaks_behind_the_end),
    "share_dtype": Broken(gives_half),
    "vectorised": Broken(of_its_neighbours),
    "compiled_alike": Broken(traced_otherwise),
    "schedule_scalars_traced": Broken(constant_number),
    "schedule_numbers_bite": Broken(ignores_its_number),
}
WIDE = {"schedule_scalars_traced": Broken(branches)}
