"""The oracle of L-BFGS in float64 NumPy: the matrix of BFGS itself, of the last pairs."""

import numpy as np
from oracle_problem import Whole, gradient_elsewhere, loss_elsewhere


def numpy_lbfgs(x, grads, learning_rate, history, trials, decrease):
    """Nocedal & Wright 2006, eq. 6.17 from γ I of eq. 7.20, and a bisection for the conditions of eq. 3.6."""
    shapes = {name: (np.shape(p), np.size(p)) for name, p in x.items()}
    flat = lambda tree: np.concatenate([np.ravel(tree[name]) for name in shapes])  # noqa: E731
    cuts = np.cumsum([size for _, size in shapes.values()])[:-1]
    x, pairs, before = flat(x), [], None
    for g in map(flat, grads):
        if before is not None:
            s, y = x - before[0], g - before[1]
            if s @ y > 1e-8 * np.linalg.norm(s) * np.linalg.norm(y):
                pairs = [*pairs, (s, y)][-history:]
        H = np.eye(len(x)) * (pairs[-1][0] @ pairs[-1][1] / (pairs[-1][1] @ pairs[-1][1]) if pairs else 1)
        for s, y in pairs:
            V = np.eye(len(x)) - np.outer(y, s) / (s @ y)
            H = V.T @ H @ V + np.outer(s, s) / (s @ y)
        d, before, taken, low, high, a = H @ g, (x, g), 0.0, 0.0, np.inf, 1.0
        for _ in range(trials):
            if gradient_elsewhere(g, x - taken * d) @ d <= 0.9 * g @ d:
                break
            if loss_elsewhere(g, x - a * d) <= loss_elsewhere(g, x) - decrease * a * g @ d:
                taken = low = a
            else:
                high = a
            a = (low + high) / 2 if np.isfinite(high) else 2 * a
        x = x - learning_rate * taken * d
        parts = np.split(x, cuts)
        yield {name: part.reshape(shape) for part, (name, (shape, _)) in zip(parts, shapes.items(), strict=True)}


RULES = {
    "lbfgs": (Whole(numpy_lbfgs, rtol=1e-7), {"learning_rate": 0.9, "history": 3, "trials": 4, "decrease": 0.3}),
}
DEFAULTS = {"lbfgs": {"learning_rate": 1.0, "decrease": 1e-4}}
