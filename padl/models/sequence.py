"""Models of sequences: a row of outputs for each frame. tdnn."""

from functools import partial
from itertools import pairwise

import jax
import jax.numpy as jnp
from flax import nnx

from padl.models.layers import Activation, Block, Norm, head, step_keys
from padl.registry import model
from padl.types import Key, PadlError, Scalar


class TDNN(nnx.Module):
    """The same dense layers on every window of columns."""

    def __init__(self, inputs: int, outputs: int, widths: tuple[int, ...], window: int, stride: int, block, rngs):
        sizes = (window * inputs, *widths)
        self.window, self.stride = window, stride
        self.blocks = nnx.List([block(nnx.Linear(a, b, rngs=rngs), b) for a, b in pairwise(sizes)])
        self.head = head(sizes[-1], outputs, rngs)

    def __call__(self, x: jax.Array, key: Key | None = None) -> jax.Array:
        x = windows(columns(x), self.window, self.stride)
        for block, k in zip(self.blocks, step_keys(key, len(self.blocks)), strict=True):
            x = block(x, k)
        return self.head(x)


def columns(images: jax.Array) -> jax.Array:
    """(N, H, W, C) -> its columns (N, W, H C)."""
    n, height, width, channels = images.shape
    return images.swapaxes(1, 2).reshape(n, width, height * channels)


def windows(x: jax.Array, window: int, stride: int) -> jax.Array:
    """(N, W, F) -> (N, frames, window F): the columns around the middle of each stride, 0 beyond the ends."""
    width = x.shape[1]
    frames = -(-width // stride)
    first = (stride - window) // 2
    padding = (max(-first, 0), max((frames - 1) * stride + first + window - width, 0))
    padded = jnp.pad(x, ((0, 0), padding, (0, 0)))
    at = jnp.arange(frames)[:, None] * stride + jnp.arange(window)[None, :] + max(first, 0)
    return padded[:, at].reshape(x.shape[0], frames, window * x.shape[2])


@model(family="sequence", reference="Waibel et al. 1989, IEEE Trans. Acoust. Speech Signal Process. 37(3)")
def tdnn(
    shape: tuple[int, ...],
    outputs: int,
    *,
    widths: tuple[int, ...] = (128, 128),
    window: int = 12,
    stride: int = 2,
    activation: Activation = "relu",
    norm: Norm = "none",
    dropout: Scalar | None = None,
    rngs: nnx.Rngs,
) -> nnx.Module:
    """A time delay network: an `mlp` on a window of columns that moves along the image, a frame for every stride.

    Args:
        shape: (height, width, channels) of one image, read from left to right. outputs: their number for each frame.
        widths: of the hidden layers, each >= 1. activation, norm, dropout: as in `mlp`, in every frame alike.
        window: columns that a frame is made of, >= 1. stride: columns from one frame to the next, >= 1.
        rngs: draws the weights, LeCun normal; biases start at 0.

    Raises:
        PadlError: the inputs are not images.
    """
    if len(shape) != 3:
        raise PadlError(f"model 'tdnn' needs images (height, width, channels), the inputs are {shape}: try model=mlp")

    block = partial(Block, act=activation, norm=norm, dropout=dropout, rngs=rngs)
    return TDNN(shape[0] * shape[2], outputs, widths, window, stride, block, rngs)
