"""The oracles of Adam along singular vectors, from their papers and their authors' code, in float64 NumPy."""

import numpy as np
from matrix_oracle import FOR_ALL, by_matrix


def left_vectors(X, before):
    """With the signs of those before."""
    U = np.linalg.svd(X)[0][:, : before.shape[1]]
    return U * np.where(np.sum(U * before, 0) < 0, -1, 1)


def on_the_shorter_side(rule):
    """A rule of a matrix with fewer outputs than inputs, of any: it yields steps to be subtracted."""

    def of_any(W, grads, learning_rate, weight_decay, **numbers):
        turned = W.shape[0] >= W.shape[1]
        for step in rule([G.T for G in grads] if turned else grads, **numbers):
            W = W * (1 - learning_rate * weight_decay) - learning_rate * (step.T if turned else step)
            yield W

    return of_any


def numpy_galore(grads, b1, b2, eps, alpha, rank, frequency):
    """Zhao et al. 2024, algorithm 2."""
    P, m, v = np.eye(len(grads[0]))[:, :rank], 0, 0
    for t, G in enumerate(grads):
        P = left_vectors(G, P) if t % frequency == 0 else P
        R = P.T @ G
        m, v = b1 * m + (1 - b1) * R, b2 * v + (1 - b2) * R**2
        yield alpha * P @ (m / (1 - b1 ** (t + 1)) / (np.sqrt(v / (1 - b2 ** (t + 1))) + eps))


def numpy_conda(grads, b1, b2, eps, alpha, frequency):
    """Wang et al. 2025, as in github.com/jie040109/Conda."""
    P, m, v = np.eye(len(grads[0])), 0, 0
    for t, G in enumerate(grads):
        m = b1 * m + (1 - b1) * G
        P = left_vectors(m, P) if t % frequency == 0 else P
        v = b2 * v + (1 - b2) * (P.T @ G) ** 2
        yield alpha * np.sqrt(1 - b2 ** (t + 1)) / (1 - b1 ** (t + 1)) * P @ ((P.T @ m) / (np.sqrt(v) + eps))


NUMBERS = {"learning_rate": 0.1, "b1": 0.8, "b2": 0.9, "eps": 1e-2, "alpha": 0.5, "weight_decay": 0.3, "frequency": 3}
RULES = {
    "galore": (by_matrix(on_the_shorter_side(numpy_galore)), {**NUMBERS, "rank": 2, **FOR_ALL}),
    "conda": (by_matrix(on_the_shorter_side(numpy_conda)), {**NUMBERS, **FOR_ALL}),
}
DEFAULTS = {
    "galore": {"learning_rate": 1e-2, "b1": 0.9, "b2": 0.999, "eps": 1e-6, "alpha": 0.25, "weight_decay": 0.0},
    "conda": {"learning_rate": 1e-2, "b1": 0.9, "b2": 0.99, "eps": 1e-8, "alpha": 0.25, "weight_decay": 0.0},
}
SHRINKS = dict.fromkeys(RULES, 1 - 1e-3 * 1e-2)  # a vector: what `adamw` does by default
