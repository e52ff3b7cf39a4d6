"""`debug=NAME`: ways to run that look for a mistake. What each sets is conf/debug/NAME.yaml, under all that is given.

overfit.py    one small batch, learnt by heart or not
nonfinite.py  the first NaN or infinity of a run: its step, and where it arises
profile.py    a trace of a few steps, for Perfetto
"""

from collections.abc import Mapping
from typing import Any, get_args

from padl.app.conf import overrides
from padl.app.settings import LENGTHS, Debug
from padl.nested import flattened, with_value


def with_debug(config: Mapping[str, Any]) -> dict[str, Any]:
    """Put what `debug=NAME` sets under what a configuration gives itself, as Hydra does on the command line."""
    complete, given = dict(config), flattened(config)
    if config.get("debug") not in get_args(Debug):
        return complete  # none, or refused where it is checked
    for key, value in flattened(overrides("debug", config["debug"])).items():
        if key not in given and LENGTHS.get(key) not in given:
            complete = with_value(complete, key, value)
    return complete
