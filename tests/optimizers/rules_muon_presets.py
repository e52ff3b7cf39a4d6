"""The oracles of Muon's other presets, from their papers or codes, in float64 NumPy: W is m outputs by n inputs."""

import numpy as np
from matrix_oracle import FOR_ALL, by_matrix
from rules_muon import newton_schulz, spectral


def rms(W):
    return 0.2 * np.sqrt(max(W.shape))


def rows_of_1(X):
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def exact(X):
    u, _, vt = np.linalg.svd(X, full_matrices=False)
    return u @ vt


def numpy_muon_plus(W, grads, learning_rate, momentum, weight_decay, normalise):
    """Zhang et al. 2026, equations 3 to 8."""
    M = np.zeros_like(W)
    for G in grads:
        M = momentum * M + (1 - momentum) * G
        D = rows_of_1(rows_of_1(newton_schulz(M).T).T) if normalise == "columns_rows" else rows_of_1(newton_schulz(M))
        W = W - learning_rate * (np.sqrt(W.shape[0] / W.shape[1]) * D + weight_decay * W)
        yield W


def numpy_polargrad(W, grads, learning_rate, momentum, weight_decay, polar):
    """github.com/timlautk/polargrad, polar_grad.py."""
    M = np.zeros_like(W)
    for G in grads:
        M = momentum * M + (1 - momentum) * G
        W = W - learning_rate * (np.linalg.svd(M)[1].sum() * exact(M) + weight_decay * W)
        yield W


def numpy_namo(W, grads, learning_rate, momentum, b2, eps, weight_decay):
    """github.com/minxin-zhg/namo, src/namo.py, without its bounds on the learning rate."""
    M, v = np.zeros_like(W), 0
    for t, G in enumerate(grads, 1):
        M, v = momentum * M + (1 - momentum) * G, b2 * v + (1 - b2) * np.sum(G**2)
        X = momentum * M + (1 - momentum) * G
        rate = learning_rate * np.sqrt(1 - b2**t) / (1 - momentum**t) * np.linalg.norm(X) / (np.sqrt(v) + eps)
        W = W * (1 - rate * weight_decay) - rate * rms(W) * newton_schulz(X)
        yield W


def numpy_mars_m(W, grads, learning_rate, momentum, gamma, weight_decay):
    """Liu, Yuan & Gu 2025, algorithm 3."""
    M, last = np.zeros_like(W), np.zeros_like(W)
    for G in grads:
        C = G + gamma * momentum / (1 - momentum) * (G - last)
        C = C / np.linalg.norm(C) if np.linalg.norm(C) > 1 else C
        M, last = momentum * M + (1 - momentum) * C, G
        W = W - learning_rate * (rms(W) * newton_schulz(M) + weight_decay * W)
        yield W


def numpy_dion2(W, grads, learning_rate, momentum, weight_decay, shrink, polar):
    """github.com/microsoft/dion, dion/dion2.py: matrices that are not sharded."""
    M, wide = np.zeros_like(W), W.shape[0] <= W.shape[1]
    for G in grads:
        M = M + G
        each = M if wide else M.T
        index = np.argsort(-np.abs(each).sum(1))[: max(1, -(-len(each) // shrink))]
        D = np.zeros_like(each)
        D[index] = newton_schulz(each[index])
        each[index] *= momentum
        W = W - learning_rate * (np.sqrt(W.shape[0] / W.shape[1]) * (D if wide else D.T) + weight_decay * W)
        yield W


def renewed(A, Q, V, k):
    """The basis of A, and V with the columns of the old one sorted."""
    if k == 0:
        return np.linalg.eigh(A)[1][:, ::-1], V
    order = np.argsort(-np.diag(Q.T @ A @ Q), kind="stable")
    return np.linalg.qr(A @ Q[:, order])[0], V[order]


def numpy_soap_muon(W, grads, learning_rate, momentum, b2, eps, weight_decay, frequency, max_dim):
    """KellerJordan/modded-nanogpt, track 3, 20260504_contra_muon_mlp_soapish, without what it does to the factor."""
    M, V, L, R = np.zeros_like(W), np.zeros_like(W), 0, 0
    QL, QR = (np.eye(side) for side in W.shape)
    for k, G in enumerate(grads):
        M = momentum * M + (1 - momentum) * G
        X = momentum * M + (1 - momentum) * G
        if k > 0:
            P = QL.T @ X @ QR
            V = b2 * V + (1 - b2) * P**2
            X = QL @ (P / (np.sqrt(V) + eps)) @ QR.T
        L, R = b2 * L + (1 - b2) * G @ G.T, b2 * R + (1 - b2) * G.T @ G
        if k % frequency == 0 and len(L) <= max_dim:
            QL, V = renewed(L, QL, V, k)
        if k % frequency == 0 and len(R) <= max_dim:
            QR, turned = renewed(R, QR, V.T, k)
            V = turned.T
        W = W - learning_rate * (spectral(W) * newton_schulz(X) + weight_decay * W)
        yield W


def numpy_pmuon(W, grads, learning_rate, momentum, b2, gamma, eps, weight_decay):
    """KellerJordan/modded-nanogpt, track 3, 20260507_pmuon/README.md, with the ridge of its code."""

    def power(A):
        lam, Q = np.linalg.eigh(A)
        return Q @ np.diag((np.maximum(lam, 0) + eps) ** -gamma) @ Q.T

    L, R, M = 0, 0, np.zeros_like(W)
    for G in grads:
        L, R, M = b2 * L + G @ G.T, b2 * R + G.T @ G, momentum * M + (1 - momentum) * G
        X = power(L) @ (momentum * M + (1 - momentum) * G) @ power(R)
        W = W - learning_rate * (spectral(W) * newton_schulz(X) + weight_decay * W)
        yield W


def numpy_with_factor(W, grads, factor, **numbers):
    """Muon with another factor."""
    M, momentum = np.zeros_like(W), numbers["momentum"]
    for G in grads:
        M = momentum * M + (1 - momentum) * G
        D = factor(momentum * M + (1 - momentum) * G)
        W = W - numbers["learning_rate"] * (spectral(W) * D + numbers["weight_decay"] * W)
        yield W


def numpy_aurora(W, grads, balancings, damping, polar, **numbers):
    """github.com/tilde-research/aurora-release, src/aurora.py, with the exact factor."""

    def factor(X):
        if X.shape[0] == X.shape[1]:
            return exact(X)
        tall = X if X.shape[0] > X.shape[1] else X.T
        D = 1 / np.linalg.norm(tall, axis=1, keepdims=True)
        for _ in range(balancings):
            U = exact(D * tall)
            D = D * (tall.shape[1] / tall.shape[0] / np.sum(U**2, 1, keepdims=True)) ** damping
        return U if X.shape[0] > X.shape[1] else U.T

    return numpy_with_factor(W, grads, factor, **numbers)


def numpy_freon(W, grads, c, **numbers):
    """Shumaylov et al. 2026: (X Xᵀ)^-c X, over its Schatten norm."""

    def factor(X):
        u, s, vt = np.linalg.svd(X, full_matrices=False)
        q = 2 * (1 - c)
        return (u * s ** (1 - 2 * c)) @ vt * np.mean(s**q) ** ((1 - q) / q)

    return numpy_with_factor(W, grads, factor, **numbers)


def numpy_kaon(W, grads, **numbers):
    """Shumaylov et al. 2026: the map of each singular value."""

    def factor(X):
        u, s, vt = np.linalg.svd(X / np.linalg.norm(X), full_matrices=False)
        for _ in range(5):
            s = 4.1 * s * (1 - s**2) ** 2
        return (u * s / 1.175) @ vt

    return numpy_with_factor(W, grads, factor, **numbers)


def numpy_muown(W, grads, learning_rate, momentum, b1, b2, eps, weight_decay):
    """Lion et al. 2026, algorithm 1, as github.com/kcc-lion/muown, optim/muown.py."""
    g = r = np.linalg.norm(W, axis=1, keepdims=True)
    M, mu, nu = np.zeros_like(W), np.zeros_like(g), np.zeros_like(g)
    for t, G in enumerate(grads, 1):
        unit = W / g
        dg = np.sum(G * unit, 1, keepdims=True)
        dV = g / r * (G - unit * dg)
        M = momentum * M + dV
        V = unit * r - learning_rate * rms(W) * newton_schulz(dV + momentum * M)
        mu, nu = b1 * mu + (1 - b1) * dg, b2 * nu + (1 - b2) * dg**2
        g = g - learning_rate * mu / (1 - b1**t) / (np.sqrt(nu / (1 - b2**t)) + eps)
        r = np.linalg.norm(V, axis=1, keepdims=True)
        W = g * V / r - learning_rate * weight_decay * W
        g = np.linalg.norm(W, axis=1, keepdims=True)
        yield W


COMMON = {"learning_rate": 0.1, "momentum": 0.7, "weight_decay": 0.3, **FOR_ALL}
ADAPTIVE = {**COMMON, "b2": 0.8, "eps": 0.1}
RULES = {
    "muon_plus": (by_matrix(numpy_muon_plus), {**COMMON, "normalise": "columns_rows"}),
    "polargrad": (by_matrix(numpy_polargrad), {**COMMON, "learning_rate": 1e-3, "polar": "exact"}),
    "namo": (by_matrix(numpy_namo), ADAPTIVE),
    "mars_m": (by_matrix(numpy_mars_m), {**COMMON, "gamma": 0.3}),
    "dion2": (by_matrix(numpy_dion2), {**COMMON, "shrink": 2, "polar": "newton_schulz"}),
    "soap_muon": (by_matrix(numpy_soap_muon, 1e-6), {**ADAPTIVE, "frequency": 3, "max_dim": 6}),
    "pmuon": (by_matrix(numpy_pmuon), {**ADAPTIVE, "gamma": 0.3}),
    "aurora": (by_matrix(numpy_aurora), {**COMMON, "balancings": 3, "damping": 0.4, "polar": "exact"}),
    "freon": (by_matrix(numpy_freon), {**COMMON, "c": 0.7}),
    "kaon": (by_matrix(numpy_kaon), COMMON),
    "muown": (by_matrix(numpy_muown), {**ADAPTIVE, "b1": 0.6}),
}
MUON = {"learning_rate": 0.02, "momentum": 0.95, "weight_decay": 0.0}
DEFAULTS = {
    "muon_plus": {**MUON, "learning_rate": 1e-3, "weight_decay": 0.1},
    "polargrad": MUON,
    "namo": {**MUON, "learning_rate": 1e-2, "weight_decay": 0.1, "b2": 0.99, "eps": 1e-8},
    "mars_m": {**MUON, "learning_rate": 1e-3, "weight_decay": 0.1, "gamma": 0.025},
    "dion2": {**MUON, "learning_rate": 0.01, "weight_decay": 0.01},
    "soap_muon": {**MUON, "b2": 0.9, "eps": 1e-8},
    "pmuon": {**MUON, "learning_rate": 0.035, "weight_decay": 0.025, "b2": 0.95, "gamma": 0.3, "eps": 1e-6},
    "aurora": {**MUON, "learning_rate": 0.05, "weight_decay": 0.025, "damping": 0.5},
    "freon": {**MUON, "c": 2 / 3},
    "kaon": MUON,
    "muown": {**MUON, "learning_rate": 3e-4, "b1": 0.9, "b2": 0.95, "eps": 1e-8},
}
SHRINKS = dict.fromkeys(RULES, 1 - 1e-3 * 1e-2)  # a vector: what `adamw` does by default
