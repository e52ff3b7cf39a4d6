"""What calls a trained model again, from what its run folder says of the data: no task is built, and no data read."""

from collections.abc import Callable, Mapping
from typing import Any

from padl.registry import StaticPartial
from padl.tasks.autoencoder import autoencoder
from padl.tasks.classification import classifier
from padl.tasks.embedding import embedder
from padl.tasks.line_reading import reader
from padl.tasks.minibatch import Predictor
from padl.tasks.pair_ranking import scorer
from padl.tasks.regression import regressor
from padl.tasks.supervised import Dtype
from padl.types import PadlError

BY_KIND: Mapping[str, Callable[..., Predictor]] = {
    "classification": classifier,
    "regression": regressor,
    "embedding": embedder,
    "ranking": scorer,
    "lines": reader,
    "autoencoder": autoencoder,
}


def predictor(
    about: Mapping[str, Any], model: StaticPartial, shape: tuple[int, ...], dtype: Dtype, predictions: str
) -> Predictor:
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
