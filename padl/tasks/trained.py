"""What calls a trained model again, from what its run folder says of the data: no task is built, and no data read."""

from collections.abc import Callable, Mapping
from typing import Any

from padl.registry import Choice
from padl.tasks.autoencoder import autoencoder
from padl.tasks.embedding import embedder
from padl.tasks.kinds import classifier, regressor
from padl.tasks.lines import reader
from padl.tasks.over_rows import Answering
from padl.tasks.ranking import scorer
from padl.tasks.supervised import Dtype
from padl.types import PadlError

BY_KIND: Mapping[str, Callable[..., Answering]] = {
    "classification": classifier,
    "regression": regressor,
    "embedding": embedder,
    "ranking": scorer,
    "lines": reader,
    "autoencoder": autoencoder,
}


def predictor(
    about: Mapping[str, Any], model: Choice, shape: tuple[int, ...], dtype: Dtype, predictions: str
) -> Answering:
    """What was trained.

    Args:
        about: the task's, with its "kind". model: with the static part of its hyperparameters. shape: of one input.
        predictions: what the loss calls them.

    Raises:
        PadlError: a kind of task that is not PADL's.
    """
    if about.get("kind") not in BY_KIND:
        raise PadlError(f"tasks of kind '{about.get('kind')}' cannot be called again ({', '.join(BY_KIND)} can)")
    return BY_KIND[about["kind"]](about, model, shape, dtype, predictions)
