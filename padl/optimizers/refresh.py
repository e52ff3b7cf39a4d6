"""What is computed at every k-th step alone, as curvature is. every, FREQUENCY."""

from collections.abc import Callable
from typing import Any

import jax

from padl.types import COUNT

FREQUENCY = COUNT._replace(search=(1, 100), scale="log")  # in steps


def every(k: int, t: jax.Array, renew: Callable[[], Any], kept: Any) -> Any:
    """Return renew() at the first step and at every k-th from there, else `kept`.

    It is a branch on the step, which all members of a sweep share: what is not due is not computed.

    Args:
        t: the step, 1 at the first. kept: of the form of what `renew` returns.
    """
    return jax.lax.cond((t - 1) % k == 0, renew, lambda: kept)
