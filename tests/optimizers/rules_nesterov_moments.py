"""Oracles in float64 NumPy of nadam, nadamw and adan."""

import numpy as np


def numpy_nadamw(x, grads, learning_rate, b1, b2, eps, momentum_decay, weight_decay=0.0):
    """Dozat 2016, algorithm 2, with the μ of its section 3.1; decay as Loshchilov & Hutter 2019, algorithm 2."""
    m, v = np.zeros_like(x), np.zeros_like(x)
    mu = [b1 * (1 - 0.5 * 0.96 ** (t * momentum_decay)) for t in range(len(grads) + 2)]
    for t, g in enumerate(grads, start=1):
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        m_hat = mu[t + 1] * m / (1 - np.prod(mu[1 : t + 2])) + (1 - mu[t]) * g / (1 - np.prod(mu[1 : t + 1]))
        x = x - learning_rate * (m_hat / (np.sqrt(v / (1 - b2**t)) + eps) + weight_decay * x)
        yield x


def numpy_nadam_optax(x, grads, learning_rate, b1, b2, eps, convention, weight_decay=0.0):
    """Optax 0.2.8: Dozat 2016, algorithm 2, with μ = b1 at every step."""
    m, v = np.zeros_like(x), np.zeros_like(x)
    for t, g in enumerate(grads, start=1):
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        m_hat = b1 * m / (1 - b1 ** (t + 1)) + (1 - b1) * g / (1 - b1**t)
        x = x - learning_rate * (m_hat / (np.sqrt(v / (1 - b2**t)) + eps) + weight_decay * x)
        yield x


def numpy_adan(x, grads, learning_rate, b1, b2, b3, eps, weight_decay):
    """Xie et al. 2022, algorithm 1, in its own β = 1 - b; the means corrected as in the authors' code."""
    beta1, beta2, beta3 = 1 - b1, 1 - b2, 1 - b3
    m, v, n = np.zeros_like(x), np.zeros_like(x), np.zeros_like(x)
    before = grads[0]
    for k, g in enumerate(grads, start=1):
        m = (1 - beta1) * m + beta1 * g
        v = (1 - beta2) * v + beta2 * (g - before)
        n = (1 - beta3) * n + beta3 * (g + (1 - beta2) * (g - before)) ** 2
        eta = learning_rate / (np.sqrt(n / (1 - b3**k)) + eps)
        step = eta * (m / (1 - b1**k) + (1 - beta2) * v / (1 - b2**k))
        x = (x - step) / (1 + weight_decay * learning_rate)
        before = g
        yield x


MOMENTS = {"learning_rate": 0.1, "b1": 0.8, "b2": 0.95, "eps": 1e-3}
RULES = {
    "nadam": (numpy_nadamw, {**MOMENTS, "momentum_decay": 0.5}),
    "nadamw": (numpy_nadamw, {**MOMENTS, "momentum_decay": 0.5, "weight_decay": 0.3}),
    "adan": (numpy_adan, {**MOMENTS, "b2": 0.7, "b3": 0.9, "weight_decay": 0.3}),
}
DEFAULTS = {
    "nadam": {"learning_rate": 2e-3, "b1": 0.9, "b2": 0.999, "eps": 1e-8, "momentum_decay": 4e-3},
    "nadamw": {
        **{"learning_rate": 2e-3, "b1": 0.9, "b2": 0.999, "eps": 1e-8, "momentum_decay": 4e-3},
        "weight_decay": 1e-2,
    },
    "adan": {"learning_rate": 1e-3, "b1": 0.98, "b2": 0.92, "b3": 0.99, "eps": 1e-8, "weight_decay": 2e-2},
}
SHRINKS = {"nadamw": 1 - 0.1 * 1e-2, "adan": 1 / (1 + 0.1 * 2e-2)}
CONVENTIONS = {
    ("nadam", "optax"): (numpy_nadam_optax, MOMENTS),
    ("nadamw", "optax"): (numpy_nadam_optax, {**MOMENTS, "weight_decay": 0.3}),
}
