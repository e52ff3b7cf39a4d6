"""Oracles in float64 NumPy of laprop, adopt, stableadamw and adam_atan2."""

import numpy as np


def numpy_laprop(x, grads, learning_rate, b1, b2, eps):
    """Ziyin et al. 2020, algorithm 1, with μ = b1, ν = b2."""
    n, m = np.zeros_like(x), np.zeros_like(x)
    for t, g in enumerate(grads, start=1):
        n = b2 * n + (1 - b2) * g**2
        m = b1 * m + (1 - b1) * g / (np.sqrt(n / (1 - b2**t)) + eps)
        x = x - learning_rate * m / (1 - b1**t)
        yield x


def numpy_adopt(x, grads, learning_rate, b1, b2, eps, weight_decay):
    """Taniguchi et al. 2024, the authors' code at its clip t^(1/4); decay as Loshchilov & Hutter 2019, algorithm 2."""
    m, v = np.zeros_like(x), grads[0] ** 2
    x = x - learning_rate * weight_decay * x
    yield x
    for t, g in enumerate(grads[1:], start=1):
        m = b1 * m + (1 - b1) * np.clip(g / np.maximum(np.sqrt(v), eps), -(t**0.25), t**0.25)
        x = x - learning_rate * (m + weight_decay * x)
        v = b2 * v + (1 - b2) * g**2
        yield x


def numpy_stableadamw(x, grads, learning_rate, b1, b2, eps, weight_decay):
    """Wortsman et al. 2023, algorithm 2: its v is the mean, its u the mean of squares."""
    v, u = np.zeros_like(x), np.zeros_like(x)
    for t, g in enumerate(grads, start=1):
        beta1 = b1 * (1 - b1 ** (t - 1)) / (1 - b1**t)
        beta2 = b2 * (1 - b2 ** (t - 1)) / (1 - b2**t)
        v = beta1 * v + (1 - beta1) * g
        u = beta2 * u + (1 - beta2) * g**2
        rms = np.sqrt(np.mean(g**2 / np.maximum(u, eps**2)))
        eta = learning_rate / max(1, rms)
        x = x - eta * weight_decay * x - eta * v / (np.sqrt(u) + eps)
        yield x


def numpy_adam_atan2(x, grads, learning_rate, b1, b2, a, b, weight_decay):
    """Kingma & Ba 2015, algorithm 1, with the quotient of Everett et al. 2024."""
    m, v = np.zeros_like(x), np.zeros_like(x)
    for t, g in enumerate(grads, start=1):
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        angle = np.arctan2(m / (1 - b1**t), b * np.sqrt(v / (1 - b2**t)))
        x = x - learning_rate * (a * angle + weight_decay * x)
        yield x


MOMENTS = {"learning_rate": 0.1, "b1": 0.8, "b2": 0.95}
RULES = {
    "laprop": (numpy_laprop, {**MOMENTS, "eps": 1e-2}),
    "adopt": (numpy_adopt, {**MOMENTS, "eps": 0.1, "weight_decay": 0.3}),
    "stableadamw": (numpy_stableadamw, {**MOMENTS, "eps": 0.1, "weight_decay": 0.3}),
    "adam_atan2": (numpy_adam_atan2, {**MOMENTS, "a": 1.3, "b": 0.7, "weight_decay": 0.3}),
}
DEFAULTS = {
    "laprop": {"learning_rate": 4e-4, "b1": 0.9, "b2": 0.999, "eps": 1e-15},
    "adopt": {"learning_rate": 1e-3, "b1": 0.9, "b2": 0.9999, "eps": 1e-6, "weight_decay": 0.0},
    "stableadamw": {"learning_rate": 2e-3, "b1": 0.9, "b2": 0.99, "eps": 1e-6, "weight_decay": 0.2},
    "adam_atan2": {"learning_rate": 1e-3, "b1": 0.9, "b2": 0.999, "a": 1.0, "b": 1.0, "weight_decay": 0.0},
}
SHRINKS = {"stableadamw": 1 - 0.1 * 0.2}
