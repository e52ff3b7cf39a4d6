"""The oracles of the rules with a factor for each side of a matrix, from their papers, in float64 NumPy."""

import numpy as np
from matrix_oracle import FOR_ALL, by_matrix


def sorted_basis(A):
    return np.linalg.eigh(A)[1][:, ::-1]


def numpy_soap(W, grads, learning_rate, b1, b2, eps, weight_decay, frequency, max_dim):
    """Vyas et al. 2024, algorithm 3, in the order and with the first step of github.com/nikhilvyas/SOAP."""
    sides = [axis for axis in (0, 1) if W.shape[axis] <= max_dim]
    rotate = lambda X, Q, back: np.einsum("ij,ia,jb->ab", X, *(q.T if back else q for q in Q))  # noqa: E731
    factors, Q = {}, [np.eye(side) for side in W.shape]
    M, V = np.zeros_like(W), np.zeros_like(W)
    for k, G in enumerate(grads):
        W = W * (1 - learning_rate * weight_decay)
        if k > 0:
            M = b1 * M + (1 - b1) * G
            V = b2 * V + (1 - b2) * rotate(G, Q, back=False) ** 2
            step = np.sqrt(1 - b2**k) / (1 - b1**k)
            W = W - learning_rate * step * rotate(rotate(M, Q, back=False) / (np.sqrt(V) + eps), Q, back=True)
        for axis in sides:
            outer = np.tensordot(G, G, (1 - axis, 1 - axis))
            factors[axis] = b2 * factors.get(axis, 0) + (1 - b2) * outer
            if k == 0:
                Q[axis] = sorted_basis(factors[axis])
            elif k % frequency == 0:
                order = np.argsort(-np.diag(Q[axis].T @ factors[axis] @ Q[axis]), kind="stable")
                Q[axis] = np.linalg.qr(factors[axis] @ Q[axis][:, order])[0]
                V = np.take(V, order, axis)
        yield W


RULES = {  # of the convolution's 18 inputs 2 are seen at a step: a basis of the others would be arbitrary
    "soap": (
        by_matrix(numpy_soap),
        {"learning_rate": 0.1, "b1": 0.8, "b2": 0.9, "eps": 1e-2, "weight_decay": 0.3}
        | {"frequency": 3, "max_dim": 4, **FOR_ALL},
    ),
}
DEFAULTS = {"soap": {"learning_rate": 3e-3, "b1": 0.95, "b2": 0.95, "eps": 1e-8, "weight_decay": 0.01}}
SHRINKS = dict.fromkeys(RULES, 1 - 1e-3 * 1e-2)  # a vector: what `adamw` does by default
