"""A drop-in rule that takes a gradient of its own, at another point. `padl train optimizer=extragradient` uses it."""

from padl.optimizers.descend import move
from padl.optimizers.transformation import Transformation
from padl.optimizers.treewise import treewise
from padl.registry import optimizer
from padl.types import ScalarOrSchedule


@optimizer(family="descent", reference="Korpelevich 1976, Matecon 12, eq. 1")
def extragradient(learning_rate: ScalarOrSchedule = 0.01) -> Transformation:
    """Extragradient: look where a step of gradient descent leads, and go by the gradient there.

        θ' = θ - η ∇L(θ)      θ -= η ∇L(θ'), of the same batch

    It also settles where a saddle or a game makes gradient descent circle. Each step computes two gradients.

    Args:
        learning_rate: η > 0, in units of parameter² per unit of loss.
    """

    def update(g, s, p, t, grad_fn, learning_rate):
        return -learning_rate * grad_fn(p - learning_rate * g), s

    rule = treewise(lambda p: (), update, needs=("params", "grad_fn", "learning_rate"))
    return move(rule, learning_rate)
