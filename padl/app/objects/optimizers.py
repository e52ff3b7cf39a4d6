"""Make an optimizer of PADL's of an Optax transformation, or of a function that makes one. optimizer, Factory."""

import inspect
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import optax

from padl.app.objects.signatures import Adapted, hyperparameters_of
from padl.registry import Hyperparameter
from padl.types import DOMAINS, PadlError, ScalarOrSchedule

RATE = "learning_rate"


@dataclass(frozen=True, eq=False)
class Fixed(Adapted):
    """An optimizer that is one transformation, whose numbers were given as it was made.

    Attributes:
        made_of: the transformation.
    """

    @property
    def __name__(self) -> str:
        """`adam`, of the function that made its update."""
        name = getattr(self.made_of.update, "__qualname__", "").partition(".")[0]
        return name if name.isidentifier() else "transformation"

    def __call__(self) -> optax.GradientTransformation:
        return self.made_of


@dataclass(frozen=True, eq=False)
class Factory(Adapted):
    """An optimizer by a function that makes a transformation, as `optax.lion`. Its learning rate is traced.

    Attributes:
        made_of: the function.
    """

    @cached_property
    def hyperparameters(self) -> dict[str, Hyperparameter]:
        """Its arguments."""
        found = hyperparameters_of(self.made_of, leave_out=())
        if RATE in found:
            rate = found[RATE]
            found[RATE] = rate._replace(annotation=ScalarOrSchedule, traced=True, domain=DOMAINS[RATE])
        return found

    def __call__(self, **hyperparameters: Any) -> optax.GradientTransformation:
        """Make the transformation.

        Raises:
            PadlError: the function makes something else.
        """
        made = self.made_of(**hyperparameters)
        if not isinstance(made, optax.GradientTransformation):
            raise PadlError(
                f"optimizer={self.__name__} makes no Optax transformation, but something of type {type(made).__name__}"
            )
        return made


@lru_cache(maxsize=128)
def optimizer(thing: Any) -> Fixed | Factory:
    """Make an optimizer of a transformation, or of a function that makes one.

    Raises:
        PadlError: it is neither.
    """
    if isinstance(thing, optax.MultiSteps):
        return Fixed(thing.gradient_transformation())
    if isinstance(thing, optax.GradientTransformation):
        return Fixed(thing)
    if callable(thing) and not inspect.isclass(thing):
        return Factory(thing)
    name = thing.__name__ if inspect.isclass(thing) else f"a {type(thing).__name__}"
    raise PadlError(
        f"optimizer={name}: an optimizer is an Optax transformation, a function that makes one, or a name"
        " ('padl list optimizer')"
    )
