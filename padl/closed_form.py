"""Solve least squares in closed form, on the host in float64. least_squares by QR, normal_equation, with_ones.

The model is y ≈ X θ. It has no intercept of its own: a column of ones in X is one, and `with_ones` puts it there last.
"""

import warnings
from typing import Any, NamedTuple

import numpy as np

from padl.data.checks import check_finite
from padl.types import PadlError

EPS = float(np.finfo(np.float64).eps)


class LeastSquares(NamedTuple):
    """The minimiser of ‖y - X θ‖².

    Attributes:
        theta: (columns,) float64, in the unit of y over that of each column of X.
        residual: ‖y - X θ‖², the sum of squares over the rows, in the unit of y squared.
        rank: how many columns of X are independent, counted when each is scaled to one size: units do not decide.
        condition: κ(X), the ratio of the largest to the smallest singular value of X as it is given, >= 1; inf where
            columns are dependent. A relative error e of X or y may become one of about κ e in θ.
    """

    theta: np.ndarray
    residual: float
    rank: int
    condition: float


def least_squares(X: Any, y: Any) -> LeastSquares:
    """Find the θ that minimises ‖y - X θ‖², by the QR decomposition of X.

        X = Q R      R θ = Qᵀ y

    It is the θ = (XᵀX)⁻¹ Xᵀ y of the textbook, without forming XᵀX, whose condition number is that of X squared.

    Args:
        X: (rows, columns) real numbers, rows >= columns >= 1; a column of ones for an intercept: `with_ones`.
        y: (rows,) real numbers.

    Returns:
        A LeastSquares. Where columns of X are dependent, many θ are equally good: it is the shortest of them, with a
        RuntimeWarning.

    Raises:
        PadlError: shapes that do not fit, no rows or columns, fewer rows than columns, NaN or infinity (named).

    Source: Golub 1965, Numerische Mathematik 7; Golub & Van Loan, Matrix Computations, 5.3 and 5.5.
    """
    X, y = _checked(X, y)
    fit = shortest(X, y)
    if fit.rank < X.shape[1]:
        warnings.warn(
            f"X has rank {fit.rank} of {X.shape[1]} columns: some are combinations of others, and many θ fit equally"
            " well; this is the shortest. Leave columns out for one that means something",
            RuntimeWarning,
            stacklevel=2,
        )
    return fit


def normal_equation(X: Any, y: Any) -> LeastSquares:
    """Find the same θ from the normal equation, to see what that costs: prefer `least_squares`.

        XᵀX θ = Xᵀ y

    Why not: κ(XᵀX) = κ(X)². Of the 16 digits of float64, log10 κ(X)² may be lost, where QR loses log10 κ(X) as long
    as y is near X θ. From about κ(X) = 10⁸ on, XᵀX is singular in float64 though X is not. A RuntimeWarning says so
    each time, with the numbers of this X.

    Args, returns, raises: as `least_squares`, and PadlError where XᵀX is singular or overflows.
    """
    X, y = _checked(X, y)
    rank, condition = _rank_and_condition(X)
    squared = condition * condition
    warnings.warn(
        f"the normal equation squares the condition number: {condition:.2g} of X, {squared:.2g} of XᵀX;"
        f" about {_digits(squared)} of 16 digits of θ are left, {_digits(condition)} by padl.least_squares",
        RuntimeWarning,
        stacklevel=2,
    )
    with np.errstate(over="ignore", invalid="ignore"):
        gram, moment = X.T @ X, X.T @ y
    if not (np.isfinite(gram).all() and np.isfinite(moment).all()):
        raise PadlError("XᵀX or Xᵀy is too large for float64: use padl.least_squares, or another unit")
    try:
        theta = np.linalg.solve(gram, moment)
    except np.linalg.LinAlgError:
        raise PadlError("XᵀX is singular in float64, so the normal equation has no θ: use padl.least_squares") from None
    return LeastSquares(theta, _residual(X, y, theta), rank, condition)


def with_ones(X: Any) -> np.ndarray:
    """Append a column of ones, whose θ is the intercept: (rows, columns) -> (rows, columns + 1) float64."""
    X = np.asarray(X, np.float64)
    return np.concatenate([X, np.ones((len(X), 1))], axis=1)


def shortest(X: np.ndarray, y: np.ndarray) -> LeastSquares:
    """Find the shortest of all θ that minimise ‖y - X θ‖², without a warning; X not empty, of finite float64."""
    power = _powers(X)
    Q, R = np.linalg.qr(np.ldexp(X, -power))
    U, s, Vt = np.linalg.svd(R)
    rank = _rank(s, X.shape)
    if rank == X.shape[1]:
        theta = np.ldexp(np.linalg.solve(R, Q.T @ y), -power)  # R is triangular: this substitutes backwards
    else:
        some = np.ldexp(Vt[:rank].T @ ((U[:, :rank].T @ (Q.T @ y)) / s[:rank]), -power)
        null, _ = np.linalg.qr(np.ldexp(Vt[rank:], -power).T)
        theta = some - null @ (null.T @ some)
    return LeastSquares(theta, _residual(X, y, theta), rank, _condition(np.ldexp(R, power), rank))


def _rank_and_condition(X: np.ndarray) -> tuple[int, float]:
    power = _powers(X)
    R = np.linalg.qr(np.ldexp(X, -power), mode="r")
    rank = _rank(np.linalg.svd(R, compute_uv=False), X.shape)
    return rank, _condition(np.ldexp(R, power), rank)


def _powers(X: np.ndarray) -> np.ndarray:
    """Return (columns,) p: each column's largest entry lies in 2^p [1/2, 1), so that scaling by 2^-p rounds nothing."""
    return np.frexp(np.abs(X).max(axis=0))[1]


def _rank(singular: np.ndarray, shape: tuple[int, ...]) -> int:
    return int((singular > max(shape) * EPS * singular[0]).sum())


def _condition(R: np.ndarray, rank: int) -> float:
    if rank < R.shape[1]:
        return float("inf")
    singular = np.linalg.svd(R, compute_uv=False)
    return float(singular[0] / singular[-1]) if singular[-1] else float("inf")


def _residual(X: np.ndarray, y: np.ndarray, theta: np.ndarray) -> float:
    error = y - X @ theta
    return float(error @ error)


def _digits(condition: float) -> int:
    return int(max(0, -np.log10(min(condition * EPS, 1.0))))


def _checked(X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    X, y = _real(X, "X"), _real(y, "y")
    if X.ndim != 2 or not X.size:
        raise PadlError(f"X of shape {X.shape}: it must be (rows, columns), with at least one of each")
    if y.shape != X.shape[:1]:
        raise PadlError(f"y of shape {y.shape} for X of shape {X.shape}: it must hold one number a row, {X.shape[:1]}")
    rows, columns = X.shape
    if rows < columns:
        raise PadlError(f"X has {rows} rows for {columns} columns, and θ is not determined: give as many rows at least")
    check_finite(X, [str(i) for i in range(columns)], "X")
    check_finite(y[:, None], ["y"], "y")
    return X, y


def _real(values: Any, name: str) -> np.ndarray:
    try:
        array = np.asarray(values)
        if array.dtype.kind not in "biufO":
            raise TypeError
        return array.astype(np.float64)
    except (TypeError, ValueError):
        raise PadlError(f"{name} must be an array of real numbers") from None
