"""Make landscapes whose parameters are matrices, for rules that tell a matrix from a vector.

matrix_least_squares, linear_network. Both declare their matrices as such, with outputs before inputs.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from padl.roles.role import ParameterRole
from padl.surfaces.landscape import Landscape

LEAST_SQUARES, NETWORK = 100.0, 10.0  # condition numbers, where none is named
ROWS, COLUMNS = 4, 3  # of X
INPUTS, HIDDEN, OUTPUTS = 3, 4, 3  # of the network
SEED = 0  # of the bases, the lowest points and the starts
MATRIX = ParameterRole("matrix", inputs=(1,), outputs=(0,))  # it stands to the left of what it maps: W1 A
BOX = 100.0  # a start lies between minus and plus that, in each number


def matrix_least_squares(condition: float | None = None) -> Landscape:
    """Fit a matrix: the height of X, 4x3, is ½ ‖A X B - C‖², and least at one X only, where it is 0.

    A and B are square and C = A X* B. The curvatures are the products of an eigenvalue of AᵀA and one of BBᵀ, each from
    1 to √κ, evenly spaced in their logarithms, in directions drawn once: no number of X goes its own way.

    Args:
        condition: κ >= 1, the ratio of the largest curvature to the least; 100 if left out.
    """
    kappa = LEAST_SQUARES if condition is None else condition
    rng = np.random.default_rng(SEED)
    left, right = _conditioned(rng, ROWS, kappa**0.25), _conditioned(rng, COLUMNS, kappa**0.25)
    lowest, away = rng.standard_normal((2, ROWS, COLUMNS))
    numbers = (np.float32(x) for x in (left, right, left @ lowest @ right))
    size = lowest.size
    return Landscape(
        name=f"matrix least squares {ROWS}x{COLUMNS}, κ = {kappa:g}",
        height=jax.tree_util.Partial(_misfit, *numbers),
        start=_point(lowest + 2 * away),
        low=(-BOX,) * size,
        high=(BOX,) * size,
        view=((-3.0, 3.0),) * size,
        minima=(_point(lowest),),
        floor=0.0,
        rate=1 / kappa,
        forms={"X": (ROWS, COLUMNS)},
        roles={"X": MATRIX},
    )


def linear_network(condition: float | None = None) -> Landscape:
    """Train two layers without an activation: the height of W1, 4x3, and W2, 3x4, is ½ ‖W2 W1 A - C‖².

    A is square and C = M A. The height is least, and 0, wherever W2 W1 = M: a whole set of points, of which one with
    W1 W1ᵀ = W2ᵀ W2 is named. Where else it is flat is a saddle (Baldi & Hornik 1989). Distances are of W2 W1 from M.

    Args:
        condition: κ >= 1 of AAᵀ, the ratio of its largest eigenvalue to its least, which is 1; 10 if left out.
    """
    kappa = NETWORK if condition is None else condition
    rng = np.random.default_rng(SEED)
    inputs, fit = _conditioned(rng, INPUTS, kappa**0.5), rng.standard_normal((OUTPUTS, INPUTS))
    u, s, v = np.linalg.svd(fit)
    spread = np.linalg.qr(rng.standard_normal((HIDDEN, HIDDEN)))[0][:, : len(s)]
    first, second = spread * np.sqrt(s) @ v, u * np.sqrt(s) @ spread.T
    start = 0.5 * rng.standard_normal(first.size + second.size)
    numbers = (np.float32(x) for x in (inputs, fit @ inputs))
    return Landscape(
        name=f"two-layer linear network {INPUTS}-{HIDDEN}-{OUTPUTS}, κ = {kappa:g}",
        height=jax.tree_util.Partial(_network_misfit, *numbers),
        start=_point(start),
        low=(-BOX,) * start.size,
        high=(BOX,) * start.size,
        view=((-1.0, 1.0),) * start.size,
        minima=(_point(first, second),),
        floor=0.0,
        rate=0.1 / kappa,
        forms={"W1": (HIDDEN, INPUTS), "W2": (OUTPUTS, HIDDEN)},
        roles={"W1": MATRIX, "W2": MATRIX},
        judged=("W2 W1", _products),
    )


def _misfit(left: jax.Array, right: jax.Array, target: jax.Array, point: jax.Array) -> jax.Array:
    """½ ‖A X B - C‖² of X, row by row, (12,)."""
    x = point.reshape(ROWS, COLUMNS)
    return 0.5 * jnp.square(left @ x @ right - target).sum()


def _network_misfit(inputs: jax.Array, target: jax.Array, point: jax.Array) -> jax.Array:
    """½ ‖W2 W1 A - C‖² of W1 and then W2, each row by row, (24,)."""
    first, second = _layers(point)
    return 0.5 * jnp.square(second @ (first @ inputs) - target).sum()


def _layers(point: Any) -> tuple[Any, Any]:
    """Points (..., 24) -> W1 (..., 4, 3) and W2 (..., 3, 4)."""
    first, second = point[..., : HIDDEN * INPUTS], point[..., HIDDEN * INPUTS :]
    batch = point.shape[:-1]
    return first.reshape(*batch, HIDDEN, INPUTS), second.reshape(*batch, OUTPUTS, HIDDEN)


def _products(points: np.ndarray) -> np.ndarray:
    """W2 W1 of each point, (..., 24) -> (..., 9)."""
    first, second = _layers(points)
    with np.errstate(invalid="ignore"):
        return (second @ first).reshape(*points.shape[:-1], OUTPUTS * INPUTS)


def _conditioned(rng: np.random.Generator, size: int, condition: float) -> np.ndarray:
    """A square matrix with singular values from 1 to `condition`, in directions that are drawn."""
    u, v = (np.linalg.qr(rng.standard_normal((size, size)))[0] for _ in range(2))
    return u * np.geomspace(1, condition, size) @ v


def _point(*matrices: np.ndarray) -> tuple[float, ...]:
    return tuple(float(x) for matrix in matrices for x in matrix.ravel())
