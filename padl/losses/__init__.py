"""Losses, a number for every example (or element) until reduce.py reduces it: `padl.losses.huber(p, y, delta=1.0)`.

reduce.py holds masks, weights and means; regression.py and classification.py the losses.
"""

from collections.abc import Callable

import jax

from padl import registry

registry.discover(__name__, __path__)


def __getattr__(name: str) -> Callable[..., jax.Array]:
    if name in registry.loss.names():
        return registry.loss.get(name).function
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return registry.loss.names()
