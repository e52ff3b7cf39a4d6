"""Squares of the gradient kept by rows and columns: for a matrix m + n numbers in place of m n. adafactor, sm3."""

from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from padl.optimizers.conventions import Convention, ConventionName, Conventions, form_of
from padl.optimizers.decay import Decay, DecayKind
from padl.optimizers.descend import descend
from padl.optimizers.leafwise import LEARNING_RATE, PARAMS, leafwise
from padl.optimizers.rounding import StateDtype
from padl.optimizers.transformation import Transformation
from padl.registry import optimizer
from padl.types import COUNT, NON_NEGATIVE, POSITIVE, Domain, Scalar, ScalarOrSchedule

ADAFACTOR: Conventions = {
    "paper": Convention(form={"eps": "in g²", "learning rate": "below 1/√t", "axes": "the last two"}),
    "torch": Convention(
        "eps is a floor, under √V in units of the gradient and under the mean of R in units of its square, and is not"
        " added to g²",
        {"eps": "floor"},
        {"eps": 1.1920929e-07},
    ),
    "optax": Convention(
        "η is not held below 1/√t; an array is factored over its two longest axes, where both have 128 elements",
        {"learning rate": "as it is", "axes": "the two longest"},
        {"factor_from": 128},
    ),
    "keras": Convention("V is kept beside R and C, which saves no memory", {}, {"learning_rate": 1e-3}),
}
POWER = Domain(0.0, 1.0, low_open=True, search=(0.5, 0.99))


class Factors(NamedTuple):
    """r, c: means of squares over the columns and over the rows; of an array in one piece r is of it, and c empty."""

    r: jax.Array
    c: jax.Array


class Covers(NamedTuple):
    """cover: a number for each row, then for each column, and so on; of a scalar one. m: mean of directions."""

    cover: jax.Array
    m: jax.Array


def mean(x: jax.Array, axis: int | None = None) -> jax.Array:
    """Compute a mean; 0 of no elements."""
    return jnp.sum(x, axis) / max(x.size if axis is None else x.shape[axis], 1)


def rms(x: jax.Array) -> jax.Array:
    """Compute the root of the mean square of all elements."""
    return jnp.sqrt(mean(x**2))


def factored_axes(shape: tuple[int, ...], factor_from: int, which: str) -> tuple[int, int] | None:
    """Return the axes of the rows and of the columns; None for an array that stays in one piece."""
    order = np.argsort(shape, kind="stable") if which == "the two longest" else np.arange(len(shape))
    if len(shape) < 2 or min(shape[order[-2]], shape[order[-1]]) < factor_from:
        return None
    return int(order[-2]), int(order[-1])


@optimizer(
    family="factored",
    reference="Shazeer & Stern 2018, arXiv:1804.04235, algorithms 4 to 6",
    conventions=ADAFACTOR,
    other_shapes={"r": "one number for each row", "c": "one number for each column"},
    temporary="g² and √V of one array, as their means are known only when all of it has been read",
    laws=("scale_free", "eps_of_square"),
)
def adafactor(
    learning_rate: ScalarOrSchedule = 1e-2,
    power: Annotated[Scalar, POWER] = 0.8,
    clip: Annotated[Scalar, POSITIVE._replace(search=(0.5, 2.0))] = 1.0,
    eps: Annotated[Scalar, POSITIVE._replace(search=(1e-30, 1e-3), scale="log")] = 1e-30,
    min_scale: Annotated[Scalar, NON_NEGATIVE._replace(search=(1e-4, 1.0), scale="log")] = 1e-3,
    weight_decay: Scalar = 0.0,
    decay_kind: DecayKind = "decoupled",
    factor_from: Annotated[int, COUNT] = 1,
    convention: ConventionName = "paper",
) -> Transformation:
    """Adafactor: RMSProp whose mean square is the product of its rows and its columns, with steps in units of ‖θ‖.

        b2 = 1 - t^-c      R, C = b2 R + (1-b2) mean of (g² + eps) over the columns, b2 C + (1-b2) ... over the rows
        V = R C / mean(R)      U = g / √V      U = U / max(1, RMS(U) / d)
        θ -= min(η, 1/√t) max(eps₂, RMS(θ)) U

    Vectors and scalars keep V whole. An array with more axes is a stack of matrices, its last two; it has one RMS.

    Args:
        learning_rate: η > 0, without unit: the largest relative step.
        power: c in (0, 1]; the memory of the squares at step t is about t^c steps.
        clip: d > 0: the largest root mean square of U.
        eps: > 0, in units of the gradient squared.
        min_scale: eps₂ >= 0, in units of the parameter, under RMS(θ), so that what starts from 0 can move.
        weight_decay, decay_kind: as in `adamw`; the paper has none.
        factor_from: both axes are at least so long in an array that is factored.
        convention: what eps is, which axes, and whether η is held down; see `padl diff`.
    """
    form = form_of(ADAFACTOR, convention)

    def init(p):
        axes = factored_axes(p.shape, factor_from, form["axes"])
        if axes is None:
            return Factors(r=jnp.zeros_like(p), c=jnp.zeros(0, p.dtype))
        row, column = axes
        return Factors(r=jnp.zeros(without(p.shape, column), p.dtype), c=jnp.zeros(without(p.shape, row), p.dtype))

    def direction(g, s, p, t, learning_rate):
        b2 = 1 - t**-power
        least = jnp.finfo(g.dtype).tiny
        added, floor = (eps, least) if form["eps"] == "in g²" else (0.0, eps)
        largest = jnp.finfo(g.dtype).max / max(g.size, 1)  # so that no sum of squares is ∞, and the next steps recover
        square = jnp.minimum(g**2 + added, largest)
        axes = factored_axes(g.shape, factor_from, form["axes"])
        if axes is None:
            v = b2 * s.r + (1 - b2) * square
            root, slots = jnp.sqrt(v), Factors(v, s.c)
        else:
            row, column = axes
            r = b2 * s.r + (1 - b2) * mean(square, column)
            c = b2 * s.c + (1 - b2) * mean(square, row)
            wide = jnp.expand_dims(r, column)
            mean_r = jnp.expand_dims(mean(wide, row), row)
            share = jnp.maximum(wide / jnp.maximum(mean_r, floor), least)
            root = jnp.sqrt(share) * jnp.sqrt(
                jnp.expand_dims(c, row)
            )  # √V; V itself underflows to 0 where both are eps
            slots = Factors(r, c)
        u = g / jnp.maximum(root, floor)
        u = u / jnp.maximum(1, rms(u) / clip)
        held = 1 if form["learning rate"] == "as it is" else jnp.minimum(1, 1 / (learning_rate * jnp.sqrt(t)))
        return held * jnp.maximum(min_scale, rms(p)) * u, slots

    rule = leafwise(init, direction, needs=(PARAMS, LEARNING_RATE), one_at_a_time=True)
    return descend(rule, learning_rate, Decay(weight_decay, decay_kind))


def without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    """Leave an axis out of a shape."""
    return (*shape[:axis], *shape[axis + 1 :])


@optimizer(
    family="factored",
    reference="Anil et al. 2019, arXiv:1901.11150, algorithm SM3-II",
    other_shapes={"cover": "one number for each row, each column, ..."},
    temporary="ν of one array, as it is read along each axis",
    laws=("scale_free", "shifted"),
)
def sm3(learning_rate: ScalarOrSchedule = 0.1, momentum: Scalar = 0.9, mu_dtype: StateDtype = None) -> Transformation:
    """SM3: AdaGrad whose sum of squares is bounded by a number for each row and one for each column.

        ν = min(μ of the row, μ of the column, ...) + g²      m = β m + (1-β) g / √ν      θ -= η m
        μ of a row = the largest ν in it, and so on for all axes

    0/0 is 0. On a vector each element has its own μ: AdaGrad. The momentum is that of the authors' code; the default of
    η is PADL's own.

    Args:
        learning_rate: η > 0, in units of the parameter.
        momentum: β in [0, 1); a memory of about 1/(1-β) steps.
        mu_dtype: what m is stored in; None as it is computed.
    """

    def init(p):
        return Covers(cover=jnp.zeros(sum(p.shape) if p.shape else 1, p.dtype), m=jnp.zeros_like(p))

    def direction(g, s, p, t):
        bound = _narrowest(s.cover, g.shape)
        nu = bound + g**2
        d = jnp.where(nu == 0, 0, g / jnp.sqrt(jnp.where(nu == 0, 1, nu)))  # NaN is not hidden
        m = momentum * s.m + (1 - momentum) * d
        return m, Covers(_widest(nu), m)

    return descend(leafwise(init, direction, dtypes={"m": mu_dtype}, one_at_a_time=True), learning_rate)


def _narrowest(cover: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """The least number that covers each element, of this shape."""
    if not shape:
        return cover.reshape(())
    parts = jnp.split(cover, np.cumsum(shape)[:-1])
    along = [jnp.expand_dims(part, [j for j in range(len(shape)) if j != i]) for i, part in enumerate(parts)]
    bound = jnp.broadcast_to(along[0], shape)
    for part in along[1:]:
        bound = jnp.minimum(bound, part)
    return bound


def _widest(nu: jax.Array) -> jax.Array:
    """The largest element of each row, each column, and so on, one after another."""
    axes = range(nu.ndim)
    parts = [jnp.max(nu, axis=[j for j in axes if j != i], initial=0) for i in axes]  # 0 where there is none
    return jnp.concatenate(parts) if parts else nu.reshape(1)
