"""Tasks with one mistake each: {check: what it is to catch}. They fit a line, without PADL's own objectives."""

import itertools
from dataclasses import dataclass, field, replace

import jax
import jax.numpy as jnp
import numpy as np
from broken import Broken

from padl.data.source import Split
from padl.tasks.task import Task
from padl.types import Metric

ROWS = 40
DRAWS = np.random.default_rng(5)


@dataclass(frozen=True)
class Line:
    """Least squares by plain functions. An `Objective`; sign, extra and wide are for mistakes."""

    sign: float = 1.0
    extra: tuple[str, ...] = ()
    wide: bool = False

    def init(self, key, hparams):
        return {"w": jnp.zeros(2)}, {}

    def errors(self, params, batch):
        return (batch["inputs"] @ params["w"] - batch["targets"]) ** 2

    def loss(self, params, model_state, hparams, batch, stats, key):
        errors = self.sign * self.errors(params, batch)
        total = errors if self.wide else errors.sum()
        return (total, jnp.float32(len(errors))), (model_state, {})

    def evaluate(self, params, model_state, hparams, data):
        rows = {name: column[data.held_out.numbers] for name, column in data.rows.items()}
        mean = self.errors(params, rows).mean()
        return {"loss": mean, "rmse": jnp.sqrt(mean), **dict.fromkeys(self.extra, mean)}

    def finish(self, statistics):
        return statistics


def line_of(objective=Line(), split=None, **columns):
    """The task, without a mistake where nothing is given."""
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(ROWS, 2)).astype(np.float32)
    rows = {"inputs": inputs, "targets": inputs @ np.float32([1.0, -2.0]), **columns}
    make = objective if callable(objective) else lambda config: objective
    return Task(make, rows, halves if split is None else split, (), (Metric("rmse"),), {"kind": "line"})


def halves(seed, scalars):
    order = np.random.default_rng(seed).permutation(ROWS).astype(np.int32)
    return Split(np.sort(order[:30]), np.sort(order[30:]), {})


def on_two_sides():
    def split(seed, scalars):
        found = halves(seed, scalars)
        return found._replace(train=np.append(found.train, found.held_out[0]))

    return line_of(split=split)


def forgets_a_row():
    return line_of(split=lambda seed, scalars: halves(seed, scalars)._replace(train=halves(seed, scalars).train[1:]))


def one_split():
    return line_of(split=lambda seed, scalars: halves(0, scalars))


def other_data_each_time():
    return line_of(noise=DRAWS.normal(size=ROWS).astype(np.float32))


def not_a_number():
    return line_of(unused=np.where(np.arange(ROWS) == 7, np.nan, 0).astype(np.float32))


@dataclass(frozen=True)
class Lonely(Line):
    """Equal to nothing but itself."""

    number: int = field(default_factory=itertools.count().__next__)


def compiled_anew():
    return line_of(objective=lambda config: Lonely())


def a_loss_for_each_row():
    return line_of(objective=Line(wide=True))


def measures_in_secret():
    return line_of(objective=Line(extra=("mae",)))


def declares_too_much():
    return replace(line_of(), metrics=(Metric("rmse"), Metric("r2", "max")))


@dataclass(frozen=True)
class Steep(Line):
    """Its gradient has the wrong sign."""

    def errors(self, params, batch):
        flipped = jax.tree.map(lambda p: 2 * jax.lax.stop_gradient(p) - p, params)
        return super().errors(flipped, batch)


def climbs():
    return line_of(objective=Steep())


BROKEN = {
    "sides_are_disjoint": Broken(on_two_sides),
    "sides_are_complete": Broken(forgets_a_row),
    "seed_chooses_the_split": Broken(one_split),
    "same_data_twice": Broken(other_data_each_time),
    "rows_are_finite": Broken(not_a_number),
    "equal_objectives": Broken(compiled_anew),
    "loss_of_a_batch": Broken(a_loss_for_each_row, also=("loss_goes_down",)),
    "metrics_are_declared": Broken(measures_in_secret),
    "loss_goes_down": Broken(climbs),
}
WIDE: dict[str, Broken] = {}
