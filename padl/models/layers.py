"""Parts that models share: activations, normalisation, a dropout whose rate is data, and the layer of the outputs."""

from collections.abc import Callable
from typing import Literal

import jax
import jax.numpy as jnp
from flax import nnx

from padl.roles.role import METADATA, usual
from padl.types import Key, Scalar

Activation = Literal["relu", "gelu", "silu", "tanh", "sigmoid", "identity"]
Norm = Literal["none", "layer", "batch"]


def activation(name: Activation) -> Callable[[jax.Array], jax.Array]:
    return jnp.asarray if name == "identity" else getattr(jax.nn, name)


class Rate(nnx.Variable):
    """A scalar hyperparameter of a model: an array beside the parameters, so that another value compiles nothing."""


class Dropout(nnx.Module):
    """Zero each element with probability `rate` and divide the rest by 1 - rate (Srivastava et al. 2014, JMLR 15).

    `flax.nnx.Dropout` branches on its rate in Python, which a traced rate cannot pass.
    """

    def __init__(self, rate: Scalar):
        self.rate = Rate(jnp.asarray(rate, jnp.float32))

    def __call__(self, x: jax.Array, key: Key | None) -> jax.Array:
        if key is None:
            return x
        keep = 1 - self.rate[...]
        return jnp.where(jax.random.bernoulli(key, keep, x.shape), x / keep.astype(x.dtype), 0)


def normalisation(norm: Norm, features: int, rngs: nnx.Rngs) -> nnx.Module | None:
    if norm == "batch":
        return nnx.BatchNorm(features, momentum=0.9, rngs=rngs)
    return nnx.LayerNorm(features, rngs=rngs) if norm == "layer" else None


class Block(nnx.Module):
    """A linear map, then normalisation, activation and dropout, each where asked for."""

    def __init__(self, linear: nnx.Module, features: int, act: Activation, norm: Norm, dropout: Scalar | None, rngs):
        self.linear = linear
        self.norm = normalisation(norm, features, rngs)
        self.act = activation(act)
        self.dropout = None if dropout is None else Dropout(dropout)

    def __call__(self, x: jax.Array, key: Key | None) -> jax.Array:
        x = self.linear(x)  # pyright: ignore[reportCallIssue]
        if isinstance(self.norm, nnx.BatchNorm):
            x = self.norm(x, use_running_average=key is None).astype(x.dtype)  # its statistics stay in float32
        elif isinstance(self.norm, nnx.LayerNorm):
            x = self.norm(x).astype(x.dtype)
        x = self.act(x)
        return x if self.dropout is None else self.dropout(x, key)


def head(inputs: int, outputs: int, rngs: nnx.Rngs) -> nnx.Linear:
    """Make the linear layer that gives a model's outputs, and say so of its kernel."""
    return nnx.Linear(inputs, outputs, kernel_metadata={METADATA: usual("head", 2)}, rngs=rngs)


def step_keys(key: Key | None, count: int) -> list[Key | None]:
    """One key for each layer, or none for any of them in evaluation."""
    return [None] * count if key is None else [jax.random.fold_in(key, i) for i in range(count)]
