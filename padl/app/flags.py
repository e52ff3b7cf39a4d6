"""Whether numbers can differ from a record's because JAX is set otherwise: in its flags, or in the environment."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from padl.jax_flags import pinned
from padl.runs.environment import flags
from padl.runs.run_files import verified_json
from padl.types import PadlError


@pinned()
def differences_from_record(folder: Path) -> list[str]:
    """Say in lines which flags that change numbers are others now than when a run was recorded.

    Args:
        folder: of the run; one whose env.json is from before flags were recorded gives no lines. One whose env.json
            was edited or is damaged gives a line that says so: no number is computed from it.
    """
    try:
        recorded = verified_json(folder / "env.json")
    except PadlError as error:
        return [f"{error}; so whether JAX was set otherwise is not known"]
    known = recorded.get("flags", {}) if isinstance(recorded, Mapping) else None
    if not isinstance(known, Mapping):
        return [f"{folder / 'env.json'} is damaged: whether JAX was set otherwise is not known"]
    return flag_differences(known, flags())


def flag_differences(recorded: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Say in lines where flags differ: "jax_enable_x64 is True now, the record has False".

    Args:
        recorded, now: {name of a flag or an environment variable: value}; those that only one has are left out, since
            versions of JAX have different flags.
    """
    return [
        f"{name} is {now[name]!r} now, the record has {value!r}"
        for name, value in recorded.items()
        if name in now and now[name] != value
    ]
