"""JAX's flags that change numbers: those that a run pins, so that what it draws does not depend on the environment."""

from collections.abc import Iterator
from contextlib import contextmanager

import jax


@contextmanager
def pinned() -> Iterator[None]:
    """Compute in here with the flags that a run's numbers depend on at PADL's values, whatever the environment says.

    32-bit numbers, the partitionable form of threefry, NumPy-like promotion. As a decorator it holds for a function.
    """
    with (
        jax.enable_x64(False),
        jax.threefry_partitionable(True),
        jax.default_prng_impl("threefry2x32"),
        jax.numpy_dtype_promotion("standard"),
    ):
        yield
