"""Oracles in float64 NumPy of ademamix, simplified_ademamix, mars and adam_mini."""

import numpy as np


def numpy_ademamix(x, grads, learning_rate, b1, b2, b3, alpha, alpha_warmup, b3_warmup, eps, weight_decay):
    """Pagliardini et al. 2024, algorithm 1, with the schedulers of its section 3: T_α, T_β3."""
    m1, m2, v = np.zeros_like(x), np.zeros_like(x), np.zeros_like(x)
    for t, g in enumerate(grads, start=1):
        a = min(t * alpha / alpha_warmup, alpha)
        share = t / b3_warmup
        ramp = np.log(b1) * np.log(b3) / ((1 - share) * np.log(b3) + share * np.log(b1))
        beta3 = min(np.exp(ramp), b3) if share < 1 else b3
        m1 = b1 * m1 + (1 - b1) * g
        m2 = beta3 * m2 + (1 - beta3) * g
        v = b2 * v + (1 - b2) * g**2
        m1_hat, v_hat = m1 / (1 - b1**t), v / (1 - b2**t)
        x = x - learning_rate * ((m1_hat + a * m2) / (np.sqrt(v_hat) + eps) + weight_decay * x)
        yield x


def numpy_simplified_ademamix(x, grads, learning_rate, b1, b2, alpha, b1_warmup, eps, weight_decay):
    """Morwani et al. 2025: m sums, v averages; half-lives ln ½ / ln β - 1 on a line, as in the authors' code."""
    m, v = np.zeros_like(x), np.zeros_like(x)
    for t, g in enumerate(grads, start=1):
        share = min(t / b1_warmup, 1)
        half_life = (1 - share) * (np.log(0.5) / np.log(0.9) - 1) + share * (np.log(0.5) / np.log(b1) - 1)
        beta1 = 0.5 ** (1 / (half_life + 1))
        m = beta1 * m + g
        v = b2 * v + (1 - b2) * g**2
        v_hat = v / (1 - b2**t)
        x = x - learning_rate * ((m + alpha * g) / (np.sqrt(v_hat) + eps) + weight_decay * x)
        yield x


def numpy_mars(x, grads, learning_rate, b1, b2, gamma, eps, weight_decay):
    """Yuan et al. 2024, MARS-AdamW with the last gradient at the last parameters, 0 before the first."""
    m, v, last = np.zeros_like(x), np.zeros_like(x), np.zeros_like(x)
    for t, g in enumerate(grads, start=1):
        c = g + gamma * (b1 / (1 - b1)) * (g - last)
        length = np.sqrt(np.sum(c**2))
        if length > 1:
            c = c / length
        m = b1 * m + (1 - b1) * c
        v = b2 * v + (1 - b2) * c**2
        m_hat, v_hat = m / (1 - b1**t), v / (1 - b2**t)
        x = x - learning_rate * (weight_decay * x + m_hat / (np.sqrt(v_hat) + eps))
        last = g
        yield x


def numpy_adam_mini(x, grads, learning_rate, b1, b2, eps, weight_decay, partition="arrays"):
    """Zhang et al. 2024, algorithm 1: block by block, each with a number v; or of a partition that lists blocks."""
    blocks = (
        partition
        if isinstance(partition, list)
        else {
            "arrays": [...],
            "rows": list(range(x.shape[0])) if x.ndim else [...],
            "columns": [(..., i) for i in range(x.shape[-1])] if x.ndim else [...],
        }[partition]
    )
    x, m, v = np.array(x), np.zeros_like(x), np.zeros(len(blocks))
    for t, g in enumerate(grads, start=1):
        x *= 1 - learning_rate * weight_decay
        for i, block in enumerate(blocks):
            m[block] = (1 - b1) * g[block] + b1 * m[block]
            v[i] = (1 - b2) * np.mean(g[block] * g[block]) + b2 * v[i]
            x[block] -= learning_rate * m[block] / (1 - b1**t) / (np.sqrt(v[i] / (1 - b2**t)) + eps)
        yield x.copy()


MOMENTS = {"learning_rate": 0.1, "b1": 0.8, "b2": 0.95, "eps": 1e-3, "weight_decay": 0.3}
RULES = {
    "ademamix": (numpy_ademamix, {**MOMENTS, "b3": 0.98, "alpha": 3.0, "alpha_warmup": 7.0, "b3_warmup": 11.0}),
    "simplified_ademamix": (
        numpy_simplified_ademamix,
        {**MOMENTS, "learning_rate": 0.02, "b1": 0.97, "alpha": 3.0, "b1_warmup": 9.0},
    ),
    "mars": (numpy_mars, {**MOMENTS, "gamma": 0.3}),
    "adam_mini": (numpy_adam_mini, MOMENTS),
}
DEFAULTS = {
    "ademamix": {
        **{"learning_rate": 1e-3, "b1": 0.9, "b2": 0.999, "b3": 0.9999, "alpha": 2.0, "alpha_warmup": 0.0},
        **{"b3_warmup": 0.0, "eps": 1e-8, "weight_decay": 0.0},
    },
    "simplified_ademamix": {
        **{"learning_rate": 1e-4, "b1": 0.99, "b2": 0.95, "alpha": 0.0, "b1_warmup": 0.0, "eps": 1e-8},
        "weight_decay": 0.0,
    },
    "mars": {"learning_rate": 3e-3, "b1": 0.95, "b2": 0.99, "gamma": 0.025, "eps": 1e-8, "weight_decay": 0.0},
    "adam_mini": {"learning_rate": 1e-3, "b1": 0.9, "b2": 0.999, "eps": 1e-8, "weight_decay": 0.0},
}
