"""The oracles of Muon and its family, from their papers, in float64 NumPy: W is m outputs by n inputs."""

import numpy as np
from matrix_oracle import FOR_ALL, by_matrix


def newton_schulz(X):
    """Jordan et al. 2024: five iterations of the quintic, of a matrix whose norm is 1."""
    a, b, c = 3.4445, -4.7750, 2.0315
    X = X / np.linalg.norm(X)
    for _ in range(5):
        A = X @ X.T
        X = a * X + (b * A + c * A @ A) @ X
    return X


def spectral(W):
    return np.sqrt(max(1, W.shape[0] / W.shape[1]))


def numpy_muon(W, grads, learning_rate, momentum, weight_decay, before=lambda M: M, after=lambda X: X):
    """Jordan et al. 2024, with Nesterov's momentum as a mean."""
    M = np.zeros_like(W)
    for G in grads:
        M = momentum * M + (1 - momentum) * G
        D = after(newton_schulz(before(momentum * M + (1 - momentum) * G)))
        W = W - learning_rate * (spectral(W) * D + weight_decay * W)
        yield W


def numpy_muon2(W, grads, learning_rate, momentum, b2, eps, weight_decay):
    """arXiv:2604.09967."""
    M, V = np.zeros_like(W), np.zeros_like(W)
    for G in grads:
        M, V = momentum * M + (1 - momentum) * G, b2 * V + (1 - b2) * G * G
        X = (momentum * M + (1 - momentum) * G) / (np.sqrt(V) + eps)
        W = W - learning_rate * (spectral(W) * newton_schulz(X) + weight_decay * W)
        yield W


def numpy_adamuon(W, grads, learning_rate, momentum, b2, eps, weight_decay):
    """Si et al. 2025, algorithm 1."""
    M, V = np.zeros_like(W), np.zeros_like(W)
    for G in grads:
        M = momentum * M + (1 - momentum) * G
        X = newton_schulz(np.sign(M))
        V = b2 * V + (1 - b2) * X * X
        D = X / (np.sqrt(V) + eps)
        W = W - learning_rate * (0.2 * np.sqrt(W.size) * D / np.linalg.norm(D) + weight_decay * W)
        yield W


def numpy_muoneq(W, grads, learning_rate, momentum, weight_decay):
    """arXiv:2603.28254, of rows."""
    rows = lambda M: M / np.linalg.norm(M, axis=1, keepdims=True)  # noqa: E731
    return numpy_muon(W, grads, learning_rate, momentum, weight_decay, before=rows)


def numpy_normuon(W, grads, learning_rate, momentum, b2, eps, weight_decay):
    """Li et al. 2025, algorithm 1, with the norm of O kept as in the authors' code."""
    v = np.zeros((len(W), 1))

    def after(X):
        nonlocal v
        v = b2 * v + (1 - b2) * np.mean(X * X, 1, keepdims=True)
        D = X / (np.sqrt(v) + eps)
        return np.linalg.norm(X) * D / np.linalg.norm(D)

    return numpy_muon(W, grads, learning_rate, momentum, weight_decay, after=after)


COMMON = {"learning_rate": 0.1, "momentum": 0.7, "weight_decay": 0.3, **FOR_ALL}
RULES = {
    "muon": (by_matrix(numpy_muon), COMMON),
    "muon2": (by_matrix(numpy_muon2), {**COMMON, "b2": 0.8, "eps": 0.1}),
    "adamuon": (by_matrix(numpy_adamuon), {**COMMON, "b2": 0.8, "eps": 0.1}),
    "muoneq": (by_matrix(numpy_muoneq), COMMON),
    "normuon": (by_matrix(numpy_normuon), {**COMMON, "b2": 0.8, "eps": 0.1}),
}
MUON = {"learning_rate": 0.02, "momentum": 0.95, "weight_decay": 0.0}
DEFAULTS = {
    "muon": MUON,
    "muon2": {**MUON, "b2": 0.95, "eps": 1e-10},
    "adamuon": {**MUON, "learning_rate": 1e-3, "b2": 0.95, "eps": 1e-8},
    "muoneq": MUON,
    "normuon": {**MUON, "b2": 0.95, "eps": 1e-8},
}
SHRINKS = dict.fromkeys(RULES, 1 - 1e-3 * 1e-2)  # a vector: what `adamw` does by default
