"""The oracles of the schedule-free rules in float64 NumPy, of one array; x, y and z are kept apart. trained, judged."""

import numpy as np
from oracle_problem import Whole, loss_elsewhere
from rules_distance import in_one


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


def numpy_plus(x, grads, learning_rate, b1, b2, eps, weight_decay, momentum, momentum_end, momentum_steps, **numbers):
    """The authors' adamc_schedulefree_plus_paper.py, of one vector; yields (y, x)."""
    y = z = x
    m = v = 0 * x
    norm, total, peak, rho = 0.0, 0.0, 0.0, numbers["norm_decay"]
    for k, g in enumerate(grads):
        done = min(k / momentum_steps, 1)
        beta = 1 - np.exp(np.log(1 - momentum) * (1 - done) + np.log(1 - momentum_end) * done)
        norm = rho * norm + (1 - rho) * np.abs(g).sum() * np.sqrt(np.pi / 2)
        polyak = max(0, loss_elsewhere(g, y) + beta * (g @ (z - x))) / (norm / (1 - rho ** (k + 1)))
        step = learning_rate * polyak
        peak, c = max(peak, step), 1.0
        if k >= numbers["average_from"]:
            weight = (k + 1) ** numbers["step_power"] * peak ** numbers["rate_power"]
            total += weight
            c = weight / total
        z = z - step**2 * weight_decay * y
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        z = z - step * m / (1 - b1 ** (k + 1)) / (np.sqrt(v / (1 - b2 ** (k + 1))) + eps)
        x = (1 - c) * x + c * z
        y = beta * x + (1 - beta) * z
        yield y, x


def plus_trained(x, grads, **numbers):
    yield from (y for y, _ in numpy_plus(x, grads, **numbers))


def plus_judged(x, grads, **numbers):
    yield from (x for _, x in numpy_plus(x, grads, **numbers))


SGD = {"learning_rate": 0.1, "momentum": 0.7, "weight_decay": 0.3, "step_power": 1.5, "rate_power": 2.0}
ADAM = {**SGD, "b2": 0.95, "eps": 1e-3}
DEFAULT = {"momentum": 0.9, "weight_decay": 0.0, "step_power": 0.0, "rate_power": 2.0}
PLUS = {
    **ADAM,
    "learning_rate": 1.5,
    "b1": 0.8,
    "momentum_end": 0.9,
    "momentum_steps": 6.0,
    "norm_decay": 0.6,
    "average_from": 3.0,
}
RULES = {
    "schedule_free_sgd": (trained, SGD),
    "schedule_free_adamw": (trained, ADAM),
    "schedule_free_plus": (Whole(in_one(plus_trained)), PLUS),
}
JUDGED = {
    "schedule_free_sgd": judged,
    "schedule_free_adamw": judged,
    "schedule_free_plus": Whole(in_one(plus_judged)),
}
DEFAULTS = {
    "schedule_free_sgd": {"learning_rate": 1.0, **DEFAULT},
    "schedule_free_adamw": {"learning_rate": 2.5e-3, "b2": 0.999, "eps": 1e-8, **DEFAULT},
    "schedule_free_plus": {
        **DEFAULT,
        **{"learning_rate": 1.0, "b1": 0.9, "b2": 0.95, "eps": 1e-8, "momentum_end": 0.965},
        **{"momentum_steps": 0.0, "norm_decay": 0.0, "average_from": 0.0},
    },
}
