"""Makes an oracle of one matrix, m outputs by n inputs, one of all arrays of the problem. by_matrix, ROLES, OTHERS.

Scalars and vectors move by `OTHERS`, momentum in NumPy. An oracle of one matrix is (W, gradients, **numbers), and
yields W after each step.
"""

import zlib

import jax
import numpy as np
from oracle_problem import Whole

from padl.roles import ParameterRole

ROLES = {
    "scalar": ParameterRole("other"),
    "vector": ParameterRole("bias", outputs=(0,)),
    "matrix": ParameterRole("matrix", inputs=(0,), outputs=(1,)),
    "stack": ParameterRole("matrix", stacked=(0,), inputs=(1,), outputs=(2,)),
    "convolution": ParameterRole("convolution", inputs=(0, 1, 2), outputs=(3,)),
}
OTHERS = {"name": "momentum", "learning_rate": 0.1, "momentum": 0.7}
FOR_ALL = {"roles": ROLES, "others": OTHERS}


def momentum(x, grads):
    v = np.zeros_like(x)
    for g in grads:
        v = 0.7 * v + g
        x = x - 0.1 * v
        yield x


def as_matrices(role, x):
    """The matrices of an array of the problem, (count, m, n): here stacks are first and outputs last."""
    count = int(np.prod([x.shape[axis] for axis in role.stacked]))
    return np.swapaxes(x.reshape(count, -1, x.shape[-1]), 1, 2)


def noise(name, count, m, n):
    """The normal random numbers that a rule draws for the matrices of an array, at the key of every step."""
    key = jax.random.fold_in(jax.random.key(0), zlib.crc32(name.encode()))
    return [np.asarray(jax.random.normal(each, (m, n), float)) for each in jax.random.split(key, count)]


def by_matrix(rule, rtol=1e-9, noisy=False):
    """Make an oracle of all arrays; `rtol` as of `Whole`; `noisy` gives it random numbers like W, as V."""

    def path(name, role, start, grads, numbers):
        if name in ("scalar", "vector"):
            return [*momentum(start, grads)]
        stacks = np.stack([as_matrices(role, g) for g in grads])  # steps, count, m, n
        begun = as_matrices(role, start)
        V = [{"V": v} for v in noise(name, *begun.shape)] if noisy else [{}] * len(begun)
        each = [[*rule(w, stacks[:, i], **numbers, **V[i])] for i, w in enumerate(begun)]
        return [np.swapaxes(np.stack(of_step), 1, 2).reshape(start.shape) for of_step in zip(*each, strict=True)]

    def whole(start, grads, roles, others, **numbers):
        paths = {name: path(name, roles[name], x, [g[name] for g in grads], numbers) for name, x in start.items()}
        for k in range(len(grads)):
            yield {name: points[k] for name, points in paths.items()}

    return Whole(whole, rtol)
