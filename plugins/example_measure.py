"""A drop-in wrapper that changes nothing and logs something. `padl train optimizer.wrap=[signal] measure=[signal]`."""

import jax
import jax.numpy as jnp

from padl.optimizers.transformation import Transformation
from padl.optimizers.units import ratio, wide
from padl.optimizers.vectors import Vector, norm
from padl.optimizers.wrapping import filtered
from padl.registry import optimizer
from padl.types import Optimizer, Params, PyTree, Scalar


@optimizer(
    family="wrapper",
    reference="Mardia & Jupp 2000, Directional Statistics, section 2.3: the mean resultant length",
    same_value={"decay": "of what is measured"},
)
def signal(inner: Optimizer, decay: Scalar = 0.9) -> Transformation:
    """Signal: measure how far the gradients of many steps point one way; `inner` is left as it is.

        m = β m + (1-β) g / ‖g‖, all parameters together      signal = ‖m‖, from about √((1-β)/(1+β)) (noise) to 1

    Args:
        inner: the optimizer that is given the gradient. decay: β in [0, 1), a memory of about 1/(1-β) steps.
    """

    def start(params: Params) -> PyTree:
        return jax.tree.map(lambda p: jnp.zeros_like(wide(jnp.asarray(p))), params)

    def note(grads: PyTree, mean: PyTree, params: Params | None) -> tuple[PyTree, PyTree]:
        length = norm(as_vector(grads))
        each = lambda m, g: (decay * m + (1 - decay) * ratio(wide(g), length.astype(m.dtype))).astype(m.dtype)  # noqa: E731
        return grads, jax.tree.map(each, mean, grads)

    def measure(mean: PyTree, updates: PyTree, params: Params) -> dict[str, jax.Array]:
        return {"signal": norm(as_vector(mean))}

    return filtered(inner, start, note, measure)


def as_vector(tree: PyTree) -> Vector:
    return Vector(map(wide, jax.tree.leaves(tree)))
