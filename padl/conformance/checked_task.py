"""A task as checks see it: its data, with the model and the loss that it brings. CheckedTask, constant."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from padl.conformance.checked_item import CheckedItem
from padl.data.source import Data, Split, take
from padl.registry import Entry, StaticPartial
from padl.tasks.loss_inputs import Words
from padl.tasks.task import Objective, ObjectiveConfig, Task
from padl.types import HParams, Key, PadlError, PyTree

BATCH, STEPS, RATE = 32, 30, 0.01
MOST = 256  # rows of a side that are looked at
GUESS_STEPS, GUESS_RATE = 200, 0.1


@dataclass(frozen=True, eq=False)
class CheckedTask(CheckedItem):
    """A task that is put through checks.

    Attributes:
        model, loss: those that it brings; None of a task that needs none.
    """

    model: Entry | None = None
    loss: Entry | None = None

    def make(self) -> Task:
        """Make the task."""
        return self.choice(**self.numbers)

    @cached_property
    def task(self) -> Task:
        """The task, made once."""
        return self.make()

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return max(map(len, self.task.rows.values()), default=0)

    def sides(self, seed: int) -> Split:
        """The split of a seed."""
        return self.task.split(seed, self.numbers)

    @cached_property
    def data(self) -> Data:
        """The data of seed 0, of which each side keeps some rows."""
        data = Data({name: np.asarray(a) for name, a in self.task.rows.items()}, self.sides(0))
        if not self.rows:
            return data
        return data.training_on(data.split.train[:MOST]).evaluating(data.split.held_out[:MOST])

    def batch(self, rows: int = BATCH) -> Mapping[str, Any]:
        """The first training rows; {} of a task without data."""
        return take(self.data.rows, self.data.split.train[:rows]) if self.rows else {}

    @cached_property
    def hparams(self) -> HParams:
        """The numbers of the run, as data."""
        numbers = {
            kind: {} if e is None else e.split({})[1] for kind, e in (("model", self.model), ("loss", self.loss))
        }
        every = {**numbers, "task": self.numbers, "optimizer": {}, "schedule": {}, "run": {}}
        return jax.tree.map(np.float32, every)

    def objective(self, judged_by: str = "", model: StaticPartial | None = None, again: bool = False) -> Objective:
        """What is minimised, with its own loss.

        Args:
            model: another than its own. again: of a task that is made once more.
        """
        task = self.make() if again else self.task
        if self.loss is None or self.model is None:
            return task.objective(None)
        words = Words(self.loss.traits.get("targets", task.fits[0].targets), self.loss.traits.get("predictions", ""))
        choice = self.model.split({})[0] if model is None else model
        return task.objective(ObjectiveConfig(choice, self.loss.split({})[0], words, judged_by=judged_by))

    @cached_property
    def trained(self) -> PyTree:
        """What some steps of Adam on one batch lead to: {"before", "after": (sum, count) of its loss, "measured":
        metrics of held-out rows}."""
        return jax.device_get(self.train(self.objective(), self.hparams, STEPS, RATE))

    def train(self, objective: Objective, hparams: HParams, steps: int, rate: float, rows: int = BATCH) -> PyTree:
        """Train on the first rows, all of them in each step, and evaluate on held-out ones."""
        tx = optax.adam(rate)

        @jax.jit
        def run(hparams: HParams, data: Data, batch: Any, key: Key) -> PyTree:
            params, model_state = objective.init(key, hparams)
            loss = lambda p, s: objective.loss(p, s, hparams, batch, data.stats, key)  # noqa: E731

            def mean(p: PyTree, s: PyTree) -> Any:
                (total, count), (after, _) = loss(p, s)
                return total / jnp.maximum(count, 1), after

            def step(carry: Any, _: Any) -> Any:
                p, s, opt = carry
                grads, s = jax.grad(mean, has_aux=True)(p, s)
                updates, opt = tx.update(grads, opt, p)
                return (optax.apply_updates(p, updates), s, opt), None

            before = loss(params, model_state)[0]
            (p, s, _), _ = jax.lax.scan(step, (params, model_state, tx.init(params)), None, length=steps)
            return {"before": before, "after": loss(p, s)[0], "measured": objective.evaluate(p, s, hparams, data)}

        return run(hparams, self.data, self.batch(rows), jax.random.key(0))

    def guess(self) -> dict[str, float]:
        """Measure what the best constant guess comes to: outputs that are the same for all inputs, fitted to training
        rows, on held-out rows. {} of a task without a model."""
        if self.model is None:
            return {}
        hparams = {**self.hparams, "model": {}}
        for frames in (False, True):
            choice = StaticPartial(partial(constant, frames=frames))
            try:
                found = self.train(self.objective(model=choice), hparams, GUESS_STEPS, GUESS_RATE, MOST)
            except PadlError:
                continue
            return {name: float(x) for name, x in found["measured"].items()}
        return {}


class Constant(nnx.Module):
    """Outputs that are the same for all inputs."""

    def __init__(self, outputs: int, frames: bool):
        self.bias, self.frames = nnx.Param(jnp.zeros(outputs)), frames

    def __call__(self, x: jax.Array, key: Key | None = None) -> jax.Array:
        batch = (x.shape[0], x.shape[2]) if self.frames else (x.shape[0],)
        return jnp.broadcast_to(self.bias[...].reshape(*[1] * len(batch), -1), (*batch, self.bias.shape[0]))


def constant(shape: tuple[int, ...], outputs: int, *, rngs: nnx.Rngs, frames: bool = False) -> nnx.Module:
    """Make a model that looks at no input."""
    return Constant(outputs, frames)
