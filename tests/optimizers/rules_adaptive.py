"""The oracles of the adaptive rules, from the lecture (adagrad, rmsprop) or the papers, in float64 NumPy."""

import numpy as np


def numpy_adagrad(x, grads, learning_rate, eps, initial_sum, convention="paper"):
    scale_factor = np.full_like(x, initial_sum)
    for g in grads:
        scale_factor = scale_factor + g * g
        inside = convention in ("optax", "keras")
        x = x - learning_rate * g / (np.sqrt(scale_factor + eps) if inside else np.sqrt(scale_factor) + eps)
        yield x


def numpy_rmsprop(x, grads, learning_rate, decay, eps, momentum=None, centred=False, convention="paper"):
    """The lecture's, with torch's order of a momentum; centred and with momentum otherwise as in Graves 2013."""
    square, mean, velocity = (np.zeros_like(x) for _ in range(3))
    library = convention in ("optax", "keras")
    for g in grads:
        square = decay * square + (1 - decay) * g * g
        mean = decay * mean + (1 - decay) * g
        variance = square - mean * mean if centred else square
        scaled = g / (np.sqrt(variance + eps) if library else np.sqrt(variance) + eps)
        velocity = (momentum or 0.0) * velocity + (learning_rate * scaled if library else scaled)
        x = x - (velocity if library else learning_rate * velocity)
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


def numpy_madgrad(x, grads, learning_rate, momentum, eps):
    """Defazio & Jelassi 2021, algorithm 1, with γ the learning rate, k from 0, and c = 1 - momentum."""
    start, c = x, 1 - momentum
    s, nu = np.zeros_like(x), np.zeros_like(x)
    for k, g in enumerate(grads):
        weight = learning_rate * np.sqrt(k + 1)
        s, nu = s + weight * g, nu + weight * g * g
        z = start - s / (np.cbrt(nu) + eps)
        x = (1 - c) * x + c * z
        yield x


RMSPROP = {"learning_rate": 0.1, "decay": 0.8, "eps": 1e-3, "momentum": 0.6}
RULES = {
    "adagrad": (numpy_adagrad, {"learning_rate": 0.1, "eps": 1e-3, "initial_sum": 0.01}),
    "rmsprop": (numpy_rmsprop, RMSPROP),
    "adadelta": (numpy_adadelta, {"learning_rate": 0.5, "decay": 0.8, "eps": 1e-3}),
    "madgrad": (numpy_madgrad, {"learning_rate": 0.1, "momentum": 0.7, "eps": 1e-2}),
}
DEFAULTS = {
    "adagrad": {"learning_rate": 1e-2, "eps": 1e-10, "initial_sum": 0.0},
    "rmsprop": {"learning_rate": 1e-3, "decay": 0.9, "eps": 1e-8, "momentum": None},
    "adadelta": {"learning_rate": 1.0, "decay": 0.9, "eps": 1e-6},
    "madgrad": {"learning_rate": 1e-2, "momentum": 0.9, "eps": 1e-6},
}
CONVENTIONS = {
    ("adagrad", "optax"): RULES["adagrad"],
    ("adagrad", "keras"): RULES["adagrad"],
    ("rmsprop", "torch"): (numpy_rmsprop, {**RMSPROP, "centred": True}),
    ("rmsprop", "optax"): RULES["rmsprop"],
    ("rmsprop", "keras"): (numpy_rmsprop, {**RMSPROP, "centred": True}),
}
