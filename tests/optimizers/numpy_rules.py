"""The oracle of every optimizer: its rule in float64 NumPy, written from the lecture (gd to adam) or the paper.

Each yields the parameters of one array after each step; a rule over all arrays together is a `Whole`, of dicts. RULES
is by the name of the optimizer: its rule, and hyperparameters at which to compare. DEFAULTS states the defaults of its
numbers once more. A new optimizer needs an entry in both, here or in a file of its family that is joined below.
"""

import numpy as np
import rules_wrappers


def numpy_sgd(x, grads, learning_rate):
    for g in grads:
        x = x - learning_rate * g
        yield x


def numpy_momentum(x, grads, learning_rate, momentum):
    v = np.zeros_like(x)
    for g in grads:
        v = momentum * v + g
        x = x - learning_rate * v
        yield x


def numpy_nesterov(x, grads, learning_rate, momentum):
    v = np.zeros_like(x)  # the lecture's velocity, which contains -learning_rate
    for g in grads:
        before, v = v, momentum * v - learning_rate * g
        x = x + v + momentum * (v - before)
        yield x


def numpy_adagrad(x, grads, learning_rate, eps):
    scale_factor = np.zeros_like(x)
    for g in grads:
        scale_factor = scale_factor + g * g
        x = x - learning_rate * g / (np.sqrt(scale_factor) + eps)
        yield x


def numpy_rmsprop(x, grads, learning_rate, decay, eps):
    scale_factor = np.zeros_like(x)
    for g in grads:
        scale_factor = decay * scale_factor + (1 - decay) * g * g
        x = x - learning_rate * g / (np.sqrt(scale_factor) + eps)
        yield x


def numpy_adadelta(x, grads, learning_rate, decay, eps):
    """Zeiler 2012, algorithm 1, in its own RMS[·] = √(E[·²] + eps)."""
    of_g, of_step = np.zeros_like(x), np.zeros_like(x)
    for g in grads:
        of_g = decay * of_g + (1 - decay) * g**2
        step = -np.sqrt(of_step + eps) / np.sqrt(of_g + eps) * g
        of_step = decay * of_step + (1 - decay) * step**2
        x = x + learning_rate * step
        yield x


def numpy_adamw(x, grads, learning_rate, b1, b2, eps, weight_decay=0.0):
    """Kingma & Ba 2015, algorithm 1, and line 12 of Loshchilov & Hutter 2019, algorithm 2, with α = 1."""
    m, v = np.zeros_like(x), np.zeros_like(x)
    for t, g in enumerate(grads, start=1):
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        m_hat, v_hat = m / (1 - b1**t), v / (1 - b2**t)
        x = x - learning_rate * (m_hat / (np.sqrt(v_hat) + eps) + weight_decay * x)
        yield x


def numpy_nadam(x, grads, learning_rate, b1, b2, eps, momentum_decay):
    """Dozat 2016, algorithm 2, with the μ of its section 3.1."""
    m, v = np.zeros_like(x), np.zeros_like(x)
    mu = [b1 * (1 - 0.5 * 0.96 ** (t * momentum_decay)) for t in range(len(grads) + 2)]
    for t, g in enumerate(grads, start=1):
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        m_hat = mu[t + 1] * m / (1 - np.prod(mu[1 : t + 2])) + (1 - mu[t]) * g / (1 - np.prod(mu[1 : t + 1]))
        x = x - learning_rate * m_hat / (np.sqrt(v / (1 - b2**t)) + eps)
        yield x


MOMENTS = {"b1": 0.8, "b2": 0.95, "eps": 1e-3}
RULES = {  # eps is large enough to show where it stands
    "sgd": (numpy_sgd, {"learning_rate": 0.1}),
    "gd": (numpy_sgd, {"learning_rate": 0.1}),
    "momentum": (numpy_momentum, {"learning_rate": 0.1, "momentum": 0.7}),
    "nesterov": (numpy_nesterov, {"learning_rate": 0.1, "momentum": 0.7}),
    "adagrad": (numpy_adagrad, {"learning_rate": 0.1, "eps": 1e-3}),
    "rmsprop": (numpy_rmsprop, {"learning_rate": 0.1, "decay": 0.8, "eps": 1e-3}),
    "adadelta": (numpy_adadelta, {"learning_rate": 0.5, "decay": 0.8, "eps": 1e-3}),
    "adam": (numpy_adamw, {"learning_rate": 0.1, **MOMENTS}),
    "adamw": (numpy_adamw, {"learning_rate": 0.1, **MOMENTS, "weight_decay": 0.3}),
    "nadam": (numpy_nadam, {"learning_rate": 0.1, **MOMENTS, "momentum_decay": 0.5}),
}
DEFAULTS = {
    "sgd": {"learning_rate": 1e-2},
    "gd": {"learning_rate": 1e-1},
    "momentum": {"learning_rate": 1e-2, "momentum": 0.9},
    "nesterov": {"learning_rate": 1e-2, "momentum": 0.9},
    "adagrad": {"learning_rate": 1e-2, "eps": 1e-10},
    "rmsprop": {"learning_rate": 1e-3, "decay": 0.9, "eps": 1e-8},
    "adadelta": {"learning_rate": 1.0, "decay": 0.9, "eps": 1e-6},
    "adam": {"learning_rate": 1e-3, "b1": 0.9, "b2": 0.999, "eps": 1e-8},
    "adamw": {"learning_rate": 1e-3, "b1": 0.9, "b2": 0.999, "eps": 1e-8, "weight_decay": 1e-2},
    "nadam": {"learning_rate": 2e-3, "b1": 0.9, "b2": 0.999, "eps": 1e-8, "momentum_decay": 4e-3},
}
RULES |= rules_wrappers.RULES
DEFAULTS |= rules_wrappers.DEFAULTS
