"""The oracles of the rules that find their learning rate from a distance, in float64 NumPy, of all arrays together."""

import numpy as np
from oracle_problem import Whole


def in_one(rule):
    """The oracle of all arrays of a rule for one vector: (x, gradients, numbers) -> its points."""

    def whole(x, grads, **numbers):
        shapes = {name: np.shape(p) for name, p in x.items()}
        cuts = np.cumsum([int(np.prod(shape)) for shape in shapes.values()])[:-1]
        flat = lambda tree: np.concatenate([np.ravel(tree[name]) for name in shapes])  # noqa: E731
        for point in rule(flat(x), [flat(g) for g in grads], **numbers):
            parts = np.split(point, cuts)
            yield {name: part.reshape(shapes[name]) for name, part in zip(shapes, parts, strict=True)}

    return whole


def numpy_dog(x, grads, learning_rate, r0, eps):
    """Ivgi, Hinder & Carmon 2023: DoG, with the first r of the authors' code."""
    start, r, G = x, r0 * (1 + np.linalg.norm(x)), eps
    for g in grads:
        r = max(r, np.linalg.norm(x - start))
        G = G + g @ g
        x = x - learning_rate * r / np.sqrt(G) * g
        yield x


def numpy_dowg(x, grads, learning_rate, r0, eps):
    """Khaled, Mishchenko & Jin 2023: DoWG; eps outside of the root."""
    start, squared, v = x, r0**2, 0.0
    for g in grads:
        squared = max(squared, np.sum((x - start) ** 2))
        v = v + squared * (g @ g)
        x = x - learning_rate * squared / (np.sqrt(v) + eps) * g
        yield x


def numpy_prodigy(x, grads, learning_rate, b1, b2, eps, weight_decay, d0, d_coef, growth, b3=None, **switches):
    """Mishchenko & Defazio 2024: Prodigy for Adam; growth as in the authors' code, where the first is free."""
    b3 = np.sqrt(b2) if b3 is None else b3
    start, d, d_max, m, v, r, s = x, d0, d0, 0 * x, 0 * x, 0.0, 0 * x
    for t, g in enumerate(grads, start=1):
        corrected = np.sqrt(1 - b2**t) / (1 - b1**t) if switches.get("bias_correction") else 1.0
        step = d * learning_rate * corrected
        m = b1 * m + (1 - b1) * d * g
        v = b2 * v + (1 - b2) * d**2 * g**2
        r = b3 * r + d * step * (g @ (start - x))
        s = b3 * s + d * (d if switches.get("safeguard_warmup") else step) * g
        d_hat = d_coef * r / np.sum(np.abs(s))
        d_max = max(d_max, d_hat)
        d = min(d_max, (max(d, d_hat) if d == d0 else d) * (np.inf if growth is None else growth))
        x = x - step * m / (np.sqrt(v) + d * eps) - step * weight_decay * x
        yield x


def numpy_dadapt_adam(x, grads, learning_rate, b1, b2, eps, weight_decay, d0, growth, bias_correction=True):
    """Defazio & Mishchenko 2023, D-Adapt Adam, with the √v of the authors' code in r: that before the gradient."""
    d, m, v, r, s, root = d0, 0 * x, 0 * x, 0.0, 0 * x, np.sqrt(b2)
    for t, g in enumerate(grads, start=1):
        step = d * learning_rate * (np.sqrt(1 - b2**t) / (1 - b1**t) if bias_correction else 1.0)
        r = root * r + (1 - root) * step * (g @ (s / (np.sqrt(v) + eps)))
        m = b1 * m + (1 - b1) * step * g
        v = b2 * v + (1 - b2) * g**2
        s = root * s + (1 - root) * step * g
        d_hat = r / ((1 - root) * np.sum(np.abs(s)))
        d = max(d, d_hat if growth is None else min(d_hat, growth * d))
        x = x - m / (np.sqrt(v) + eps) - step * weight_decay * x
        yield x


DISTANCE = {"learning_rate": 0.7, "r0": 0.1, "eps": 30.0}
MOMENTS = {"learning_rate": 0.7, "b1": 0.8, "b2": 0.95, "eps": 0.1, "weight_decay": 0.5}
PRODIGY = {**MOMENTS, "d0": 0.01, "d_coef": 0.9, "growth": 1.3, "b3": 0.8}
RULES = {
    "dog": (Whole(in_one(numpy_dog)), DISTANCE),
    "dowg": (Whole(in_one(numpy_dowg)), DISTANCE),
    "prodigy": (Whole(in_one(numpy_prodigy)), PRODIGY),
    "dadapt_adam": (Whole(in_one(numpy_dadapt_adam)), {**MOMENTS, "d0": 0.01, "growth": 1.3}),
}
ADAM = {"learning_rate": 1.0, "b1": 0.9, "b2": 0.999, "eps": 1e-8, "weight_decay": 0.0, "d0": 1e-6, "growth": None}
DEFAULTS = {
    "dog": {"learning_rate": 1.0, "r0": 1e-6, "eps": 1e-8},
    "dowg": {"learning_rate": 1.0, "r0": 1e-2, "eps": 1e-4},
    "prodigy": {**ADAM, "b3": None, "d_coef": 1.0},
    "dadapt_adam": ADAM,
}
