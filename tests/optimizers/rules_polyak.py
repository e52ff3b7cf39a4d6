"""The oracles of the rules whose step comes from the value of the loss, in float64 NumPy, of all arrays together."""

import numpy as np
from oracle_problem import Whole, loss_elsewhere
from rules_distance import in_one


def numpy_polyak_sgd(x, grads, learning_rate, f_min, c):
    """Loizou et al. 2021, SPS_max; 0 where the loss is below its bound, as in the authors' code."""
    for g in grads:
        x = x - min(learning_rate, max(loss_elsewhere(g, x) - f_min, 0) / (c * (g @ g))) * g
        yield x


def numpy_momo(x, grads, learning_rate, momentum, f_min, weight_decay):
    """Schaipp et al. 2024: MoMo, with the weight decay of its section on it."""
    d, mean, offset, grown = None, None, None, 1 + learning_rate * weight_decay
    for g in grads:
        f = loss_elsewhere(g, x)
        d = g if d is None else momentum * d + (1 - momentum) * g
        mean = f if mean is None else momentum * mean + (1 - momentum) * f
        offset = g @ x if offset is None else momentum * offset + (1 - momentum) * (g @ x)
        step = min(learning_rate, max(grown * (mean - f_min - offset) + d @ x, 0) / (d @ d))
        x = (x - step * d) / grown
        yield x


def numpy_momo_adam(x, grads, learning_rate, b1, b2, eps, f_min, weight_decay):
    """Schaipp et al. 2024, MoMo-Adam, as in the authors' code."""
    d, v, mean, offset, grown = 0 * x, 0 * x, 0.0, 0.0, 1 + learning_rate * weight_decay
    for t, g in enumerate(grads, start=1):
        d, v = b1 * d + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        mean = b1 * mean + (1 - b1) * loss_elsewhere(g, x)
        offset = b1 * offset + (1 - b1) * (g @ x)
        D, rho = np.sqrt(v / (1 - b2**t)) + eps, 1 - b1**t
        step = min(learning_rate / rho, max(grown * (mean - rho * f_min - offset) + d @ x, 0) / (d @ (d / D)))
        x = (x - step * d / D) / grown
        yield x


RULES = {
    "polyak_sgd": (Whole(in_one(numpy_polyak_sgd)), {"learning_rate": 5e-3, "f_min": -300.0, "c": 0.7}),
    "momo": (
        Whole(in_one(numpy_momo)),
        {"learning_rate": 0.01, "momentum": 0.7, "f_min": -300.0, "weight_decay": 20.0},
    ),
    "momo_adam": (
        Whole(in_one(numpy_momo_adam)),
        {"learning_rate": 1.0, "b1": 0.7, "b2": 0.9, "eps": 0.1, "f_min": -300.0, "weight_decay": 0.1},
    ),
}
DEFAULTS = {
    "polyak_sgd": {"learning_rate": 1.0, "f_min": 0.0, "c": 0.5},
    "momo": {"learning_rate": 1.0, "momentum": 0.9, "f_min": 0.0, "weight_decay": 0.0},
    "momo_adam": {"learning_rate": 1e-2, "b1": 0.9, "b2": 0.999, "eps": 1e-8, "f_min": 0.0, "weight_decay": 0.0},
}
