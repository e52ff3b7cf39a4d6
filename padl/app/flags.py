"""Whether numbers can differ from a record's because JAX is set otherwise: in its flags, or in the environment."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from padl.jax_flags import pinned
from padl.runs.environment import flags
from padl.runs.run_folder import read_json


@pinned()
def differences_from_record(folder: Path) -> list[str]:
    """Say in lines which flags that change numbers are others now than when a run was recorded.

    Args:
        folder: of the run; one whose env.json is from before flags were recorded gives no lines.

    Raises:
        PadlError: its env.json cannot be read.
    """
    return flag_differences(read_json(folder / "env.json").get("flags", {}), flags())


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
