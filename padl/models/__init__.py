"""Models in flax.nnx.

dense.py: linear, mlp. convolutional.py: cnn, on the convolution of fast_conv.py. sequence.py: tdnn. layers.py: what
they share.

A model is built by `model(shape, outputs, *, rngs, ...)` from the shape of one input and the number of outputs (of a
sequence: for each of its frames), and called as `model(x)` to evaluate and `model(x, key)` to train: the key is the
randomness of one step.
"""

from collections.abc import Callable

from flax import nnx

from padl import registry

registry.discover(__name__, __path__)


def __getattr__(name: str) -> Callable[..., nnx.Module]:
    if name in registry.model.names():
        return registry.model.get(name).function
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return registry.model.names()
