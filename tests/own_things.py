"""Things of a user's that several tests take."""

import jax.numpy as jnp
import numpy as np
from flax import nnx

import padl

rng = np.random.default_rng(0)
X = rng.normal(size=(40, 3)).astype(np.float32)
NUMBERS = padl.tasks.arrays(X, X @ np.array([1.0, 2.0, 3.0], np.float32))
CLASSES = padl.tasks.arrays(X, np.where(X[:, 0] > 0, "right", "left"))


class Net(nnx.Module):
    """A hidden layer with all that a model may carry: dropout, batch statistics, a counter."""

    def __init__(self, din, dout, hidden: int = 4, rate: float = 0.5, *, rngs):
        self.first = nnx.Linear(din, hidden, rngs=rngs)
        self.norm = nnx.BatchNorm(hidden, rngs=rngs)
        self.drop = nnx.Dropout(rate, rngs=rngs)
        self.last = nnx.Linear(hidden, dout, rngs=rngs)
        self.calls = nnx.Variable(jnp.zeros((), jnp.int32))

    def __call__(self, x):
        self.calls[...] += 1
        return self.last(self.drop(nnx.relu(self.norm(self.first(x)))))


def squares(predictions, targets):
    return (predictions - targets) ** 2


def mean_of_squares(predictions, targets):
    return squares(predictions, targets).mean()
