"""Lines of images whose labels are read without being told where each is. digit_lines.

A line is composed where it is needed, from the images of the batch: held-out lines hold held-out images only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from padl.data.source import Batch
from padl.registry import StaticPartial, task
from padl.tasks.edit_distance import edit_distance, greedy, packed
from padl.tasks.images import digits
from padl.tasks.loss_inputs import pairs
from padl.tasks.minibatch import BatchResult, Context, MinibatchObjective
from padl.tasks.predictor import Dtype, rebuilds
from padl.tasks.supervised import ModelPredictor
from padl.tasks.task import ObjectiveConfig, Task
from padl.types import Key, Metric, Metrics, PadlError, Params, PyTree

METRICS = (Metric("label_error_rate"),)


class Lines(NamedTuple):
    """images: (n, height, longest × width, channels), blank behind the last. labels: (n, longest), -1 behind it."""

    images: jax.Array
    labels: jax.Array

    @property
    def lengths(self) -> jax.Array:
        return (self.labels >= 0).sum(1)


def compose(key: Key, images: jax.Array, labels: jax.Array, real: jax.Array, longest: int) -> Lines:
    """Compose as many lines as there are images, each of 1 to `longest` of them, drawn with replacement.

    Args:
        images: (n, height, width, channels), blank where 0. labels: (n,).
        real: (n,) True for those to draw from, which come first.
    """
    n, height, width, channels = images.shape
    u = jax.random.uniform(key, (n, longest + 1), jnp.float32)
    count = 1 + jnp.floor(u[:, :1] * longest).astype(jnp.int32)
    shown = jnp.arange(longest)[None, :] < count
    drawn = jnp.floor(u[:, 1:] * real.sum()).astype(jnp.int32)
    cells = jnp.where(shown[:, :, None, None, None], images[drawn], 0)
    in_a_row = cells.transpose(0, 2, 1, 3, 4).reshape(n, height, longest * width, channels)
    return Lines(in_a_row, jnp.where(shown, labels[drawn], -1))


@dataclass(frozen=True)
class Reader(ModelPredictor):
    """A model that reads lines; frames behind the last image of a line do not count.

    Attributes:
        width: of one image of a line.
    """

    width: int = 1

    def predict(
        self, params: Params, model_state: PyTree, scalars: Mapping[str, Any], inputs: jax.Array, stats: PyTree
    ) -> jax.Array:
        """The labels (n, frames) of lines, -1 behind the last. A line ends with the last image that is not blank."""
        frames, _ = self(params, model_state, scalars, inputs, stats)
        inked = (inputs != 0).any((1, 3)).reshape(len(inputs), -1, self.width).any(-1)
        images = (jnp.arange(1, inked.shape[1] + 1)[None, :] * inked).max(1)
        return packed(greedy(frames, self.lengths(images, frames)))

    def lengths(self, images: jax.Array, frames: jax.Array) -> jax.Array:
        """How many frames so many images (n,) at the beginning of a line have."""
        return images * self.width * frames.shape[1] // self.shape[1]


@dataclass(frozen=True)
class Reading(MinibatchObjective):
    """Minimise a loss of label sequences on lines that are composed at every step. An `Objective`."""

    predictor: Reader
    longest: int

    def batch_loss(self, context: Context, batch: Batch) -> BatchResult:
        lines = compose(
            context.draws, batch["inputs"], batch["labels"], context.real(len(batch["labels"])), self.longest
        )
        frames, model_state = self.predict(context, lines.images)
        lengths = self.predictor.lengths(lines.lengths, frames)
        parts = self.loss_sum(context, frames, lines.labels + 1, lengths, lines.lengths, where=context.where)
        edits = edit_distance(greedy(frames, lengths), lines.labels)
        return BatchResult(
            parts, model_state, {"edits": edits.astype(jnp.float32), "labels": lines.lengths.astype(jnp.float32)}
        )

    def finish(self, statistics: Metrics) -> Metrics:
        return {"label_error_rate": statistics["edits"] / statistics["labels"]}


@rebuilds("lines")
def reader(about: Mapping[str, Any], model: StaticPartial, shape: tuple[int, ...], dtype: Dtype, words: str) -> Reader:
    """Make a model that reads lines; it predicts the labels (n, frames), -1 behind the last."""
    return Reader(model, shape, about["classes"] + 1, dtype, frames=True, width=shape[1] // about["longest"])


@task(
    family="sequences",
    loss="ctc",
    model="tdnn",
    reference="Graves et al. 2006, ICML; images: Alpaydin & Kaynak 1998, UCI (test set), from scikit-learn",
)
def digit_lines(longest: int = 5, held_out: float = 0.2, test: float = 0.0) -> Task:
    """Read lines of handwritten digits: one to `longest` real images side by side.

    Metric: label_error_rate, the edits between the read and the true labels, divided by the number of true labels.

    Args:
        longest: digits of a line, at most. held_out: share of the images for the lines that choose, in (0, 1).
        test: share for the lines that the trained parameters are evaluated on once, in [0, 1).
    """
    singles = digits(held_out, test)
    height, width, channels = singles.rows["inputs"].shape[1:]
    about = {**singles.about, "kind": "lines", "longest": longest}

    def objective(config: ObjectiveConfig) -> Reading:
        if dict(config.loss.static).get("blank", 0) != 0:
            raise PadlError("loss.blank: class 0 is the blank of this task, and class c + 1 is digit c")
        shape = (height, longest * width, channels)
        return Reading(reader(about, config.model, shape, config.dtype, config.words.predictions), config.loss, longest)

    fits = pairs({"sequences": ("frames",)})
    return Task(objective, singles.rows, singles.split, fits, METRICS, about)
