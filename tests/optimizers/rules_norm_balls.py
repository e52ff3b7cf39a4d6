"""The oracle of Scion, from its paper, in float64 NumPy: an array of the problem for each norm."""

import numpy as np
from matrix_oracle import ROLES, as_matrices
from oracle_problem import Whole
from rules_muon import newton_schulz

from padl.roles import ParameterRole

ROLES_OF_ALL_NORMS = {
    **ROLES,
    "stack": ParameterRole("head", stacked=(0,), inputs=(1,), outputs=(2,)),
    "convolution": ParameterRole("embedding", inputs=(0, 1, 2), outputs=(3,)),
}


def numpy_scion(start, grads, learning_rate, momentum, radius, embedding_radius, head_radius, roles):
    """Pethick et al. 2025, algorithm 2, with α = 1 - momentum."""
    to_the_border = {
        "matrix": lambda m: radius * np.sqrt(3 / 4) * newton_schulz(as_matrices(roles["matrix"], m)[0]).T,
        "stack": lambda m: head_radius * np.sign(m) / 3,
        "convolution": lambda m: embedding_radius * np.sign(m),
        "vector": lambda m: radius * m / np.sqrt(np.mean(m**2)),
        "scalar": lambda m: radius * np.sign(m),
    }
    x, m = start, dict.fromkeys(start, 0)
    for g in grads:
        m = {name: momentum * m[name] + (1 - momentum) * g[name] for name in x}
        d = {name: to_the_border[name](m[name]) for name in x}
        x = {name: (1 - learning_rate) * x[name] - learning_rate * d[name] for name in x}
        yield x


RULES = {
    "scion": (
        Whole(numpy_scion),
        {"learning_rate": 0.1, "momentum": 0.7, "radius": 2.0, "embedding_radius": 3.0, "head_radius": 5.0}
        | {"roles": ROLES_OF_ALL_NORMS},
    )
}
RADII = {"radius": 3.0, "embedding_radius": 1.0, "head_radius": 10.0}
DEFAULTS = {"scion": {"learning_rate": 1e-3, "momentum": 0.9, **RADII}}
SHRINKS = {"scion": 1 - 0.1}
