"""Make a landscape of real data, whose rows give stochastic gradients: logistic regression. logistic."""

from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np

from padl.data.sklearn_files import shipped
from padl.data.source import frozen
from padl.losses.binary import bce_with_logits
from padl.surfaces.landscape import Landscape, sample_rows
from padl.types import Key

FEATURES = {"mean radius": 0, "mean concave points": 7}  # columns of the table; both tell, and they go together


def logistic() -> Landscape:
    """Average the cross entropy of P(malignant) = σ(w₁ x₁ + w₂ x₂) over 569 tumours, x standardised, no intercept.

    Radius and concave points of the cell nuclei (Street, Wolberg & Mangasarian 1993: Wisconsin diagnostic breast
    cancer, as scikit-learn ships it). The two kinds overlap, so that there is one minimum, found by Newton's method.

    Raises:
        PadlError: scikit-learn is not installed.
    """
    x, y = tumours()
    point, floor = minimum(x, y)
    rows = jnp.asarray(x, jnp.float32), jnp.asarray(y, jnp.float32)
    return Landscape(
        name="logistic regression, 569 tumours",
        height=jax.tree_util.Partial(cross_entropy, *rows),
        start=(-3.0, 4.0),
        low=(-20.0, -20.0),
        high=(20.0, 20.0),
        view=((-4.0, 6.0), (-3.0, 7.0)),
        minima=(point,),
        floor=floor,
        rate=1.0,
        axes=tuple(f"weight of {name}" for name in FEATURES),
        rows=len(y),
        sampled=jax.tree_util.Partial(cross_entropy_of_batch, *rows),
    )


def cross_entropy(x: jax.Array, y: jax.Array, point: jax.Array) -> jax.Array:
    """Average over all rows: x (n, 2), y (n,) of 0 and 1, point (2,)."""
    return jnp.asarray(bce_with_logits(x @ point, y))


def cross_entropy_of_batch(x: jax.Array, y: jax.Array, point: jax.Array, key: Key, batch_size: int) -> jax.Array:
    """Average over `batch_size` different rows, drawn by the key."""
    rows = sample_rows(key, batch_size, len(y))
    return cross_entropy(x[rows], y[rows], point)


@lru_cache(maxsize=1)
def tumours() -> tuple[np.ndarray, np.ndarray]:
    """Load (standardised features (569, 2), 1 for malignant and 0 for benign (569,)), float64."""
    table = np.loadtxt(shipped("breast_cancer.csv", "surface=logistic reads data"), delimiter=",", skiprows=1)
    x = table[:, list(FEATURES.values())]
    return frozen((x - x.mean(0)) / x.std(0)), frozen(1 - table[:, -1])  # in the file 0 is malignant


def minimum(x: np.ndarray, y: np.ndarray) -> tuple[tuple[float, ...], float]:
    """Find where the cross entropy is least, and its value there: Newton's method in float64 from 0."""
    w = np.zeros(x.shape[1])
    for _ in range(30):
        p = 1 / (1 + np.exp(-x @ w))
        w -= np.linalg.solve((x.T * (p * (1 - p))) @ x, x.T @ (p - y))
    z = x @ w
    return tuple(map(float, w)), float((np.logaddexp(0, z) - y * z).mean())
