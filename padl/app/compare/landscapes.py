"""Find landscapes: by name, what `padl compare surface=NAME` may be; of a function from Python.

named_landscape, own_landscape, landscape, network.
"""

import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Literal, cast, get_args

import numpy as np

from padl.app.compare.settings import CompareSettings
from padl.app.run_spec import check
from padl.app.saved_runs import check_data, parameters
from padl.app.stored_config import verified_for_today
from padl.compare import loss_slice
from padl.data.source import frozen
from padl.registry import near
from padl.runs import checkpoint as checkpoints
from padl.surfaces.function_landscapes import closed_form, noisy_valley
from padl.surfaces.functions import Name
from padl.surfaces.landscape import Landscape
from padl.surfaces.logistic import logistic
from padl.surfaces.matrix_landscapes import linear_network, matrix_least_squares
from padl.surfaces.own_function import of_function
from padl.types import PadlError

OTHERS: dict[str, Callable[[float | None], Landscape]] = {  # condition number -> landscape
    "noisy_valley": noisy_valley,
    "matrix_least_squares": matrix_least_squares,
    "linear_network": linear_network,
}
CONDITIONED = ("valley", *OTHERS)
NAMES: tuple[str, ...] = (*get_args(Name), *OTHERS, "logistic", "network")
FEW = 256  # rows of a network's: each of thousands of steps looks at all of them


def named_landscape(settings: CompareSettings, allow: Collection[str] = ()) -> Landscape:
    """Make the landscape that settings name; `allow` and what raises are those of `landscape`."""
    if settings.view is not None:
        raise PadlError(f"view= is for a function from Python; surface '{settings.surface}' has its own: leave it out")
    return landscape(
        settings.surface, settings.condition, settings.checkpoint, settings.directions, settings.rows, allow
    )


def own_landscape(function: Callable[..., Any], settings: CompareSettings) -> Landscape:
    """Make a landscape of a function from Python.

    Raises:
        PadlError: it has no start, or is told what only a named surface can use.
    """
    if settings.start is None:
        raise PadlError(
            f"surface={settings.surface} is a function from Python: say where to begin, as start=(1.0, 2.0)"
        )
    for key in ("condition", "checkpoint", "rows"):
        if getattr(settings, key) is not None:
            raise PadlError(f"{key}= is for a surface of a name, and this one is a function: leave it out")
    return of_function(function, settings.surface, settings.start, settings.view)


def landscape(
    name: str,
    condition: float | None,
    checkpoint: str | None,
    directions: int,
    rows: int | Literal["all"] | None,
    allow: Collection[str] = (),
) -> Landscape:
    """Make the landscape of this name.

    Args:
        condition: of a valley or of matrices. checkpoint, directions, rows, allow: of the slice of a network: the
            folder, seed, rows and allow of `network`.

    Raises:
        PadlError: an unknown name; what this landscape cannot use, or a network without its checkpoint.
    """
    if name not in NAMES:
        raise PadlError(f"no surface '{name}'{near(name, NAMES) or ';'} there are {', '.join(NAMES)}")
    if condition is not None and name not in CONDITIONED:
        raise PadlError(f"condition is for surface={', '.join(CONDITIONED)}; '{name}' has none: leave it out")
    if name == "network":
        if not checkpoint:
            raise PadlError(
                "surface=network is the loss of a trained network: give its run folder, checkpoint=runs/..."
            )
        return network(Path(os.path.expanduser(checkpoint)), directions, rows, allow)
    of_a_network = {
        "checkpoint": checkpoint,
        "directions": directions or None,
        "rows": rows,
        "--allow": " ".join(allow) or None,
    }
    for key, value in of_a_network.items():
        if value is not None:
            raise PadlError(f"{key}={value} is for surface=network; '{name}' has none: leave it out")
    if name == "logistic":
        return logistic()
    return OTHERS[name](condition) if name in OTHERS else closed_form(cast(Name, name), condition)


def network(folder: Path, seed: int, rows: int | Literal["all"] | None, allow: Collection[str] = ()) -> Landscape:
    """Slice the loss of a run's best parameters.

    Args:
        folder: of a run with run.save=true. seed: of the two directions.
        rows: look at so many of the training rows, the first, or at "all"; None at FEW at most.
        allow: as of `saved_runs.evaluate`.

    Raises:
        PadlError: no run there, nothing saved, other data than it was trained on, a task without a model, fewer rows.
    """
    config, about = verified_for_today(folder, allow=allow), checkpoints.load_model(folder)
    if about["input_shape"] is None:
        raise PadlError(f"checkpoint={folder} is of a run without a network: give one of a task with a model")
    spec = check({**config, "devices": None})
    check_data(folder, spec)
    params, model_state = parameters(folder, "best", spec)
    train = spec.split.train
    count = len(train) if rows == "all" else min(FEW, len(train)) if rows is None else rows
    if count > len(train):
        raise PadlError(f"rows={rows} is more than the {len(train)} training rows of {folder}")
    data = spec.host_data.training_on(frozen(np.array(train[:count])))
    shown = f"{count:,} rows" if count == len(train) else f"{count:,} of {len(train):,} rows"
    title = f"slice of {spec.title}, {shown}"
    return loss_slice.network(title, spec.experiment.objective, params, model_state, spec.hparams, data, seed)
