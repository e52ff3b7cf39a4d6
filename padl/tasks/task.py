"""What a task is: data that go to the device as an argument, and an objective that the compiled program is made of.

The two are apart so that equal objectives share one program whatever the data hold. A seed chooses the split, never the
data themselves, so that the members of a sweep share one copy of them.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import jax
import numpy as np

from padl.data.source import Batch, Data, Split
from padl.readable import Card, Readable, number
from padl.registry import StaticPartial
from padl.tasks.loss_inputs import Words
from padl.tasks.predictor import Dtype
from padl.types import LOSS, Criterion, HParams, Key, Metric, Metrics, PadlError, Params, PyTree, one_line

LARGE = 2**26  # bytes of rows: more are not split to be shown


class Objective(Protocol):
    """What is minimised, as pure functions; hashable, so that equal objectives share a compiled program.

    It may have a method `roles(hparams)` too, which gives a `ParameterRole` for each parameter, in a tree like them.
    """

    def init(self, key: Key, hparams: HParams) -> tuple[Params, PyTree]:
        """Make the parameters, and the model's state, which no gradient reaches."""
        ...

    def loss(
        self, params: Params, model_state: PyTree, hparams: HParams, batch: Batch, stats: PyTree, key: Key
    ) -> tuple[tuple[jax.Array, jax.Array], tuple[PyTree, Metrics]]:
        """Compute ((sum, count) of the loss, (model state after it, statistics)) of a batch.

        The engine calls it in every step, and differentiates the sum.

        Args:
            batch: a dict of arrays (rows, ...), {} for a task without data. stats: of the training rows.
            key: of this step. The statistics are means over the rows.
        """
        ...

    def evaluate(self, params: Params, model_state: PyTree, hparams: HParams, data: Data) -> Metrics:
        """Compute "loss" and the metrics over `data.held_out`, whose rows come a batch at a time."""
        ...

    def finish(self, statistics: Metrics) -> Metrics:
        """Make metrics of the statistics of a batch, or of their means over batches."""
        ...


class ObjectiveConfig(NamedTuple):
    """What a run gives a task to make its objective of.

    Attributes:
        model, loss: their functions, with the static part of their hyperparameters.
        words: what the loss calls its targets and predictions; predictions are "" where it takes outputs as they are.
        dtype: of the model's arithmetic, "float32" or "bfloat16".
        judged_by: the metric that says which parameters are the best where the loss says so; "" where it does not.
    """

    model: StaticPartial
    loss: StaticPartial
    words: Words
    dtype: Dtype = "float32"
    judged_by: str = ""


@dataclass(frozen=True, repr=False)
class Task(Readable):
    """A task, ready to be trained on. It shows its columns, without their numbers.

    Attributes:
        objective: ObjectiveConfig -> Objective; None -> Objective for a task that needs no loss and no model.
        rows: dict of arrays (n, ...), on the host.
        split: (seed, the task's scalars) -> Split.
        fits: what its losses may call their targets and predictions, the usual first; none: it needs no loss and no
            model, be it with rows or without.
        metrics: what is measured; the first says which parameters are the best. The loss is measured too.
        about: what a reader wants to know of the data, for the records.
        streamed: the training rows stay on the host, as in a memory-mapped file, and are read ahead of the device.
        describe: split -> data.json of a run: how its data were read and encoded; None for data that need no saying.
        said: lines of how the data were read, printed before a run and kept in its summary.
    """

    objective: Callable[..., Objective]
    rows: Mapping[str, np.ndarray]
    split: Callable[[int, Mapping[str, float]], Split]
    fits: tuple[Words, ...]
    metrics: tuple[Metric, ...]
    about: Mapping[str, Any] = field(default_factory=dict)
    streamed: bool = False
    describe: Callable[[Split], Mapping[str, Any]] | None = None
    said: tuple[str, ...] = ()

    def card(self) -> Card:
        """Say what there is to learn, from which columns."""
        kind, count = str(self.about.get("kind", "")), max(map(len, self.rows.values()), default=0)
        facts = {
            "classes": ", ".join(map(str, self.about.get("names", ()))) or number(self.about.get("classes")),
            "held out": self._held_out() if count else "",
            "metrics": ", ".join(metric.name for metric in self.metrics),
            "losses": f"of {', '.join(dict.fromkeys(words.targets for words in self.fits))}" if self.fits else "",
            "read": "from disk, as rows are needed" if self.streamed else "",
        }
        columns = [[name, str(array.shape), str(array.dtype)] for name, array in self.rows.items()]
        title = f"task: {kind}{f', {count:,} rows' if count else ', no data'}"
        return Card(title, facts, ("column", "shape", "type"), columns)

    def _held_out(self) -> str:
        """How many rows, where that is known at once."""
        if self.streamed or sum(array.nbytes for array in self.rows.values()) > LARGE:
            return "as the seed says"
        try:
            sides = self.split(0, defaultdict(float))
        except Exception as error:  # a plugin's split: what shows a task raises nothing
            return f"not known: {one_line(error)}"
        return f"{len(sides.held_out):,} rows of seed 0"

    @property
    def criterion(self) -> Criterion:
        """What says which parameters are the best."""
        return Criterion(self.metrics[0].name, self.metrics[0].direction)

    def metric(self, name: str) -> Metric | None:
        """Return the declared metric of this name, the loss among them; None where none is declared."""
        return next((metric for metric in (*self.metrics, LOSS) if metric.name == name), None)

    def judged_by(self, name: str) -> "Task":
        """Judge by another of its metrics: that chooses the best parameters.

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
