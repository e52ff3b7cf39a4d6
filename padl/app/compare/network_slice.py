"""A trained network's loss as a landscape, from its run folder. network."""

from pathlib import Path
from typing import Literal

import jax
import numpy as np

from padl.app.run_spec import check
from padl.app.saved_runs import check_data
from padl.compare import loss_slice
from padl.data.source import Data, frozen
from padl.runs import checkpoint, run_folder
from padl.surfaces.landscape import Landscape
from padl.types import PadlError

FEW = 256  # rows: each of thousands of steps looks at all of them


def network(folder: Path, seed: int, rows: int | Literal["all"] | None) -> Landscape:
    """A slice of the loss of the best parameters of a run.

    Args:
        folder: of a run with run.save=true. seed: of the two directions.
        rows: look at so many of the training rows, the first, or at "all"; None at FEW at most.

    Raises:
        PadlError: no run there, nothing saved, other data than it was trained on, a task without a model, fewer rows.
    """
    config, about = run_folder.read_config(folder), checkpoint.load_model(folder)
    if "task" not in config or about["input_shape"] is None:
        raise PadlError(f"checkpoint={folder} is of a run without a network: give one of a task with a model")
    draft = check({**config, "device": "auto", "devices": None})
    check_data(folder, draft)
    saved = checkpoint.load(folder, "best")
    train = draft.split.train
    count = len(train) if rows == "all" else min(FEW, len(train)) if rows is None else rows
    if count > len(train):
        raise PadlError(f"rows={rows} is more than the {len(train)} training rows of {folder}")
    data = Data(dict(draft.task.rows), draft.split._replace(train=frozen(np.array(train[:count]))))
    seen = f"{count:,} rows" if count == len(train) else f"{count:,} of {len(train):,} rows"
    params, model_state = jax.tree.map(np.asarray, (saved["params"], saved["model_state"]))
    title = f"slice of {draft.title}, {seen}"
    return loss_slice.network(title, draft.experiment.objective, params, model_state, draft.hparams, data, seed)
