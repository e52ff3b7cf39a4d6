"""Graphs that the drawings share."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from padl.backprop import formula, trace

SIGMOID = "1 / (1 + exp(-(w1*x1 + w2*x2 + b)))"
LONG = "x*x + x^3 + max(x, 2) - 2*x / sqrt(y) + (2*3)*x + softplus(x*y)*tanh(w*y + log(y)/w) - sin(x)*w"


@pytest.fixture(scope="session")
def product():
    return formula("(x + y) * z", x=-2, y=5, z=-4)


@pytest.fixture(scope="session")
def sigmoid():
    return formula(SIGMOID, w1=2, x1=-1, w2=-3, x2=-2, b=-3)


@pytest.fixture(scope="session")
def long():
    return formula(LONG, x=3, y=2, w=0.3)


@pytest.fixture(scope="session")
def arrays():
    letters = np.random.default_rng(0)
    weights = {"w": letters.normal(size=(3, 4)), "b": np.zeros(4), "v": letters.normal(size=(4, 1))}
    weights = jax.tree.map(np.float32, weights)
    layer = lambda p, x: jnp.sum(jnp.tanh(x @ p["w"] + p["b"][None, :]) @ p["v"]) ** 2  # noqa: E731
    return trace(layer, weights, np.ones((2, 3), np.float32))
