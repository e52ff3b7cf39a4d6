"""Models of dense layers on flattened inputs. linear, mlp."""

import math
from functools import partial
from itertools import pairwise

import jax
from flax import nnx

from padl.models.layers import Activation, Block, Norm, head, step_keys
from padl.registry import model
from padl.types import Key, Scalar


class MLP(nnx.Module):
    """Blocks of width `widths[i]`, then a linear layer without activation."""

    def __init__(self, inputs: int, outputs: int, widths: tuple[int, ...], block, rngs: nnx.Rngs):
        sizes = (inputs, *widths)
        self.blocks = nnx.List([block(nnx.Linear(a, b, rngs=rngs), b) for a, b in pairwise(sizes)])
        self.head = head(sizes[-1], outputs, rngs)

    def __call__(self, x: jax.Array, key: Key | None = None) -> jax.Array:
        x = x.reshape(x.shape[0], math.prod(x.shape[1:]))
        for block, k in zip(self.blocks, step_keys(key, len(self.blocks)), strict=True):
            x = block(x, k)
        return self.head(x)


@model(family="dense", reference="Legendre 1805; Gauss 1809")
def linear(shape: tuple[int, ...], outputs: int, *, rngs: nnx.Rngs) -> nnx.Module:
    """A linear model: outputs = W x + b on the flattened input."""
    return MLP(math.prod(shape), outputs, (), None, rngs)


@model(family="dense", reference="Rumelhart, Hinton & Williams 1986, Nature 323")
def mlp(
    shape: tuple[int, ...],
    outputs: int,
    *,
    widths: tuple[int, ...] = (128, 128),
    activation: Activation = "relu",
    norm: Norm = "none",
    dropout: Scalar | None = None,
    rngs: nnx.Rngs,
) -> nnx.Module:
    """A multilayer perceptron on the flattened input.

    Args:
        shape, outputs: the shape of one input and the number of outputs.
        widths: of the hidden layers, each >= 1; [] is `linear`.
        activation: after every hidden layer.
        norm: before the activation: none, layer (Ba et al. 2016) or batch (Ioffe & Szegedy 2015).
        dropout: rate in [0, 1) after every hidden layer; None leaves it out of the program.
        rngs: draws the weights, LeCun normal; biases start at 0.
    """
    block = partial(Block, act=activation, norm=norm, dropout=dropout, rngs=rngs)
    return MLP(math.prod(shape), outputs, widths, block, rngs)
