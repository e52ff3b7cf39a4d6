"""The oracles of the rules with a diagonal of the Hessian, from their papers, in float64 NumPy.

The Hessian of the problem is I/2 (`gradient_elsewhere`), which random signs estimate exactly.
"""

import numpy as np


def numpy_sophia(x, grads, learning_rate, b1, b2, gamma, eps, weight_decay, frequency):
    """Liu et al. 2023, algorithm 3, whose t is from 1, with t mod k = 1 for k > 1."""
    m, h = np.zeros_like(x), np.zeros_like(x)
    for t, g in enumerate(grads, start=1):
        m = b1 * m + (1 - b1) * g
        if t % frequency == 1:
            h = b2 * h + (1 - b2) * 0.5
        x = x - learning_rate * weight_decay * x
        x = x - learning_rate * np.clip(m / np.maximum(gamma * h, eps), -1, 1)
        yield x


def numpy_adahessian(x, grads, learning_rate, b1, b2, eps, power, weight_decay, frequency):
    """Yao et al. 2021, algorithm 1; a look at every k-th step, as in their section 4."""
    m, v, looks = np.zeros_like(x), np.zeros_like(x), 0
    for t, g in enumerate(grads, start=1):
        m = b1 * m + (1 - b1) * g
        if t % frequency == 1:
            v, looks = b2 * v + (1 - b2) * 0.5**2, looks + 1
        x = x * (1 - learning_rate * weight_decay)
        x = x - learning_rate * (m / (1 - b1**t)) / ((v / (1 - b2**looks)) ** (power / 2) + eps)
        yield x


NUMBERS = {"learning_rate": 0.1, "b1": 0.8, "b2": 0.9, "weight_decay": 0.3, "frequency": 3}
RULES = {
    "sophia": (numpy_sophia, {**NUMBERS, "gamma": 0.5, "eps": 0.04}),
    "adahessian": (numpy_adahessian, {**NUMBERS, "power": 0.7, "eps": 1e-2}),
}
DEFAULTS = {
    "sophia": {"learning_rate": 1e-3, "b1": 0.96, "b2": 0.99, "gamma": 0.01, "eps": 1e-12, "weight_decay": 0.1},
    "adahessian": {"learning_rate": 0.15, "b1": 0.9, "b2": 0.999, "eps": 1e-4, "power": 1.0, "weight_decay": 0.0},
}
SHRINKS = {"sophia": 1 - 0.1 * 0.1}
