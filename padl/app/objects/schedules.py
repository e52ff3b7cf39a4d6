"""Make a schedule of PADL's of a function of the fraction of training. schedule, Shape."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from padl.app.objects.signatures import Adapted, hyperparameters_of, label_of, parameters_of
from padl.registry import Hyperparameter
from padl.types import PadlError, one_line

PROBES = np.linspace(0, 1, 11, dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Shape(Adapted):
    """A schedule by a function: fraction of the training done, in [0, 1] -> share of the peak learning rate.

    Attributes:
        made_of: the function. fraction: what it calls its argument.
    """

    fraction: str

    @cached_property
    def hyperparameters(self) -> dict[str, Hyperparameter]:
        """Its other arguments."""
        return hyperparameters_of(self.made_of, leave_out=(self.fraction,))

    def __call__(self, fraction: jax.Array, **hyperparameters: Any) -> jax.Array:
        """Compute the shares, in the shape of `fraction`."""
        share = jnp.asarray(self.made_of(fraction, **hyperparameters), float)
        return share * jnp.ones_like(fraction, dtype=float)  # a constant may be a number


@lru_cache(maxsize=128)
def schedule(function: Any) -> Shape:
    """Make a schedule of a function of the fraction.

    Raises:
        PadlError: it is no function of one number, it counts steps as Optax's do, or it gives no share in [0, 1].
    """
    name = label_of(function)
    first = next(iter(parameters_of(function)), "")
    if not callable(function) or not first:
        raise PadlError(f"schedule={name}: a schedule is a function of the fraction of training, or a name")
    if str(getattr(function, "__module__", "")).startswith("optax"):
        raise PadlError(
            f"schedule={name} is Optax's and counts steps, and one here takes the fraction of training done, in [0, 1]:"
            " give lambda fraction: s(fraction * steps) / peak, or an Optax transformation that has it inside"
        )
    shape = Shape(function, first)
    if not any(each.required for each in shape.hyperparameters.values()):
        _check(shape)
    return shape


def _check(shape: Shape) -> None:
    defaults = {name: each.default for name, each in shape.hyperparameters.items()}
    try:
        shares = np.asarray(jax.jit(jax.vmap(lambda fraction: shape(fraction, **defaults)))(PROBES))
    except jax.errors.JAXTypeError as error:
        raise PadlError(
            f"schedule={shape.__name__} cannot be traced: write it with jax.numpy, and jnp.where in the place of if"
        ) from error
    except Exception as error:
        raise PadlError(f"schedule={shape.__name__} cannot be called with a fraction: {one_line(error)}") from error
    if shares.ndim > 1:
        raise PadlError(f"schedule={shape.__name__} gives an array {shares.shape[1:]} for a fraction: give one number")
    bad = ~(np.isfinite(shares) & (shares >= 0) & (shares <= 1 + 1e-6))
    if bad.any():
        at = int(np.argmax(bad))
        raise PadlError(
            f"schedule={shape.__name__} gives {shares[at]:g} where {PROBES[at]:.0%} of training is done: a share of the"
            " peak learning rate is in [0, 1]"
        )
