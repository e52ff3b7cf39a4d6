"""Runs of a model whose parameters are bfloat16, with each wrapper around an optimizer that keeps bfloat16 slots."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from wrapper_names import WRAPPERS

import padl
from padl import registry
from padl.app.names import part
from padl.data.source import Data
from padl.engine.experiment import Experiment
from padl.optimizers.moments import Moments
from padl.tasks.own_objective import objective

ADAM = {"name": "adam", "learning_rate": 0.01, "mu_dtype": "bfloat16", "nu_dtype": "bfloat16_stochastic"}
X = np.random.default_rng(0).standard_normal((40, 3)).astype(np.float32)
STEPS = 4


def init(key):
    kernel = jax.random.normal(key, (3, 2), jnp.bfloat16)
    return {"layer": {"kernel": kernel, "bias": jnp.zeros(2, jnp.bfloat16)}}


def cost(params, batch, key):
    out = batch["x"].astype(jnp.bfloat16) @ params["layer"]["kernel"] + params["layer"]["bias"][None]
    return jnp.square(out.astype(jnp.float32) - batch["x"][:, :2]).mean()


TASK = objective(init=init, loss=cost, rows={"x": X})
DATA = Data(TASK.rows, TASK.split(0, {}))


def started(name):
    entry = registry.optimizer.get(name)
    wrap = {name: {k: v for k, v in entry.traits.get("shown_at", {}).items() if k != "inner"}}
    found = part("optimizer", {**ADAM, "wrap": wrap})
    numbers = {"schedule": {}, "model": {}, "loss": {}, "task": {}, "run": {"steps": STEPS}}
    hp = jax.tree.map(np.float32, {**numbers, "optimizer": found.scalars})
    experiment = Experiment(TASK.objective(None), found.choice, padl.schedules.constant, 8)
    return experiment, hp


def moments_and_others(state):
    """The slots of adam, and all other arrays of floating point."""
    parts = jax.tree.leaves(state, is_leaf=lambda x: isinstance(x, Moments))
    moments = [x for x in parts if isinstance(x, Moments)]
    others = [x for x in parts if not isinstance(x, Moments) and jnp.issubdtype(x.dtype, jnp.floating)]
    return jax.tree.leaves(moments), others


@pytest.mark.parametrize("name", WRAPPERS)
def test_parameters_stay_bfloat16_and_slots_as_they_are_declared_in_one_program(name):
    """A scan takes no step whose state is of another form than the one before: nothing is compiled anew."""
    experiment, hp = started(name)

    @jax.jit
    def run(key, hp, data):
        begin = experiment.init(key, hp)
        end, metrics = jax.lax.scan(lambda state, _: experiment.step(state, hp, data), begin, length=STEPS)
        return begin.params, end, experiment.readout(end, hp), metrics["loss"]

    begin, end, judged, losses = run(jax.random.key(0), hp, DATA)
    assert np.isfinite(losses).all()
    assert {x.dtype for x in jax.tree.leaves((end.params, judged))} == {jnp.dtype("bfloat16")}
    moments, others = moments_and_others(end.opt_state)
    assert {x.dtype for x in moments} == {jnp.dtype("bfloat16")}
    assert {x.dtype for x in others} <= {jnp.dtype("float32")}
    for x in jax.tree.leaves((end.params, end.opt_state, judged)):
        assert jnp.isfinite(x.astype(jnp.float32)).all()
    assert (begin["layer"]["kernel"] != end.params["layer"]["kernel"]).any()
