"""The learning rates of optimizers that say themselves which are worth trying. own_range, is_far, far_lines.

Of a rule that finds its own step the learning rate is a factor of it, or a bound: the usual ones make it stand still.
"""

from collections.abc import Iterable
from typing import Any

from padl.app.composition import visited
from padl.app.names import find
from padl.app.run_spec import RunSpec
from padl.registry import Entry, Hyperparameter
from padl.types import DOMAINS, short

FAR = 10.0  # times above or below


def own_range(entry: Entry) -> tuple[float, float] | None:
    """Return the learning rates worth trying where an optimizer declares them for itself; None where it does not."""
    return _range(entry.hyperparameters.get("learning_rate"))


def _range(hyperparameter: Hyperparameter | None) -> tuple[float, float] | None:
    if hyperparameter is None or hyperparameter.domain == DOMAINS["learning_rate"]:
        return None
    return hyperparameter.domain.search


def is_far(rate: Any, own: tuple[float, float]) -> bool:
    """Tell whether a learning rate is more than `FAR` times below or above a range; a schedule is not."""
    low, high = own
    return isinstance(rate, (int, float)) and not low / FAR <= rate <= FAR * high


def far_lines(specs: Iterable[RunSpec]) -> list[str]:
    """Return a line for each optimizer that declares its own learning rates, and is given others.

    Args:
        specs: of a run, or of the members of a sweep.
    """
    far: dict[tuple[str, str], dict[str, None]] = {}

    def note(key: str, hyperparameter: Hyperparameter, value: Any) -> Any:
        own = _range(hyperparameter) if hyperparameter.name == "learning_rate" else None
        if own is not None and is_far(value, own):
            values = far.setdefault((key, far_words(own, hyperparameter)), {})
            values[short(value)] = None
        return value

    for optimizer in {id(spec.parts["optimizer"]): spec.parts["optimizer"] for spec in specs}.values():
        visited(optimizer.entry, optimizer.config, find, note)
    return [f"{key}={','.join(values)} is {words}" for (key, words), values in far.items()]


def far_words(own: tuple[float, float], hyperparameter: Hyperparameter) -> str:
    """Say what a learning rate is far from."""
    low, high = own
    return (
        f"far from {low:g} to {high:g}, which this optimizer says are worth trying: it is no usual learning rate,"
        f" and {short(hyperparameter.default)} where not given ('padl show NAME' says what it is)"
    )
