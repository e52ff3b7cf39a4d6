"""What was typed rules over what an experiment sets in another way: `experiment=NAME steps=5` over its epochs."""

from collections.abc import Collection, Mapping
from typing import Any

from padl.app.settings import LENGTHS


def let_typed_rule(config: Mapping[str, Any], typed: Collection[str]) -> tuple[dict[str, Any], str]:
    """Leave out the length of a run that a file of conf/ gives, where the other one was typed.

    Args:
        config: as Hydra composed it. typed: the keys of the command line.

    Returns:
        The configuration, and a line that says what was left out; "" where nothing was.
    """
    given = [key for key in LENGTHS if config.get(key) is not None]
    chosen = [key for key in given if key in typed]
    if len(given) != 2 or len(chosen) != 1:
        return dict(config), ""
    (ruling,) = chosen
    other = LENGTHS[ruling]
    line = f"{ruling}={config[ruling]} was typed and rules: {other}={config[other]}, of a file, is left out"
    return {**config, other: None}, line
