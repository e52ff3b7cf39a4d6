"""Say where what is for some roles has no parameter: idle_line (its companion `others` has them all), idle_wraps."""

from collections.abc import Iterable, Mapping
from typing import Any

from padl.app.composition import WRAP
from padl.optimizers.matrixwise import MATRICES
from padl.registry import Entry
from padl.roles import ParameterRole

OTHERS, APPLIES_TO = "others", "applies_to"  # hyperparameters: the companion, and the roles that are not its


def idle_line(entry: Entry, config: Mapping[str, Any], roles: Iterable[ParameterRole | Any]) -> str:
    """Return a line where none of the parameters is of a role that an optimizer moves itself; "" elsewhere.

    Args:
        config: as used, of the optimizer. roles: of all its parameters, or what has a `role`.
    """
    hyperparameter = entry.hyperparameters.get(OTHERS)
    if hyperparameter is None or not hyperparameter.nested:
        return ""
    moved = config.get(APPLIES_TO, MATRICES)
    if any(each.role in moved for each in roles):
        return ""
    companion = config[OTHERS]["name"] if isinstance(config[OTHERS], Mapping) else config[OTHERS]
    return (
        f"{entry.name} moves no parameter here, and its learning_rate does nothing: {_none_of(moved)}, so"
        f" that all have {OTHERS}={companion}, whose own rate is optimizer.{OTHERS}.learning_rate"
    )


def idle_wraps(config: Mapping[str, Any], roles: Iterable[ParameterRole | Any]) -> list[str]:
    """Return a line for each wrapper of `optimizer.wrap` that applies to roles of which there is no parameter.

    Args:
        config, roles: as of `idle_line`; all parameters, as wrappers are around all groups.
    """
    there = {each.role for each in roles}
    wraps = {label: own for label, own in config.get(WRAP, {}).items() if APPLIES_TO in own}
    return [
        f"{label} changes no parameter here: {_none_of(own[APPLIES_TO])} (optimizer.{WRAP}.{label}.{APPLIES_TO};"
        f" there are {', '.join(sorted(there))})"
        for label, own in wraps.items()
        if there.isdisjoint(own[APPLIES_TO])
    ]


def _none_of(roles: Iterable[str]) -> str:
    words = " or ".join(f"{'an' if role[0] in 'aeiou' else 'a'} {role}" for role in roles)
    return f"none is {words}" if words else f"{APPLIES_TO} has no role"
