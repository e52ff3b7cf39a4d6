"""Models of convolutions. cnn."""

from functools import partial
from itertools import pairwise

import jax
import jax.numpy as jnp
from flax import nnx

from padl.models.fast_conv import conv_general_dilated
from padl.models.layers import Activation, Block, Norm, head, step_keys
from padl.registry import model
from padl.types import Key, PadlError, Scalar


class CNN(nnx.Module):
    """Stages of a 3x3 convolution and a 2x2 maximum; then the maximum over the image and a linear layer."""

    def __init__(self, inputs: int, outputs: int, channels: tuple[int, ...], block, rngs: nnx.Rngs):
        sizes = (inputs, *channels)
        convs = [
            nnx.Conv(a, b, (3, 3), conv_general_dilated=conv_general_dilated, rngs=rngs) for a, b in pairwise(sizes)
        ]
        self.blocks = nnx.List([block(c, b) for c, b in zip(convs, channels, strict=True)])
        self.head = head(sizes[-1], outputs, rngs)

    def __call__(self, x: jax.Array, key: Key | None = None) -> jax.Array:
        for block, k in zip(self.blocks, step_keys(key, len(self.blocks)), strict=True):
            x = halve(block(x, k))
        return self.head(x.max((1, 2)))


def halve(x: jax.Array) -> jax.Array:
    """The largest of every 2x2 pixels, (N, H, W, C) -> (N, H//2, W//2, C); an image one pixel wide stays."""
    n, h, w, c = x.shape
    if min(h, w) < 2:
        return x
    x = x[:, : h // 2 * 2, : w // 2 * 2].reshape(n, h // 2, 2, w // 2, 2, c)
    return jnp.maximum(jnp.maximum(x[:, :, 0, :, 0], x[:, :, 0, :, 1]), jnp.maximum(x[:, :, 1, :, 0], x[:, :, 1, :, 1]))


@model(family="convolutional", reference="LeCun et al. 1998, Proc. IEEE 86(11)")
def cnn(
    shape: tuple[int, ...],
    outputs: int,
    *,
    channels: tuple[int, ...] = (16, 32, 64),
    activation: Activation = "relu",
    norm: Norm = "none",
    dropout: Scalar | None = None,
    rngs: nnx.Rngs,
) -> nnx.Module:
    """A convolutional network: 3x3 convolutions, each followed by a 2x2 maximum, then the maximum over the image.

    Args:
        shape: (height, width, channels) of one image. outputs: their number.
        channels: of the stages, each >= 1. activation, norm, dropout: as in `mlp`, in every stage.
        rngs: draws the weights, LeCun normal; biases start at 0.

    Raises:
        PadlError: the inputs are not images.
    """
    if len(shape) != 3:
        raise PadlError(f"model 'cnn' needs images (height, width, channels), the inputs are {shape}: try model=mlp")

    block = partial(Block, act=activation, norm=norm, dropout=dropout, rngs=rngs)
    return CNN(shape[-1], outputs, channels, block, rngs)
