"""The oracle of PSGD-Kron, from its papers and github.com/evanatyourservice/psgd_jax, in float64 NumPy."""

import numpy as np
from matrix_oracle import FOR_ALL, by_matrix


def lower_bound(A):
    """Of the norm of a symmetric matrix, from its longest row."""
    x = A @ A[np.argmax(np.linalg.norm(A, axis=1))]
    return np.linalg.norm(A @ x) / np.linalg.norm(x)


def numpy_kron(W, grads, learning_rate, b1, factor_rate, weight_decay, anneal_from, frequency, max_dim, V):
    """With all factors as matrices; of a side that is too long the diagonal is kept."""
    M, Q, waited = np.zeros_like(W), [np.eye(side) for side in W.shape], 0
    cut = [np.triu if 1 < side <= max_dim else (lambda A: np.diag(np.diag(A))) for side in W.shape]
    for t, G in enumerate(grads, start=1):
        M = b1 * M + (1 - b1) * G
        mean, waited = M / (1 - b1**t), waited + 1
        if waited >= 1 / max(np.exp(-(t - anneal_from) / 1000), 1 / frequency):
            waited, damped = 0, mean + 2**-11.5 * np.mean(np.abs(mean)) * V
            A, B = Q[0] @ damped @ Q[1].T, np.linalg.inv(Q[0]).T @ V @ np.linalg.inv(Q[1])
            for i, (seen, wanted) in enumerate([(A @ A.T, B @ B.T), (A.T @ A, B.T @ B)]):
                total = cut[i](seen + wanted)
                norm = lower_bound(seen + wanted) if cut[i] is np.triu else np.max(np.diag(total))
                Q[i] = Q[i] - factor_rate * cut[i](seen - wanted) @ Q[i] / norm
        D = Q[0].T @ Q[0] @ mean @ Q[1].T @ Q[1]
        rms = np.sqrt(np.mean(D**2))
        W = W - learning_rate * (D / max(1, rms / 1.1) + weight_decay * W)
        yield W


NUMBERS = {"learning_rate": 0.1, "b1": 0.8, "factor_rate": 0.3, "weight_decay": 0.3}
RULES = {
    "kron": (by_matrix(numpy_kron, noisy=True), {**NUMBERS, "anneal_from": 3, "frequency": 2, "max_dim": 4, **FOR_ALL}),
}
DEFAULTS = {"kron": {"learning_rate": 1e-3, "b1": 0.9, "factor_rate": 0.1, "weight_decay": 0.0}}
SHRINKS = {"kron": 1 - 1e-3 * 1e-2}  # a vector: what `adamw` does by default
