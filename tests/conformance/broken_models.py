"""Models with one mistake each: {check: what it is to catch}."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from broken import Broken
from flax import nnx
from jax.core import Tracer

from padl.models.layers import Dropout, Rate, head
from padl.types import Scalar

CALLS = np.random.default_rng(0)


class Layers(nnx.Module):
    """A hidden layer and a head, which the broken ones change."""

    def __init__(self, shape, outputs, rngs):
        self.hidden = nnx.Linear(math.prod(shape), 8, rngs=rngs)
        self.head = head(8, outputs, rngs)

    def inside(self, x, key):
        return jnp.tanh(self.hidden(x.reshape(x.shape[0], -1)))

    def __call__(self, x, key=None):
        return self.head(self.inside(x, key))


class Of(Layers):
    """One whose hidden values go through a function."""

    def __init__(self, shape, outputs, rngs, change):
        super().__init__(shape, outputs, rngs)
        self.change = change

    def inside(self, x, key):
        return self.change(super().inside(x, key), key)


def one_output_too_many(shape, outputs, *, rngs):
    return Layers(shape, outputs + 1, rngs)


def of_no_seed(shape, outputs, *, rngs):
    return Layers(shape, outputs, nnx.Rngs(7))


def noise_without_key(shape, outputs, *, rngs):
    return Of(shape, outputs, rngs, lambda x, key: x + (CALLS.normal() if key is None else 0))


def noise_beside_the_key(shape, outputs, *, rngs):
    return Of(shape, outputs, rngs, lambda x, key: x if key is None else x + CALLS.normal())


class Forgetful(Dropout):
    """Drops the same, whatever the key."""

    def __call__(self, x, key):
        return super().__call__(x, None if key is None else jax.random.key(3))


def one_mask(shape, outputs, *, dropout: Scalar | None = None, rngs):
    return Layers(shape, outputs, rngs) if dropout is None else _Dropping(shape, outputs, rngs, Forgetful(dropout))


class _Dropping(Layers):
    def __init__(self, shape, outputs, rngs, dropout):
        super().__init__(shape, outputs, rngs)
        self.dropout = dropout

    def inside(self, x, key):
        return self.dropout(super().inside(x, key), key)


def centred_over_the_batch(shape, outputs, *, rngs):
    return Of(shape, outputs, rngs, lambda x, key: x - x.mean(0, keepdims=True))


def small_differences(shape, outputs, *, rngs):
    return Of(shape, outputs, rngs, lambda x, key: (x + 100) - 100)


def traced_otherwise(shape, outputs, *, rngs):
    return Of(shape, outputs, rngs, lambda x, key: x if isinstance(x, Tracer) else 2 * x)


def constant_number(shape, outputs, *, scale: float = 1.0, rngs):
    return Of(shape, outputs, rngs, lambda x, key: scale * x)


def branches(shape, outputs, *, scale: Scalar = 1.0, rngs):
    return Layers(shape, outputs, rngs) if scale > 0.5 else Of(shape, outputs, rngs, lambda x, key: 0.5 * x)


class _Scaled(Layers):
    def __init__(self, shape, outputs, rngs, scale):
        super().__init__(shape, outputs, rngs)
        self.scale = Rate(jnp.asarray(scale, jnp.float32))


def ignores_its_number(shape, outputs, *, scale: Scalar = 1.0, rngs):
    return _Scaled(shape, outputs, rngs, scale)


def stops_the_gradient(shape, outputs, *, rngs):
    return Of(shape, outputs, rngs, lambda x, key: jax.lax.stop_gradient(x))


class _Anonymous(Layers):
    def __init__(self, shape, outputs, rngs):
        super().__init__(shape, outputs, rngs)
        self.mystery = nnx.Param(jax.random.normal(rngs.params(), (8, 2, 8)))

    def inside(self, x, key):
        return super().inside(x, key) @ self.mystery[...].sum(1)


def of_unknown_role(shape, outputs, *, rngs):
    return _Anonymous(shape, outputs, rngs)


BROKEN = {
    "output_shape": Broken(one_output_too_many),
    "parameters_at_first": Broken(of_no_seed),
    "deterministic_without_key": Broken(noise_without_key, also=("batch_of_one", "compiled_model")),
    "same_with_same_key": Broken(noise_beside_the_key),
    "dropout_needs_key": Broken(one_mask),
    "batch_of_one": Broken(centred_over_the_batch),
    "in_bfloat16": Broken(small_differences),
    "compiled_model": Broken(traced_otherwise),
    "model_scalars_traced": Broken(constant_number),
    "model_numbers_bite": Broken(ignores_its_number),
    "gradient_reaches_all": Broken(stops_the_gradient),
    "roles_are_known": Broken(of_unknown_role),
}
WIDE = {"model_scalars_traced": Broken(branches)}
