"""Models in flax.nnx.

dense.py: linear, mlp. convolutional.py: cnn, on the convolution of fast_conv.py. sequence.py: tdnn. layers.py: what
they share. attention.py: attention that says how large its logits are, for models of your own.

A model is built by `model(shape, outputs, *, rngs, ...)` from the shape of one input and the number of outputs (of a
sequence: for each of its frames), and called as `model(x)` to evaluate and `model(x, key)` to train: the key is the
randomness of one step.
"""

from typing import TYPE_CHECKING

from padl import registry

registry.discover(__name__, __path__)

if TYPE_CHECKING:  # what type checkers and editors see: a file of items that is new is listed here
    from padl.models.convolutional import *
    from padl.models.dense import *
    from padl.models.sequence import *
else:
    __getattr__ = registry.model.functions_of(__name__)

__dir__ = registry.model.names
