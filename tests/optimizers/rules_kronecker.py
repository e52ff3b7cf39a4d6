"""The oracles of the rules with a factor for each side of a matrix, from their papers, in float64 NumPy."""

from functools import partial

import numpy as np
from matrix_oracle import FOR_ALL, OTHERS, ROLES, by_matrix

from padl.roles import ParameterRole


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


def numpy_kl(W, grads, learning_rate, b1, b2, eps, weight_decay, frequency, soap):
    """Lin et al. 2025, with the first step, the eigenvalues and the bound of github.com/yorkerlin/KL-Methods."""
    (m, n), M, V = W.shape, np.zeros_like(W), np.zeros_like(W)
    for k, G in enumerate(grads):
        W = W * (1 - learning_rate * weight_decay)
        if k == 0:
            S = [(1 - b2) * G @ G.T / n, (1 - b2) * G.T @ G / m]
            Q, d = [sorted_basis(A) for A in S], [np.full(m, 0.1), np.full(n, 0.1)]
            yield W
            continue
        M, g = b1 * M + (1 - b1) * G, Q[0].T @ G @ Q[1]
        V = b2 * V + (1 - b2) * g**2
        below = np.sqrt(V) if soap else np.sqrt(np.outer(d[0], d[1]))
        W = W - learning_rate * Q[0] @ ((Q[0].T @ M @ Q[1]) / (below + eps)) @ Q[1].T
        inverse = [q @ np.diag(1 / e) @ q.T for q, e in zip(Q, d, strict=True)]
        outer = [G @ inverse[1] @ G.T / n, G.T @ inverse[0] @ G / m]
        S = [b2 * A + (1 - b2) * new for A, new in zip(S, outer, strict=True)]
        seen = [np.diag(q.T @ new @ q) for q, new in zip(Q, outer, strict=True)]
        d = [np.maximum(b2 * e + (1 - b2) * new, 10.0**-2) for e, new in zip(d, seen, strict=True)]  # sides below 10
        if k % frequency == 0:
            Q = [np.linalg.qr(A @ q)[0] for A, q in zip(S, Q, strict=True)]
        yield W


def numpy_splus(W, grads, learning_rate, b1, b2, weight_decay, ema_decay, frequency):
    """Frans et al. 2025, as github.com/kvfrans/splus for Optax; of the trained parameters, which no average touches."""
    M, L, R, (m, n) = np.zeros_like(W), 0, 0, W.shape
    QL, QR = np.eye(m), np.eye(n)
    for k, G in enumerate(grads):
        M, L, R = b1 * M + (1 - b1) * G, b2 * L + (1 - b2) * G @ G.T, b2 * R + (1 - b2) * G.T @ G
        U = QL @ np.sign(QL.T @ M @ QR) @ QR.T
        W = W - learning_rate * 2 / (m + n) * (U + weight_decay * W)
        if k % frequency == 0:
            QL, QR = np.linalg.eigh(L)[1], np.linalg.eigh(R)[1]
        yield W


def numpy_power(A, exponent, eps):
    lam, Q = np.linalg.eigh(A + eps * np.eye(len(A)))
    return Q @ np.diag(np.maximum(lam, 0) ** exponent) @ Q.T


def numpy_shampoo(W, grads, learning_rate, b1, b2, eps, frequency, graft):
    """Gupta et al. 2018, algorithm 1; the mean of factors and the norm of the step of Anil et al. 2020."""
    M, L, R = np.zeros_like(W), 0, 0
    for k, G in enumerate(grads):
        share = 1 if b2 == 1 else 1 - b2
        M, L, R = b1 * M + (1 - b1) * G, b2 * L + share * G @ G.T, b2 * R + share * G.T @ G
        if k % frequency == 0:
            PL, PR = numpy_power(L, -1 / 4, eps), numpy_power(R, -1 / 4, eps)
        D = PL @ M @ PR
        W = W - learning_rate * D * (np.linalg.norm(M) / np.linalg.norm(D) if graft == "sgd" else 1)
        yield W


def numpy_one_sided(W, grads, learning_rate, b1, b2, eps, frequency, graft):
    """An et al. 2025, algorithm 1."""
    M, V = np.zeros_like(W), 0
    for k, G in enumerate(grads):
        M, V = b1 * M + (1 - b1) * G, b2 * V + (1 - b2) * G @ G.T
        if k % frequency == 0:
            P = np.linalg.inv(numpy_power(V, 1 / 2, 0) + eps * np.eye(len(V)))
        W = W - learning_rate * P @ M * (np.linalg.norm(M) / np.linalg.norm(P @ M) if graft == "sgd" else 1)
        yield W


ROOTS = {"learning_rate": 0.1, "b1": 0.8, "eps": 1e-2, "frequency": 3, **FOR_ALL}
# Windows apart: of the 18 inputs of a convolution 2 are seen at a step, and a basis of the others would be arbitrary.
APART = {**ROLES, "convolution": ParameterRole("matrix", stacked=(0, 1), inputs=(2,), outputs=(3,))}
KL = {"learning_rate": 0.1, "b1": 0.8, "b2": 0.9, "eps": 1e-2, "weight_decay": 0.3, "frequency": 3}
RULES = {  # of the convolution's 18 inputs 2 are seen at a step: a basis of the others would be arbitrary
    "soap": (
        by_matrix(numpy_soap),
        {"learning_rate": 0.1, "b1": 0.8, "b2": 0.9, "eps": 1e-2, "weight_decay": 0.3}
        | {"frequency": 3, "max_dim": 4, **FOR_ALL},
    ),
    # a rounding of the largest eigenvalue, 1e-16 of about 1e6, is 1e-8 of ε
    "shampoo": (by_matrix(numpy_shampoo, rtol=1e-7), {**ROOTS, "b2": 1.0, "graft": "none"}),
    "one_sided_shampoo": (by_matrix(numpy_one_sided), {**ROOTS, "b2": 0.9, "graft": "sgd"}),
    "splus": (
        by_matrix(numpy_splus),
        {"learning_rate": 0.5, "b1": 0.8, "b2": 0.9, "weight_decay": 0.3, "ema_decay": 0.7, "frequency": 3}
        | {"roles": APART, "others": OTHERS},
    ),
    "kl_shampoo": (by_matrix(partial(numpy_kl, soap=False)), {**KL, "roles": APART, "others": OTHERS}),
    "kl_soap": (by_matrix(partial(numpy_kl, soap=True)), {**KL, "roles": APART, "others": OTHERS}),
}
DEFAULTS = {
    "soap": {"learning_rate": 3e-3, "b1": 0.95, "b2": 0.95, "eps": 1e-8, "weight_decay": 0.01},
    "shampoo": {"learning_rate": 0.1, "b1": 0.9, "b2": 1.0, "eps": 1e-4},
    "one_sided_shampoo": {"learning_rate": 1e-2, "b1": 0.9, "b2": 0.8, "eps": 1e-10},
    "splus": {"learning_rate": 0.1, "b1": 0.9, "b2": 0.999, "weight_decay": 0.01, "ema_decay": 0.999},
    "kl_shampoo": {"learning_rate": 3e-3, "b1": 0.9, "b2": 0.98, "eps": 1e-8, "weight_decay": 0.01},
    "kl_soap": {"learning_rate": 3e-3, "b1": 0.9, "b2": 0.98, "eps": 1e-8, "weight_decay": 0.01},
}
SHRINKS = dict.fromkeys(RULES, 1 - 1e-3 * 1e-2)  # a vector: what `adamw` does by default
