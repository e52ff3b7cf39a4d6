"""What overflowed of an optimizer's state is counted: after an evaluation, of a run and of each lane."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import padl
from padl import optimizers
from padl.data.source import Data
from padl.data.split import Holdout
from padl.engine import lanes, loop, sweep
from padl.engine.experiment import Experiment
from padl.engine.keys import key_of
from padl.engine.lanes import Lanes, Members, Structure
from padl.engine.overflow import overflowed
from padl.losses.reduce import reduce
from padl.registry import StaticPartial
from padl.tasks.loss_inputs import Words
from padl.tasks.regression import regression
from padl.tasks.task import ObjectiveConfig

RNG = np.random.default_rng(0)
TASK = regression(RNG.standard_normal((24, 3)), RNG.standard_normal(24), holdout=Holdout(1 / 3), where="rows")
PARAMS = {"w": jnp.ones((2, 3)), "b": jnp.ones(2)}


def steep(predictions, targets, *, scale, where=None, reduction="mean"):
    """A loss whose gradient is of the size `scale`, however near the target."""
    return reduce(scale * (predictions - targets), where=where, reduction=reduction)


def structure():
    objective = TASK.objective(
        ObjectiveConfig(StaticPartial(padl.models.linear), StaticPartial(steep), Words("values"))
    )
    return Structure(Experiment(objective, optimizers.rmsprop, padl.schedules.constant, 8), 4, 2, 2, TASK.criterion)


def members(*scales):
    numbers = {"optimizer": {"learning_rate": 0.01}, "run": {"steps": 4}, "schedule": {}, "model": {}, "task": {}}
    hparams = [jax.tree.map(np.float32, {**numbers, "loss": {"scale": scale}}) for scale in scales]
    splits = lanes.stack([TASK.split(0, {}) for _ in scales])
    keys = np.zeros((len(scales), 2), np.uint32)
    return Members(keys, lanes.stack(hparams), Data(dict(TASK.rows), splits))


@pytest.mark.parametrize("name", ["adagrad", "rmsprop", "adadelta", "adam", "adamw", "nadam", "amsgrad", "adan"])
def test_a_gradient_whose_square_float32_cannot_hold_is_counted_once_for_each_number(name):
    tx = getattr(optimizers, name)()
    grads = {"w": jnp.zeros((2, 3)).at[0, 1].set(3e19), "b": jnp.array([1.0, -2e20])}
    _, state = tx.update(grads, tx.init(PARAMS), PARAMS)
    assert int(overflowed(state, PARAMS)) == 2
    _, state = tx.update(jax.tree.map(jnp.ones_like, PARAMS), tx.init(PARAMS), PARAMS)
    assert int(overflowed(state, PARAMS)) == 0


def test_what_does_not_mirror_the_parameters_may_be_infinite():
    beside = {"best": jnp.inf, "window": jnp.full(5, jnp.inf), "count": jnp.zeros((), jnp.int32)}
    assert int(overflowed((beside, jax.tree.map(jnp.zeros_like, PARAMS)), PARAMS)) == 0
    assert int(overflowed((beside, {"w": jnp.full((2, 3), jnp.inf), "b": jnp.zeros(2)}), PARAMS)) == 6
    assert int(overflowed((), PARAMS)) == 0


def test_a_run_counts_at_its_evaluations_and_a_sweep_for_each_member():
    s, who = structure(), members(1.0, 1e21)
    counts = {0: [], 1: []}
    for progress in sweep.run(s, who, Lanes("vmap", 2, tuple(jax.devices()[:1]))):
        for member, chunk in progress.chunks:
            counts[member].append(chunk.overflowed)
    keys, hparams, data, _ = who.take(np.array(1))
    chunks = loop.run(
        s.experiment, key_of(keys), hparams, jax.device_put(data), steps=4, steps_per_call=1, eval_every=2,
        criterion=s.criterion,
    )  # fmt: skip
    alone = [chunk.overflowed for chunk in chunks]
    parameters = 4  # three weights and a bias
    assert set(counts[0]) == {0}
    assert set(counts[1]) == {parameters}
    assert alone == [0, parameters, 0, parameters]
