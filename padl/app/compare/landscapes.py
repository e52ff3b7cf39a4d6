"""Landscapes by name: what `padl compare surface=NAME` may be."""

from pathlib import Path
from typing import Literal, cast, get_args

from padl.app.compare import network_slice
from padl.registry import near
from padl.surfaces.functions import Name, check_condition, closed_form, noisy_valley
from padl.surfaces.landscape import Landscape
from padl.surfaces.logistic import logistic
from padl.types import PadlError

NAMES: tuple[str, ...] = (*get_args(Name), "noisy_valley", "logistic", "network")
VALLEYS = ("valley", "noisy_valley")


def landscape(
    name: str, condition: float | None, checkpoint: str | None, directions: int, rows: int | Literal["all"] | None
) -> Landscape:
    """The landscape of this name.

    Args:
        condition: of a valley. checkpoint, directions, rows: of the slice of a network, as in `slices.network`.

    Raises:
        PadlError: an unknown name; what this landscape cannot use, or a network without its checkpoint.
    """
    if name not in NAMES:
        raise PadlError(f"no surface '{name}'{near(name, NAMES) or ';'} there are {', '.join(NAMES)}")
    check_condition("valley" if name in VALLEYS else name, condition, "surface")
    if name == "network":
        if not checkpoint:
            raise PadlError(
                "surface=network is the loss of a trained network: give its run folder, checkpoint=runs/..."
            )
        return network_slice.network(Path(checkpoint).expanduser(), directions, rows)
    for key, value in {"checkpoint": checkpoint, "directions": directions or None, "rows": rows}.items():
        if value is not None:
            raise PadlError(f"{key}={value} is for surface=network; '{name}' has none: leave it out")
    if name == "logistic":
        return logistic()
    return noisy_valley(condition) if name == "noisy_valley" else closed_form(cast(Name, name), condition)
