"""What losses call their arguments, and how classes are put in these words. A loss declares a pair of them.

targets       labels                     indicators     signs                  label_lists       distributions
class 2 of 4  2                          0 0 1 0        -1 -1 1 -1             2 -1 -1 -1        0. 0. 1. 0.

predictions   logits, scores             log_probabilities                     probabilities
outputs x     x                          log softmax(x)                        σ(x), each class against the rest
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp


class Words(NamedTuple):
    """What a loss calls its targets and its predictions; "" for predictions: it takes a model's outputs as they are."""

    targets: str
    predictions: str = ""

    def among(self, fits: tuple["Words", ...]) -> bool:
        return self in fits or (not self.predictions and self.targets in {words.targets for words in fits})


def pairs(taken: Mapping[str, tuple[str, ...]]) -> tuple[Words, ...]:
    """{targets: predictions that go with them} -> all pairs of words."""
    return tuple(Words(targets, predictions) for targets, several in taken.items() for predictions in several)


CLASSES = pairs(
    {
        "labels": ("logits", "scores", "log_probabilities"),
        "indicators": ("logits", "scores", "probabilities"),
        "signs": ("logits", "scores"),
        "label_lists": ("logits", "scores"),
        "distributions": ("logits", "log_probabilities"),
    }
)


def _one_hot(labels: jax.Array, classes: int) -> jax.Array:
    return jax.nn.one_hot(labels, classes)


def _signs(labels: jax.Array, classes: int) -> jax.Array:
    return 2 * _one_hot(labels, classes) - 1


def _lists(labels: jax.Array, classes: int) -> jax.Array:
    return jnp.full((*labels.shape, classes), -1).at[..., 0].set(labels)


TARGETS: Mapping[str, Callable[[jax.Array, int], jax.Array]] = {
    "labels": lambda labels, classes: labels,
    "indicators": _one_hot,
    "signs": _signs,
    "label_lists": _lists,
    "distributions": _one_hot,
}
PREDICTIONS: Mapping[str, Callable[[jax.Array], jax.Array]] = {
    "log_probabilities": jax.nn.log_softmax,
    "probabilities": jax.nn.sigmoid,
}  # any other word: the outputs

SHARES: Mapping[str, Callable[[jax.Array], jax.Array]] = {
    "labels": jax.nn.softmax,
    "distributions": jax.nn.softmax,
    "indicators": jax.nn.sigmoid,
    "signs": jax.nn.sigmoid,
}  # outputs -> probabilities, of one class among all, or of each against the rest


def probabilities(words: Words) -> Callable[[jax.Array], jax.Array] | None:
    """Return what makes probabilities of outputs that a loss with these words trained; None where they are scores."""
    if words.predictions not in ("logits", "log_probabilities", "probabilities"):
        return None
    return SHARES.get(words.targets)


def of_classes(outputs: jax.Array, labels: jax.Array, words: Words) -> tuple[jax.Array, jax.Array]:
    """The arguments of a loss in these words: outputs (batch, classes), labels (batch,)."""
    predictions = PREDICTIONS.get(words.predictions, lambda x: x)(outputs)
    return predictions, TARGETS[words.targets](labels, outputs.shape[-1])
