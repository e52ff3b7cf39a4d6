"""What the W&B run of a sweep is filtered by: what all members share, and what is swept. shared_config."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from padl.app.sweep.members import Member, swept
from padl.nested import flattened

MOST_VALUES = 64  # of a key that are listed; of more the least and the largest


def shared_config(members: Sequence[Member], drawn: Iterable[str] = ()) -> dict[str, Any]:
    """Return the configuration that members share, and what they do not: {..., "swept": {key: values}, "members": n}.

    Args:
        drawn: keys that a search draws, though members so far may have one value of it.
    """
    keys = list(dict.fromkeys([*drawn, *swept(members)]))
    configs = [flattened(member.spec.config) for member in members]
    differ = {key for key in configs[0] if len({str(config.get(key)) for config in configs}) > 1}
    shared = _without(members[0].spec.config, {*keys, *differ})
    return {**shared, "swept": {key: _values(members, key) for key in keys}, "members": len(members)}


def _without(config: Mapping[str, Any], keys: set[str], group: str = "") -> dict[str, Any]:
    """A configuration without these keys, and without groups that have others only."""
    kept = {}
    for name, value in config.items():
        key = f"{group}{name}"
        if key in keys:
            kept |= {} if group else {name: None}  # W&B cannot take a value away, but replace it
        elif isinstance(value, Mapping):
            kept[name] = _without(value, keys, f"{key}.")
        else:
            kept[name] = value
    return kept


def _values(members: Sequence[Member], key: str) -> list[Any]:
    """The values of a key, each once, in their order; of more than `MOST_VALUES` numbers the least and the largest."""
    values = list({str(member.values.get(key)): member.values.get(key) for member in members}.values())
    numbers = [value for value in values if isinstance(value, int | float)]
    return [min(numbers), max(numbers)] if len(numbers) == len(values) > MOST_VALUES else values
