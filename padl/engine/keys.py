"""From a seed to the streams of random numbers of a run. key_numbers, key_of, of_init, of_order, of_step,
of_update.

A run's key is that of its seed; each use has a stream of its own, and a step's numbers depend on its number alone.
"""

from typing import Any

import jax
import numpy as np

from padl.types import Key

INIT, ORDER, NOISE, UPDATE = range(4)


def key_numbers(seed: int) -> np.ndarray:
    """Return what `jax.random.key(seed)` holds for a seed below 2³²: (2,) uint32."""
    return np.array([0, seed], np.uint32)


def key_of(numbers: Any) -> Key:
    """Make the key that these two numbers are, (2,) uint32, without compiling a program for it."""
    return jax.random.wrap_key_data(numbers, impl="threefry2x32")


def of_init(key: Key) -> Key:
    """Derive the stream of a run's first parameters."""
    return jax.random.fold_in(key, INIT)


def of_order(key: Key) -> Key:
    """Derive the stream of the order of a run's rows."""
    return jax.random.fold_in(key, ORDER)


def of_step(key: Key, step: jax.Array) -> Key:
    """Derive the stream of one step: dropout, what an objective draws."""
    return jax.random.fold_in(jax.random.fold_in(key, NOISE), step)


def of_update(key: Key, step: jax.Array) -> Key:
    """Derive the stream of one update: what an optimizer draws."""
    return jax.random.fold_in(jax.random.fold_in(key, UPDATE), step)
