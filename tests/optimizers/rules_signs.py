"""The oracles of the sign methods, from their papers, in float64 NumPy."""

import numpy as np


def numpy_signsgd(x, grads, learning_rate):
    for g in grads:
        x = x - learning_rate * np.sign(g)
        yield x


def numpy_signum(x, grads, learning_rate, momentum):
    """Bernstein et al. 2018, algorithm 2, with δ the learning rate and m₀ = 0."""
    m = np.zeros_like(x)
    for g in grads:
        m = momentum * m + (1 - momentum) * g
        x = x - learning_rate * np.sign(m)
        yield x


def numpy_lion(x, grads, learning_rate, b1, b2, weight_decay):
    """Chen et al. 2023, algorithm 2: the step is made of the old m, which changes last."""
    m = np.zeros_like(x)
    for g in grads:
        update = np.sign(b1 * m + (1 - b1) * g)
        x = x - learning_rate * (update + weight_decay * x)
        m = b2 * m + (1 - b2) * g
        yield x


def numpy_rprop(x, grads, learning_rate, first_step, eta_minus, eta_plus, min_step, max_step, convention="paper"):
    """Riedmiller & Braun 1993, as RPROP+ in Igel & Hüsken 2003, one weight at a time; iRPROP- as in torch."""
    shape, x = np.shape(x), np.array(x).ravel()
    delta, before, moved = np.full(x.size, first_step), np.zeros(x.size), np.zeros(x.size)
    for gradient in grads:
        for i, g in enumerate(gradient.ravel()):
            if before[i] * g > 0:
                delta[i] = min(delta[i] * eta_plus, max_step)
                moved[i] = -np.sign(g) * delta[i]
                before[i] = g
            elif before[i] * g < 0:
                delta[i] = max(delta[i] * eta_minus, min_step)
                moved[i] = -moved[i] if convention == "paper" else 0.0
                before[i] = 0.0
            else:
                moved[i] = -np.sign(g) * delta[i]
                before[i] = g
        x = x + learning_rate * moved
        yield x.reshape(shape)


STEPS = {"first_step": 0.2, "eta_minus": 0.4, "eta_plus": 1.5, "min_step": 0.05, "max_step": 0.4}  # both ends are met
RULES = {
    "signsgd": (numpy_signsgd, {"learning_rate": 0.1}),
    "signum": (numpy_signum, {"learning_rate": 0.1, "momentum": 0.7}),
    "lion": (numpy_lion, {"learning_rate": 0.1, "b1": 0.6, "b2": 0.8, "weight_decay": 0.3}),
    "rprop": (numpy_rprop, {"learning_rate": 0.5, **STEPS}),
}
DEFAULTS = {
    "signsgd": {"learning_rate": 1e-3},
    "signum": {"learning_rate": 1e-3, "momentum": 0.9},
    "lion": {"learning_rate": 1e-4, "b1": 0.9, "b2": 0.99, "weight_decay": 0.0},
    "rprop": {
        "learning_rate": 1.0,
        "first_step": 0.1,
        "eta_minus": 0.5,
        "eta_plus": 1.2,
        "min_step": 1e-6,
        "max_step": 50.0,
    },
}
CONVENTIONS = {("rprop", "torch"): RULES["rprop"]}
