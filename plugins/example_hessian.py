"""A drop-in rule with a key and Hessian-vector products. `padl train optimizer=diagonal_newton` trains with it."""

from typing import Annotated, NamedTuple

from padl.optimizers.descend import descend
from padl.optimizers.transformation import Transformation, hvp
from padl.optimizers.treewise import treewise
from padl.optimizers.vectors import Vector, random_signs
from padl.registry import optimizer
from padl.types import Domain, Scalar, ScalarOrSchedule


class Curvature(NamedTuple):
    h: Vector


@optimizer(family="curvature", reference="Bekas, Kokiopoulou & Saad 2007, Appl. Numer. Math. 57: the diagonal")
def diagonal_newton(
    learning_rate: ScalarOrSchedule = 0.05,
    decay: Scalar = 0.99,
    damping: Annotated[Scalar, Domain(0.0, low_open=True, high_open=True, search=(1e-3, 1.0), scale="log")] = 0.1,
) -> Transformation:
    """Diagonal Newton: the gradient over the size of the Hessian's diagonal, which random signs estimate.

        z = ±1 at random      h = β h + (1-β) |z ∇²L z|      θ -= η g / (h / (1-βᵗ) + λ)

    Args:
        learning_rate: η > 0; 1 is a whole Newton step. decay: β in [0, 1), a memory of about 1/(1-β) steps.
        damping: λ > 0, in units of curvature.
    """

    def direction(g, s, p, t, grad_fn, key):
        z = random_signs(key, p)
        h = decay * s.h + (1 - decay) * abs(z * hvp(grad_fn, p, z))
        return g / (h / (1 - decay**t) + damping), Curvature(h)

    return descend(treewise(lambda p: Curvature(0 * p), direction, needs=("params", "grad_fn", "key")), learning_rate)
