"""Oracles in float64 NumPy of adabelief, yogi and radam."""

import numpy as np


def numpy_adabelief(x, grads, learning_rate, b1, b2, eps):
    """Zhuang et al. 2020, algorithm 2."""
    m, s = np.zeros_like(x), np.zeros_like(x)
    for t, g in enumerate(grads, start=1):
        m = b1 * m + (1 - b1) * g
        s = b2 * s + (1 - b2) * (g - m) ** 2 + eps
        m_hat, s_hat = m / (1 - b1**t), s / (1 - b2**t)
        x = x - learning_rate * m_hat / (np.sqrt(s_hat) + eps)
        yield x


def numpy_yogi(x, grads, learning_rate, b1, b2, eps, initial):
    """Zaheer et al. 2018, algorithm 2."""
    m, v = np.zeros_like(x), np.full_like(x, initial)
    for g in grads:
        m = b1 * m + (1 - b1) * g
        v = v - (1 - b2) * np.sign(v - g**2) * g**2
        x = x - learning_rate * m / (np.sqrt(v) + eps)
        yield x


def numpy_yogi_optax(x, grads, learning_rate, b1, b2, eps, initial, convention):
    """Optax 0.2.8: both moments begin at `initial`, and both are corrected as those of Adam, which begin at 0."""
    m, v = np.full_like(x, initial), np.full_like(x, initial)
    for t, g in enumerate(grads, start=1):
        m = b1 * m + (1 - b1) * g
        v = v - (1 - b2) * np.sign(v - g**2) * g**2
        x = x - learning_rate * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + eps)
        yield x


def numpy_radam(x, grads, learning_rate, b1, b2, eps, convention="paper"):
    """Liu et al. 2020, algorithm 2; eps as in the authors' code; torch 2.13; Optax 0.2.8."""
    m, v = np.zeros_like(x), np.zeros_like(x)
    rho_inf = 2 / (1 - b2) - 1
    for t, g in enumerate(grads, start=1):
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        m_hat = m / (1 - b1**t)
        rho = rho_inf - 2 * t * b2**t / (1 - b2**t)
        if rho > (4 if convention == "paper" else 5):
            r = np.sqrt((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho))
            after = np.sqrt(v / (1 - b2**t)) + eps
            before = (np.sqrt(v) + eps) / np.sqrt(1 - b2**t)
            x = x - learning_rate * r * m_hat / (after if convention == "optax" else before)
        else:
            x = x - learning_rate * m_hat
        yield x


MOMENTS = {"learning_rate": 0.1, "b1": 0.8, "b2": 0.95, "eps": 1e-3}
RULES = {
    "adabelief": (numpy_adabelief, MOMENTS),
    "yogi": (numpy_yogi, {**MOMENTS, "initial": 0.1}),
    "radam": (numpy_radam, MOMENTS),
}
DEFAULTS = {
    "adabelief": {"learning_rate": 1e-3, "b1": 0.9, "b2": 0.999, "eps": 1e-16},
    "yogi": {"learning_rate": 1e-2, "b1": 0.9, "b2": 0.999, "eps": 1e-3, "initial": 1e-6},
    "radam": {"learning_rate": 1e-3, "b1": 0.9, "b2": 0.999, "eps": 1e-8},
}
CONVENTIONS = {
    ("yogi", "optax"): (numpy_yogi_optax, {**MOMENTS, "initial": 0.1}),
    ("radam", "torch"): (numpy_radam, MOMENTS),
    ("radam", "optax"): (numpy_radam, MOMENTS),
}
