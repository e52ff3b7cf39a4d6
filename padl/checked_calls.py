"""Make a registered function look at its hyperparameters at every call, as a call by name does. checked."""

import functools
import inspect
import numbers
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from padl.nested import without
from padl.types import PadlError

F = TypeVar("F", bound=Callable[..., Any])


class Checks(Protocol):
    """What looks at a value: a hyperparameter."""

    @property
    def default(self) -> Any: ...

    @property
    def nested(self) -> bool: ...

    def check(self, value: Any, where: str) -> Any: ...

    def made(self, value: Any) -> Any: ...


Conflict = Callable[[Mapping[str, Any]], str]


def no_conflict(values: Mapping[str, Any]) -> str:
    """Say what is wrong with some hyperparameters together, as {name: value}; "" where nothing is."""
    return ""


def checked(
    kind: str, function: F, schema: Callable[[str, F], Mapping[str, Checks]], conflict: Conflict = no_conflict
) -> F:
    """Return `function` with a look at its hyperparameters; a class, or another thing that can be called, as it is.

    An array is taken as it is: it may be traced, and the first learning rate of a schedule may be 0.

    Args:
        kind: in whose words a value is refused. schema: the hyperparameters of a function of this kind; asked once, at
            the first call. conflict: looks at all of them together, where none is an array.
    """
    if not inspect.isfunction(function):
        return function

    @functools.wraps(function)
    def call(*args: Any, **arguments: Any) -> Any:
        names, hyperparameters, within = _signature(kind, function, schema)

        def look(name: str, value: Any) -> Any:
            if name not in hyperparameters or _is_array(value):
                return value
            return hyperparameters[name].made(hyperparameters[name].check(value, f"{kind}.{name}"))

        if kind == "schedule" and not args and not {*names[:1]} <= {*arguments}:
            name = function.__name__
            raise PadlError(f"schedule '{name}' is a function of the fraction of training: {over_steps(name)}")
        looked_at = [*map(look, names, args), *args[len(names) :]]
        left_out = without(within, *names[: len(args)])
        named = {name: look(name, value) for name, value in {**left_out, **arguments}.items()}
        together = {**dict(zip(names, looked_at, strict=False)), **named}
        _refuse_conflict(f"{kind} '{function.__name__}'", conflict, hyperparameters, together)
        return function(*looked_at, **named)

    return call  # pyright: ignore[reportReturnType]


def _refuse_conflict(
    owner: str, conflict: Conflict, schema: Mapping[str, Checks], arguments: Mapping[str, Any]
) -> None:
    """Raise PadlError for hyperparameters that do not go together; one that is an array may be traced."""
    values = {name: arguments.get(name, each.default) for name, each in schema.items()}
    line = "" if any(map(_is_array, values.values())) else conflict(values)
    if line:
        raise PadlError(f"{owner}: {line}")


def over_steps(schedule: str) -> str:
    """Say how a schedule of the fraction becomes one of the step count, as Optax's are."""
    return f"padl.schedules.over(padl.schedule('{schedule}'), steps=1000, peak=0.01) is one of the step count"


@functools.cache
def _signature(kind: str, function: Any, schema: Callable[[str, Any], Mapping[str, Checks]]) -> tuple[Any, Any, Any]:
    """The names of the arguments in their order, the hyperparameters among them, and the optimizers that they are where
    they are left out."""
    hyperparameters = schema(kind, function)
    within = {name: h.default for name, h in hyperparameters.items() if h.nested and h.default is not None}
    return list(inspect.signature(function).parameters), hyperparameters, within


def _is_array(value: Any) -> bool:
    """Whether a value is an array, stands for one, or has one in it."""
    if isinstance(value, (list, tuple)):
        return any(map(_is_array, value))
    stands_for_one = hasattr(value, "__array__") or hasattr(value, "__jax_array__")
    return stands_for_one and not isinstance(value, numbers.Number)  # NumPy's scalars are numbers
