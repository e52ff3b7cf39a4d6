"""The oracles of the rules with one ratio of norms for each array, from their papers, in float64 NumPy."""

import numpy as np


def norm(x):
    return np.sqrt(np.sum(np.square(x)))


def numpy_novograd(x, grads, learning_rate, b1, b2, eps, weight_decay):
    """Ginsburg et al. 2019, algorithm 1; eps in its first line too."""
    for t, g in enumerate(grads, start=1):
        v = norm(g) ** 2 if t == 1 else b2 * v + (1 - b2) * norm(g) ** 2  # noqa: F821
        step = g / (np.sqrt(v) + eps) + weight_decay * x
        m = step if t == 1 else b1 * m + step  # noqa: F821
        x = x - learning_rate * m
        yield x


def numpy_fromage(x, grads, learning_rate):
    """Bernstein et al. 2020, algorithm 1."""
    for g in grads:
        x = (x - learning_rate * norm(x) / norm(g) * g) / np.sqrt(1 + learning_rate**2)
        yield x


def numpy_lars(x, grads, learning_rate, momentum, weight_decay, trust, convention="paper"):
    """You, Gitman & Ginsburg 2017, algorithm 1, with γ the learning rate, β the weight decay and η the trust."""
    v = np.zeros_like(x)
    for g in grads:
        below = norm(g) + weight_decay * norm(x) if convention == "paper" else norm(g + weight_decay * x)
        local = trust * norm(x) / below
        v = momentum * v + learning_rate * local * (g + weight_decay * x)
        x = x - v
        yield x


def numpy_lamb(x, grads, learning_rate, b1, b2, eps, weight_decay):
    """You et al. 2020, algorithm 2, with φ the identity."""
    m, v = np.zeros_like(x), np.zeros_like(x)
    for t, g in enumerate(grads, start=1):
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g * g
        r = (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + eps)
        u = r + weight_decay * x
        x = x - learning_rate * norm(x) / norm(u) * u
        yield x


LARS = {"learning_rate": 0.5, "momentum": 0.7, "weight_decay": 0.3, "trust": 0.1}
RULES = {
    "novograd": (numpy_novograd, {"learning_rate": 0.1, "b1": 0.7, "b2": 0.8, "eps": 0.1, "weight_decay": 0.3}),
    "fromage": (numpy_fromage, {"learning_rate": 0.3}),
    "lars": (numpy_lars, LARS),
    "lamb": (numpy_lamb, {"learning_rate": 0.1, "b1": 0.8, "b2": 0.95, "eps": 1e-3, "weight_decay": 0.3}),
}
DEFAULTS = {
    "novograd": {"learning_rate": 1e-2, "b1": 0.95, "b2": 0.98, "eps": 1e-8, "weight_decay": 1e-3},
    "fromage": {"learning_rate": 1e-2},
    "lars": {"learning_rate": 1.0, "momentum": 0.9, "weight_decay": 5e-4, "trust": 1e-3},
    "lamb": {"learning_rate": 1e-3, "b1": 0.9, "b2": 0.999, "eps": 1e-6, "weight_decay": 1e-2},
}


def decayed_by_momentum(rate, momentum, weight_decay, steps=20):
    """What a step leaves of a parameter, in the mean of so many, where the decay is inside the momentum."""
    x, v = 1.0, 0.0
    for _ in range(steps):
        v = momentum * v + weight_decay * x
        x = x - rate * v
    return x ** (1 / steps)


SHRINKS = {
    "novograd": decayed_by_momentum(0.1, 0.95, 1e-3),
    "lars": decayed_by_momentum(0.1, 0.9, 5e-4),
    "fromage": 1 / np.sqrt(1 + 0.1**2),
    "lamb": 1 - 0.1,
}
CONVENTIONS = {("lars", "optax"): RULES["lars"]}
