"""Make what checks see of a registered entry, or of a function that makes an Optax transformation.

checked_entry, checked_function.
"""

import inspect
from collections.abc import Mapping
from typing import Any

import numpy as np
import optax

from padl.app.objects import optimizers
from padl.app.objects.signatures import hyperparameters_of, parameters_of
from padl.conformance.checked_optimizer import RATE, CheckedOptimizer, domain_of
from padl.nested import without
from padl.optimizers.transformation import NEEDS
from padl.registry import Entry, StaticPartial, near
from padl.types import PadlError, one_line

FLOATS = (float, np.floating)
USUAL_RATE = 1e-3  # of a function that has no default for it


def checked_entry(entry: Entry, settings: Mapping[str, Any] | None = None, code: str = "") -> CheckedOptimizer:
    """Make an optimizer that is checked of a registered one.

    Args:
        settings: hyperparameters, in the place of its defaults. code: Python before which
            nobody knows its name.

    Raises:
        PadlError: a hyperparameter that it does not have or take; or it fails at its defaults.
    """
    values = {**entry.stand_ins, **(settings or {})}
    checked = entry.check(values)
    numbers = {name: float(checked[name]) for name in values if _is_number(entry, name, checked[name])}
    call = ", ".join([f"padl.optimizer({entry.name!r}", *_written(without(values, *numbers))])
    rule = CheckedOptimizer(
        entry.name,
        lambda more: entry.split({**values, **more}),
        {name: h.domain for name, h in entry.hyperparameters.items()},
        "\n".join(["import padl", *([code] if code else [])]),
        call,
        entry.traits,
        stated=numbers,
    )
    return _that_can_be_made(rule, entry.origin)


def _is_number(entry: Entry, name: str, value: Any) -> bool:
    return entry.hyperparameters[name].traced and isinstance(value, (int, float))


def _written(values: Mapping[str, Any]) -> list[str]:
    return [f"{name}={value!r}" for name, value in values.items()]


def checked_function(thing: Any, settings: Mapping[str, Any], label: str, code: str) -> CheckedOptimizer:
    """Make an optimizer that is checked of a function that makes an Optax transformation, or of a transformation.

    Its floats are numbers that are data, as `optax.inject_hyperparams` has them, and what is annotated `Scalar`; a
    learning rate without a default is 0.001. Whole numbers, words, None choose the program.

    Args:
        label: what it is called; its own name where "". code: Python that imports it.

    Raises:
        PadlError: it is neither, needs an argument that is not given, or fails.
    """
    adapted = optimizers.optimizer(thing)
    label = label or adapted.__name__
    call = f"{label.replace(':', '.')}("
    numbers, choices = _numbers_and_choices(thing, label, settings)
    defaults = {name: parameter.default for name, parameter in _parameters(thing).items()}
    make = StaticPartial(thing if callable(thing) else adapted, tuple(choices.items()))
    rule = CheckedOptimizer(
        label,
        lambda more: (make, {**numbers, **more}),
        {name: domain_of(name) for name in numbers},
        code or f"# {label}: what was checked",
        ", ".join([call, *_written(choices)]),
        annotated=False,
        stated={name: x for name, x in numbers.items() if defaults.get(name) != x},
    )
    return _that_can_be_updated(_that_can_be_made(rule, ""))


def _parameters(thing: Any) -> Mapping[str, inspect.Parameter]:
    return parameters_of(thing) if callable(thing) else {}


def _numbers_and_choices(
    thing: Any, label: str, settings: Mapping[str, Any]
) -> tuple[dict[str, float], dict[str, Any]]:
    """The numbers that are data, and what else is given, of a function and what its arguments are to be."""
    parameters = _parameters(thing)
    unknown = next((name for name in settings if name not in parameters), None)
    if unknown is not None and not (callable(thing) and _takes_any_name(thing)):
        has = ", ".join(parameters) or "none"
        raise PadlError(f"{label} has no argument '{unknown}'{near(unknown, parameters)} (it has: {has})")
    data = {name for name, h in hyperparameters_of(thing, ()).items() if h.traced} if callable(thing) else set()
    values = {name: each.default for name, each in parameters.items() if each.default is not each.empty}
    data |= {name for name, x in values.items() if isinstance(x, FLOATS)} | {RATE}
    if RATE in parameters:
        values.setdefault(RATE, USUAL_RATE)
    values |= settings
    missing = [name for name in parameters if name not in values]
    if missing:
        raise PadlError(f"{label} has no default for {missing[0]}: give it one, as {missing[0]}=VALUE behind it")
    is_number = lambda name, x: isinstance(x, FLOATS) or (name in data and type(x) is int)  # noqa: E731
    numbers = {name: float(x) for name, x in values.items() if is_number(name, x)}
    return numbers, {name: x for name, x in settings.items() if name not in numbers}


def _takes_any_name(thing: Any) -> bool:
    function = getattr(thing, "func", thing)
    return any(each.kind is each.VAR_KEYWORD for each in inspect.signature(function).parameters.values())


def _that_can_be_made(rule: CheckedOptimizer, origin: str) -> CheckedOptimizer:
    """Return it; PadlError where it fails before it is given anything, or is nothing that Optax would take."""
    whose = f" from {origin}" if origin else ""
    try:
        made = rule.split({})[0](**rule.numbers)
    except PadlError:
        raise
    except Exception as error:  # a stranger's code
        raise PadlError(f"{rule.label}{whose} cannot be made: {one_line(error)}") from error
    if not isinstance(made, optax.GradientTransformation):
        raise PadlError(
            f"{rule.label}{whose} makes no Optax transformation, but something of type {type(made).__name__}"
        )
    return rule


def _that_can_be_updated(rule: CheckedOptimizer) -> CheckedOptimizer:
    """Return it; PadlError where no update works of any array, whatever it is given."""
    if not any(each.works_with(each.needs) for each in (rule, *rule.smaller)):
        given = ", ".join(sorted(NEEDS))
        error = one_line(rule.error_with(()) or ValueError())
        raise PadlError(f"{rule.label}: every update raises {error} (beside gradients a run can give {given})")
    return rule
