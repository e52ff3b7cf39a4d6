"""The oracles of descent with memory beyond the lecture's, from their papers, in float64 NumPy."""

import numpy as np


def numpy_sgdw(x, grads, learning_rate, momentum, weight_decay):
    """Loshchilov & Hutter 2019, algorithm 1, with the schedule η = 1 and λ of it scaled by the learning rate α."""
    m = np.zeros_like(x)
    for g in grads:
        m = momentum * m + learning_rate * g
        x = x - m - learning_rate * weight_decay * x
        yield x


def numpy_qhm(x, grads, learning_rate, momentum, nu):
    """Ma & Yarats 2019, eq. 3 and 4, with α the learning rate and β the momentum."""
    buffer = np.zeros_like(x)
    for g in grads:
        buffer = momentum * buffer + (1 - momentum) * g
        x = x - learning_rate * ((1 - nu) * g + nu * buffer)
        yield x


def numpy_keras_sgd(x, grads, rates, momentum, nesterov):
    """Keras 3, SGD: a velocity of steps, each with the learning rate of its own time."""
    velocity = np.zeros_like(x)
    for g, rate in zip(grads, rates, strict=True):
        velocity = momentum * velocity - rate * g
        x = x + momentum * velocity - rate * g if nesterov else x + velocity
        yield x


RULES = {
    "sgdw": (numpy_sgdw, {"learning_rate": 0.1, "momentum": 0.7, "weight_decay": 0.3}),
    "qhm": (numpy_qhm, {"learning_rate": 0.1, "momentum": 0.8, "nu": 0.6}),
}
DEFAULTS = {
    "sgdw": {"learning_rate": 1e-2, "momentum": 0.9, "weight_decay": 1e-2},
    "qhm": {"learning_rate": 0.1, "momentum": 0.999, "nu": 0.7},
}
SHRINKS = {"sgdw": 1 - 0.1 * 1e-2}
