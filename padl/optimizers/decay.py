"""Weight decay in its kinds, as one argument of a rule. Decay, DecayKind.

What libraries call weight decay is one of these, with d the rule's direction and η the learning rate of the step:

    coupled      g ← g + λ θ, before the rule              (L2 regularisation: torch.optim.Adam)
    decoupled    θ -= η (d + λ θ)                          (torch.optim.AdamW, Optax, Keras)
    independent  θ -= η d + (η/η_max) λ θ                  (Loshchilov & Hutter 2019, algorithm 2: λ alone, scheduled)
    corrected    θ -= η d + (η²/η_max) λ θ                 (Defazio 2025, arXiv:2506.02285: AdamC)
    cautious     θ -= η (d + λ θ [d θ >= 0])               (Chen et al. 2025, arXiv:2510.12402)
    proximal     θ = (θ - η d) / (1 + η λ)                 (Xie et al. 2022, arXiv:2208.06677: Adan)
"""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

from padl.types import PadlError, Scalar, ScalarOrSchedule

DecayKind = Literal["coupled", "decoupled", "independent", "corrected", "cautious", "proximal"]


class Decay(NamedTuple):
    """A weight decay.

    Attributes:
        weight_decay: λ >= 0; of the kind "independent" the share by which a step shrinks a parameter at the peak of the
            learning rate, of the others per unit of learning rate. kind: see above.
    """

    weight_decay: Scalar
    kind: DecayKind = "decoupled"

    @property
    def needs_peak(self) -> bool:
        """Whether it reads the largest learning rate of the training."""
        return self.kind in ("independent", "corrected")

    def of_gradient(self, g: jax.Array, p: jax.Array) -> jax.Array:
        """Return the gradient that the rule is given."""
        return g + self._weight_decay(p) * p if self.kind == "coupled" else g

    def of_update(self, u: jax.Array, p: jax.Array, rate: jax.Array, peak: jax.Array) -> jax.Array:
        """Return the update with the decay in it.

        Args:
            u: -η d. p: θ. rate, peak: η and the largest of the training.
        """
        weight_decay = self._weight_decay(p)
        match self.kind:
            case "coupled":
                return u
            case "decoupled":
                return u - rate * weight_decay * p
            case "independent":
                return u - _share(rate, peak) * weight_decay * p
            case "corrected":
                return u - rate * _share(rate, peak) * weight_decay * p
            case "cautious":
                return u - rate * weight_decay * jnp.where(u * p <= 0, p, 0)
            case "proximal":
                return (u - rate * weight_decay * p) / (1 + rate * weight_decay)

    def _weight_decay(self, p: jax.Array) -> jax.Array:
        return jnp.asarray(self.weight_decay, p.dtype)


def _share(rate: jax.Array, peak: jax.Array) -> jax.Array:
    """η/η_max, and 0 where both are 0."""
    return jnp.where(peak > 0, rate / jnp.where(peak > 0, peak, 1), 0)


def peak_of(learning_rate: ScalarOrSchedule) -> Scalar | None:
    """Return the largest learning rate of a training: the number, or what a schedule calls its `peak`; else None."""
    return getattr(learning_rate, "peak", None) if callable(learning_rate) else learning_rate


def refuse_without_peak(decay: Decay, learning_rate: ScalarOrSchedule) -> None:
    """Raise PadlError where a decay follows the peak of the learning rate, and a schedule has none."""
    if decay.needs_peak and peak_of(learning_rate) is None:
        raise PadlError(
            f"weight decay of kind {decay.kind} follows the peak of the learning rate, and this schedule has none: give"
            " padl.schedules.over(shape, steps, peak)"
        )
