"""The oracles of the rules with little state, from their papers, in float64 NumPy: adafactor, sm3, bcos."""

import itertools

import numpy as np


def rms(x):
    return np.sqrt(np.mean(np.square(x)))


def numpy_adafactor(
    x, grads, learning_rate, power, clip, eps, min_scale, weight_decay, factor_from=1, convention="paper"
):
    """Shazeer & Stern 2018, algorithms 4 and 5, in their sums; torch's floors and Optax's axes by convention."""
    rows, columns, whole = 0.0, 0.0, 0.0
    order = np.argsort(x.shape, kind="stable") if convention == "optax" else range(x.ndim)
    last = [*order][-2:]
    factored = x.ndim >= 2 and min(x.shape[axis] for axis in last) >= factor_from
    floor, added = (eps, 0.0) if convention == "torch" else (0.0, eps)
    for t, g in enumerate(grads, start=1):
        b2 = 1 - t**-power
        square = g**2 + added
        if factored:
            n, m = (x.shape[axis] for axis in last)
            square = np.moveaxis(square, last, (-2, -1))
            rows = b2 * rows + (1 - b2) * square @ np.ones(m)
            columns = b2 * columns + (1 - b2) * np.ones(n) @ square
            total = np.maximum(rows @ np.ones(n), floor * n * m)[..., None, None]
            v = np.moveaxis(rows[..., :, None] * columns[..., None, :] / total, (-2, -1), last)
        else:
            v = whole = b2 * whole + (1 - b2) * square
        u = g / np.maximum(np.sqrt(v), floor)
        u = u / max(1.0, rms(u) / clip)
        rho = learning_rate if convention == "optax" else min(learning_rate, 1 / np.sqrt(t))
        x = x - rho * max(min_scale, rms(x)) * u - learning_rate * weight_decay * x
        yield x


def numpy_sm3(x, grads, learning_rate, momentum):
    """Anil et al. 2019, SM3-II, one coordinate at a time; covers are all slices of all axes, and of a scalar itself."""
    entries = [*itertools.product(*map(range, x.shape))]
    covers_of = {i: [(axis, k) for axis, k in enumerate(i)] or [()] for i in entries}
    mu = {cover: 0.0 for covers in covers_of.values() for cover in covers}
    m = np.zeros_like(x)
    for g in grads:
        nu, now = {}, dict.fromkeys(mu, 0.0)
        step = np.zeros_like(x)
        for i in entries:
            nu[i] = min(mu[cover] for cover in covers_of[i]) + g[i] ** 2
            step[i] = g[i] / np.sqrt(nu[i]) if nu[i] > 0 else 0.0
            for cover in covers_of[i]:
                now[cover] = max(now[cover], nu[i])
        mu = now
        m = momentum * m + (1 - momentum) * step
        x = x - learning_rate * m
        yield x


def numpy_bcos(x, grads, learning_rate, momentum, eps, weight_decay, estimator="simple"):
    """Jiang & Xiao 2025, algorithm 4; m₀ is the first gradient, as in the appendix. full: as in the authors' code."""
    m = grads[0]
    for g in grads:
        beta2 = 1 - (1 - momentum) ** 2
        v = beta2 * m**2 + (1 - beta2) * g**2
        if estimator == "full":
            b = momentum
            v = (3 * b**2 - 2 * b**3) * m**2 + (1 - b) ** 2 * g**2 + 2 * b * (1 - b) ** 2 * m * g
        m = momentum * m + (1 - momentum) * g
        x = (1 - learning_rate * weight_decay) * x - learning_rate * m / (np.sqrt(v) + eps)
        yield x


ADAFACTOR = {"learning_rate": 0.3, "power": 0.6, "clip": 0.7, "eps": 0.01, "min_scale": 1.1, "weight_decay": 0.05}
RULES = {
    "adafactor": (numpy_adafactor, ADAFACTOR),
    "sm3": (numpy_sm3, {"learning_rate": 0.1, "momentum": 0.7}),
    "bcos": (numpy_bcos, {"learning_rate": 0.1, "momentum": 0.7, "eps": 1e-2, "weight_decay": 0.3}),
}
DEFAULTS = {
    "adafactor": {
        "learning_rate": 1e-2,
        "power": 0.8,
        "clip": 1.0,
        "eps": 1e-30,
        "min_scale": 1e-3,
        "weight_decay": 0.0,
    },
    "sm3": {"learning_rate": 0.1, "momentum": 0.9},
    "bcos": {"learning_rate": 2e-3, "momentum": 0.9, "eps": 1e-6, "weight_decay": 0.1},
}
SHRINKS = {"bcos": 1 - 0.1 * 0.1}
CONVENTIONS = {
    ("adafactor", "torch"): (numpy_adafactor, {**ADAFACTOR, "eps": 0.3}),
    ("adafactor", "optax"): (numpy_adafactor, {**ADAFACTOR, "factor_from": 3}),
    ("adafactor", "keras"): RULES["adafactor"],
}
