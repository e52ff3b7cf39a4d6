"""Oracles in float64 NumPy of adamax and amsgrad, by their papers and by the libraries that differ."""

import numpy as np


def numpy_adamax(x, grads, learning_rate, b1, b2, eps, convention="paper"):
    """Kingma & Ba 2015, algorithm 2; eps as torch 2.13, or as Keras 3."""
    m, u = np.zeros_like(x), np.zeros_like(x)
    for t, g in enumerate(grads, start=1):
        m = b1 * m + (1 - b1) * g
        if convention == "keras":
            u = np.maximum(b2 * u, abs(g))
            x = x - learning_rate / (1 - b1**t) * m / (u + eps)
        else:
            u = np.maximum(b2 * u, abs(g) + eps)
            x = x - learning_rate / (1 - b1**t) * m / u
        yield x


def numpy_amsgrad(x, grads, learning_rate, b1, b2, eps):
    """Reddi et al. 2018, algorithm 2, and eps under the division."""
    m, v, v_hat = np.zeros_like(x), np.zeros_like(x), np.zeros_like(x)
    for g in grads:
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        v_hat = np.maximum(v_hat, v)
        x = x - learning_rate * m / (np.sqrt(v_hat) + eps)
        yield x


def numpy_amsgrad_corrected(x, grads, learning_rate, b1, b2, eps, convention):
    """torch 2.13 Adam(amsgrad=True); Optax 0.2.8 amsgrad; Keras 3 Adam(amsgrad=True)."""
    m, v, largest = np.zeros_like(x), np.zeros_like(x), np.zeros_like(x)
    for t, g in enumerate(grads, start=1):
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        if convention == "torch":
            largest = np.maximum(largest, v)
            x = x - learning_rate / (1 - b1**t) * m / (np.sqrt(largest) / np.sqrt(1 - b2**t) + eps)
        elif convention == "optax":
            largest = np.maximum(largest, v / (1 - b2**t))
            x = x - learning_rate * (m / (1 - b1**t)) / (np.sqrt(largest) + eps)
        else:
            largest = np.maximum(largest, v)
            alpha = learning_rate * np.sqrt(1 - b2**t) / (1 - b1**t)
            x = x - alpha * m / (np.sqrt(largest) + eps)
        yield x


NUMBERS = {"learning_rate": 0.1, "b1": 0.8, "b2": 0.95, "eps": 1e-2}
RULES = {"adamax": (numpy_adamax, NUMBERS), "amsgrad": (numpy_amsgrad, NUMBERS)}
DEFAULTS = {
    "adamax": {"learning_rate": 2e-3, "b1": 0.9, "b2": 0.999, "eps": 1e-8},
    "amsgrad": {"learning_rate": 1e-3, "b1": 0.9, "b2": 0.999, "eps": 1e-8},
}
CONVENTIONS = {
    ("adamax", "keras"): (numpy_adamax, NUMBERS),
    **{("amsgrad", library): (numpy_amsgrad_corrected, NUMBERS) for library in ("torch", "optax", "keras")},
}
