"""A line from the peak to 0, again and again. `padl train schedule=restarted_line` trains with it."""

from typing import Annotated

import jax
import jax.numpy as jnp

from padl.registry import schedule
from padl.schedules import Fraction
from padl.types import Domain, Scalar


@schedule(reference="none: PADL's `linear`, again and again")
def restarted_line(
    fraction: Fraction, *, cycles: Annotated[Scalar, Domain(1.0, 32.0, search=(1.0, 8.0))] = 2.0
) -> jax.Array:
    """Fall in a straight line from the peak to 0, `cycles` in [1, 32] times; 0 at the end.

    1 - (n f mod 1)
    """
    passed = cycles * fraction
    return jnp.where(fraction < 1, 1 - passed % 1, 0.0)
