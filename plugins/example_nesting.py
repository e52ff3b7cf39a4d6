"""A drop-in optimizer of two others. `padl train optimizer=mixture optimizer.first=lion` trains with it."""

from typing import Annotated, Any

import jax

from padl.optimizers.transformation import Transformation, needed, needs_of, updated
from padl.registry import optimizer
from padl.types import Domain, Optimizer, PyTree, Scalar


@optimizer(family="mixture", reference="Landro, Gallo & La Grassa 2020, arXiv:2011.08042")
def mixture(
    first: Optimizer = "adam", second: Optimizer = "sgd", share: Annotated[Scalar, Domain(0.0, 1.0)] = 0.5
) -> Transformation:
    """Mixture: a mean of the steps of two optimizers, each with its own hyperparameters and memory.

        θ += λ u + (1-λ) w      u, w: the updates of both for the same gradient

    Args:
        first, second: two optimizers. share: λ in [0, 1], of the first; 1 is `first` alone.
    """

    def update(grads: PyTree, state: Any, params: PyTree | None = None, **extras: Any) -> tuple[PyTree, Any]:
        u, of_first = updated(first, grads, state[0], params, needed(first, extras))
        w, of_second = updated(second, grads, state[1], params, needed(second, extras))
        mean = jax.tree.map(lambda u, w: (share * u + (1 - share) * w).astype(u.dtype), u, w)
        return mean, (of_first, of_second)

    init = lambda params: (first.init(params), second.init(params))  # noqa: E731
    return Transformation(init, update, needs=needs_of(first) | needs_of(second))
