"""Find landscapes by name: what `padl compare surface=NAME` may be. landscape, network."""

import os
from collections.abc import Collection
from pathlib import Path
from typing import Literal, cast, get_args

import numpy as np

from padl.app.run_spec import check
from padl.app.saved_runs import check_data, parameters
from padl.app.stored_config import verified_for_today
from padl.compare import loss_slice
from padl.data.source import frozen
from padl.registry import near
from padl.runs import checkpoint as checkpoints
from padl.surfaces.function_landscapes import closed_form, noisy_valley
from padl.surfaces.functions import Name, check_condition
from padl.surfaces.landscape import Landscape
from padl.surfaces.logistic import logistic
from padl.types import PadlError

NAMES: tuple[str, ...] = (*get_args(Name), "noisy_valley", "logistic", "network")
VALLEYS = ("valley", "noisy_valley")
FEW = 256  # rows of a network's: each of thousands of steps looks at all of them


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
        condition: of a valley. checkpoint, directions, rows, allow: of the slice of a network: the folder, seed, rows
            and allow of `network`.

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
    return noisy_valley(condition) if name == "noisy_valley" else closed_form(cast(Name, name), condition)


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
