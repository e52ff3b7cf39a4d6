"""The oracle of every optimizer: its rule in float64 NumPy, written from the lecture (gd to adam) or the paper.

Each yields the parameters of one array after each step; a rule over all arrays together is a `Whole`, of dicts. RULES
is by the name of the optimizer: its rule, and hyperparameters at which to compare. DEFAULTS states the defaults of its
numbers once more. A new optimizer needs an entry in both, here or in a file of its family that is joined below.
SHRINKS is what a step without a gradient leaves of a parameter, by default and at learning_rate=0.1, where not all.
CONVENTIONS are the rules that a library computes otherwise, by the names of both; their oracles take `convention`.
"""

import numpy as np
import rules_adaptive
import rules_averaged_descent
import rules_descent
import rules_distance
import rules_factored
import rules_hessian
import rules_kronecker
import rules_max_moments
import rules_mixtures
import rules_muon
import rules_muon_presets
import rules_nesterov_moments
import rules_norm_balls
import rules_norms
import rules_polyak
import rules_projected
import rules_psgd
import rules_quasi_newton
import rules_signs
import rules_stable_moments
import rules_variance
import rules_wrappers

FAMILIES = (
    rules_adaptive,
    rules_descent,
    rules_distance,
    rules_factored,
    rules_hessian,
    rules_averaged_descent,
    rules_kronecker,
    rules_max_moments,
    rules_mixtures,
    rules_muon,
    rules_muon_presets,
    rules_nesterov_moments,
    rules_norm_balls,
    rules_norms,
    rules_projected,
    rules_psgd,
    rules_polyak,
    rules_quasi_newton,
    rules_signs,
    rules_stable_moments,
    rules_variance,
    rules_wrappers,
)


def numpy_sgd(x, grads, learning_rate):
    for g in grads:
        x = x - learning_rate * g
        yield x


def numpy_momentum(x, grads, learning_rate, momentum, convention="paper"):  # all are one for a constant rate
    v = np.zeros_like(x)
    for g in grads:
        v = momentum * v + g
        x = x - learning_rate * v
        yield x


def numpy_nesterov(x, grads, learning_rate, momentum, convention="paper"):  # likewise
    v = np.zeros_like(x)  # the lecture's velocity, which contains -learning_rate
    for g in grads:
        before, v = v, momentum * v - learning_rate * g
        x = x + v + momentum * (v - before)
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


def numpy_adamw_keras(x, grads, learning_rate, b1, b2, eps, convention, weight_decay=0.0):
    """Kingma & Ba 2015, the α_t and ε̂ at the end of section 2, as in Keras 3, which decays before the step."""
    m, v = np.zeros_like(x), np.zeros_like(x)
    for t, g in enumerate(grads, start=1):
        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        alpha = learning_rate * np.sqrt(1 - b2**t) / (1 - b1**t)
        x = x - learning_rate * weight_decay * x - alpha * m / (np.sqrt(v) + eps)
        yield x


MOMENTS = {"b1": 0.8, "b2": 0.95, "eps": 1e-3}
RULES = {  # eps is large enough to show where it stands
    "sgd": (numpy_sgd, {"learning_rate": 0.1}),
    "gd": (numpy_sgd, {"learning_rate": 0.1}),
    "momentum": (numpy_momentum, {"learning_rate": 0.1, "momentum": 0.7}),
    "nesterov": (numpy_nesterov, {"learning_rate": 0.1, "momentum": 0.7}),
    "adam": (numpy_adamw, {"learning_rate": 0.1, **MOMENTS}),
    "adamw": (numpy_adamw, {"learning_rate": 0.1, **MOMENTS, "weight_decay": 0.3}),
    "adamc": (numpy_adamw, {"learning_rate": 0.1, **MOMENTS, "weight_decay": 0.3}),  # at its peak; see test_decay.py
}
DEFAULTS = {
    "sgd": {"learning_rate": 1e-2},
    "gd": {"learning_rate": 1e-1},
    "momentum": {"learning_rate": 1e-2, "momentum": 0.9},
    "nesterov": {"learning_rate": 1e-2, "momentum": 0.9},
    "adam": {"learning_rate": 1e-3, "b1": 0.9, "b2": 0.999, "eps": 1e-8},
    "adamw": {"learning_rate": 1e-3, "b1": 0.9, "b2": 0.999, "eps": 1e-8, "weight_decay": 1e-2},
    "adamc": {"learning_rate": 1e-3, "b1": 0.9, "b2": 0.999, "eps": 1e-8, "weight_decay": 1e-2},
}
SHRINKS = {"adamw": 1 - 0.1 * 1e-2, "adamc": 1 - 0.1 * 1e-2}
CONVENTIONS = {
    ("momentum", "keras"): RULES["momentum"],  # the same for a constant learning rate; see test_descent_rules.py
    ("nesterov", "keras"): RULES["nesterov"],
    ("adam", "keras"): (numpy_adamw_keras, {"learning_rate": 0.1, **MOMENTS}),
    ("adamw", "keras"): (numpy_adamw_keras, {"learning_rate": 0.1, **MOMENTS, "weight_decay": 0.3}),
}
for family in FAMILIES:
    RULES |= family.RULES
    DEFAULTS |= family.DEFAULTS
    SHRINKS |= getattr(family, "SHRINKS", {})
    CONVENTIONS |= getattr(family, "CONVENTIONS", {})
