"""What a task is: data that go to the device as an argument, and an objective that the compiled program is made of.

The two are apart so that equal objectives share one program whatever the data hold. A seed chooses the split, never the
data themselves, so that the members of a sweep share one copy of them.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol

import jax
import numpy as np

from padl.data.source import Data, Split
from padl.tasks.loss_inputs import Words
from padl.types import LOSS, Criterion, HParams, Key, Metric, Metrics, PadlError, Params, PyTree


class Objective(Protocol):
    """What is minimised, as pure functions; hashable, so that equal objectives share a compiled program."""

    def init(self, key: Key, hparams: HParams, data: Data) -> tuple[Params, PyTree]:
        """Parameters, and the rest of the model's state, which no gradient reaches."""
        ...

    def loss(
        self, params: Params, model_state: PyTree, hparams: HParams, data: Data, rows: jax.Array | None, key: Key
    ) -> tuple[tuple[jax.Array, jax.Array], tuple[PyTree, Metrics]]:
        """((sum, count), (rest, statistics)) over `rows`, int32 (batch,); statistics are means over them."""
        ...

    def evaluate(self, params: Params, model_state: PyTree, hparams: HParams, data: Data) -> Metrics:
        """Loss and metrics over the held-out rows."""
        ...

    def finish(self, statistics: Metrics) -> Metrics:
        """Means over rows -> metrics."""
        ...


@dataclass(frozen=True)
class Task:
    """A task, ready to be trained on.

    Attributes:
        objective: (model, loss, its word for targets, compute dtype, predictions=, decides=) -> Objective; the last two
            are what the loss says of its predictions and of the best parameters, "" where it says nothing.
        rows: dict of arrays (n, ...), on the host.
        split: (seed, the task's scalars) -> Split.
        fits: what its losses may call their targets and predictions, the usual first; none: it needs no loss.
        metrics: what is measured; the first says which parameters are the best. The loss is measured too.
        about: what a reader wants to know of the data, for the records.
    """

    objective: Callable[..., Objective]
    rows: Mapping[str, np.ndarray]
    split: Callable[[int, Mapping[str, float]], Split]
    fits: tuple[Words, ...]
    metrics: tuple[Metric, ...]
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def criterion(self) -> Criterion:
        """What says which parameters are the best."""
        return Criterion(self.metrics[0].name, self.metrics[0].direction)

    def metric(self, name: str) -> Metric | None:
        """The declared metric of this name, the loss among them; None where none is declared."""
        return next((metric for metric in (*self.metrics, LOSS) if metric.name == name), None)

    def judged_by(self, name: str) -> "Task":
        """The task, its best parameters chosen by another of its metrics.

        Raises:
            PadlError: it declares no such metric.
        """
        metric = self.metric(name)
        if metric is None:
            known = ", ".join(m.name for m in (*self.metrics, LOSS))
            raise PadlError(f"no metric '{name}' to judge by: this task declares {known}")
        return replace(self, metrics=(metric, *(m for m in self.metrics if m.name != name)))

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of all rows: other data, another digest."""
        total = hashlib.sha256()
        for name in sorted(self.rows):
            total.update(f"{name}{self.rows[name].shape}{self.rows[name].dtype}".encode())
            total.update(np.ascontiguousarray(self.rows[name]).data)
        return total.hexdigest()
