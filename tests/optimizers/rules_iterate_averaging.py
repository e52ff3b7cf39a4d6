"""The oracles of the schedule-free rules in float64 NumPy, of one array; x, y and z are kept apart. trained, judged."""

import numpy as np


def numpy_schedule_free(x, grads, learning_rate, momentum, weight_decay, step_power, rate_power, b2=None, eps=None):
    """Defazio et al. 2024, algorithm 1, with the weights of the authors' reference code; yields (y, x).

    Args:
        b2, eps: of Adam; None is SGD.
    """
    y, z, v, total = x, x, np.zeros_like(x), 0.0
    for t, g in enumerate(grads, start=1):
        if b2 is None:
            d = g + weight_decay * y
        else:
            v = b2 * v + (1 - b2) * g**2
            d = g / (np.sqrt(v / (1 - b2**t)) + eps) + weight_decay * y
        z = z - learning_rate * d
        weight = t**step_power * learning_rate**rate_power
        total += weight
        x = (1 - weight / total) * x + weight / total * z
        y = (1 - momentum) * z + momentum * x
        yield y, x


def trained(x, grads, **numbers):
    yield from (y for y, _ in numpy_schedule_free(x, grads, **numbers))


def judged(x, grads, **numbers):
    yield from (x for _, x in numpy_schedule_free(x, grads, **numbers))


SGD = {"learning_rate": 0.1, "momentum": 0.7, "weight_decay": 0.3, "step_power": 1.5, "rate_power": 2.0}
ADAM = {**SGD, "b2": 0.95, "eps": 1e-3}
DEFAULT = {"momentum": 0.9, "weight_decay": 0.0, "step_power": 0.0, "rate_power": 2.0}
RULES = {"schedule_free_sgd": (trained, SGD), "schedule_free_adamw": (trained, ADAM)}
DEFAULTS = {
    "schedule_free_sgd": {"learning_rate": 1.0, **DEFAULT},
    "schedule_free_adamw": {"learning_rate": 2.5e-3, "b2": 0.999, "eps": 1e-8, **DEFAULT},
}
